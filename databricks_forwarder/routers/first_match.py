"""
Several routers as one: each key goes to the first that answers for it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import (
    ForeseeingRouter,
    GroupingRouter,
    LearningRouter,
    PreviewingRouter,
    PromotingRouter,
    SimulatingRouter,
)
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.routers._standing_in import reasons_of, stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.answers import Prospect, Reason, Simulation
    from databricks_forwarder.model import (
        EventKey,
        EventKind,
        LoadId,
        Table,
        TableName,
    )
    from databricks_forwarder.mparticle.batch import Batch
    from databricks_forwarder.protocols import EventCounts, Router

__all__ = ["FirstMatch"]

_Answer = TypeVar("_Answer")


class FirstMatch:
    """
    Ask routers in turn; the first that answers for a key has the word.

    A router is asked only for the keys that those before it left out. What was
    loaded is told to all that learn, with the messages of all keys: mParticle
    counts everything that was forwarded, whichever table it went to. Groups
    are named by the first router that names any, and by no other; which kinds have
    tables of their own is told by the first router that gives any, and which are on
    their way to one by the first that foresees.

    What other thresholds would have done is told by the first that can tell it.

    It can preview if all of them can. Each then previews for itself: where two
    of them would each give one and the same new name, the preview shows it
    twice, and routing gives the second another.

    Args:
        routers: At least one, the most special first.

    Raises:
        ConfigurationError: There is no router.
    """

    group: Callable[[Batch], str | None]
    preview: Callable[..., Mapping[EventKey, Table | None]]
    foresee: Callable[..., Sequence[Prospect]]
    promoted: Callable[[Collection[EventKind]], Mapping[EventKind, TableName]]
    simulate: Callable[..., Simulation]

    def __init__(self, *routers: Router) -> None:
        if not routers:
            raise ConfigurationError("FirstMatch needs at least one router")
        self.routers = routers
        # All are set only if they can do their work: who has a `group` is asked
        # for each batch, and who has a `preview` must give no name.
        for router in reversed(routers):
            if offers(router, GroupingRouter):
                self.group = router.group
            if offers(router, PromotingRouter):
                self.promoted = router.promoted
            if offers(router, ForeseeingRouter):
                self.foresee = router.foresee
            if offers(router, SimulatingRouter):
                self.simulate = router.simulate
        if all(offers(router, PreviewingRouter) for router in routers):
            self.preview = self._preview

    def __repr__(self) -> str:
        return f"FirstMatch({', '.join(map(repr, self.routers))})"

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Name a table for each key that any of the routers answers for.
        """
        asked = [partial(router.route, at=at) for router in self.routers]
        return _first_answers(asked, counts)

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        """
        Tell every router that learns, each with all messages.
        """
        for router in self.routers:
            if offers(router, LearningRouter):
                router.loaded(load_id, counts, at=at)

    def explain(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Reason]:
        """
        Give the reason of the first that answers; of who gives none, its name.
        """
        asked = [partial(reasons_of, router, at=at) for router in self.routers]
        return _first_answers(asked, counts)

    def rehearsal(self, over: Callable[[EventCounts], EventCounts], /) -> FirstMatch:
        """
        Put together what stands in for each.
        """
        return FirstMatch(*(stand_in(router, over) for router in self.routers))

    def _preview(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        asked = [
            partial(router.preview, at=at)
            for router in self.routers
            if offers(router, PreviewingRouter)
        ]
        return _first_answers(asked, counts)


def _first_answers(
    asked: Iterable[Callable[[Mapping[EventKey, int]], Mapping[EventKey, _Answer]]],
    counts: Mapping[EventKey, int],
) -> Mapping[EventKey, _Answer]:
    found: dict[EventKey, _Answer] = {}
    left = dict(counts)
    for ask in asked:
        if not left:
            break
        answers = ask(left)
        found.update({key: answers[key] for key in left if key in answers})
        left = {key: count for key, count in left.items() if key not in answers}
    return found
