"""
Several routers as one: each key goes to the first that answers for it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import (
    ForeseeingRouter,
    GroupingRouter,
    LearningRouter,
    PreviewingRouter,
    PromotingRouter,
)
from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.model import (
        EventKey,
        EventKind,
        LoadId,
        Prospect,
        Table,
        TableName,
    )
    from databricks_forwarder.mparticle.batch import Batch
    from databricks_forwarder.protocols import Router

__all__ = ["FirstMatch"]


class FirstMatch:
    """
    Ask routers in turn; the first that answers for a key has the word.

    A router is asked only for the keys that those before it left out. What was
    loaded is told to all that learn, with the messages of all keys: mParticle
    counts everything that was forwarded, whichever table it went to. Groups
    are named by the first router that names any, and by no other; which kinds have
    tables of their own is told by the first router that gives any, and which are on
    their way to one by the first that foresees.

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

    def __init__(self, *routers: Router) -> None:
        if not routers:
            raise ConfigurationError("FirstMatch needs at least one router")
        self.routers = routers
        # All are set only if they can do their work: who has a `group` is asked
        # for each batch, and who has a `preview` must give no name.
        for router in routers:
            if offers(router, GroupingRouter):
                self.group = router.group
                break
        for router in routers:
            if offers(router, PromotingRouter):
                self.promoted = router.promoted
                break
        if all(offers(router, PreviewingRouter) for router in routers):
            self.preview = self._preview
        for router in routers:
            if offers(router, ForeseeingRouter):
                self.foresee = router.foresee
                break

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
    asked: Iterable[
        Callable[[Mapping[EventKey, int]], Mapping[EventKey, Table | None]]
    ],
    counts: Mapping[EventKey, int],
) -> Mapping[EventKey, Table | None]:
    tables: dict[EventKey, Table | None] = {}
    left = dict(counts)
    for ask in asked:
        if not left:
            break
        answers = ask(left)
        tables.update({key: answers[key] for key in left if key in answers})
        left = {key: count for key, count in left.items() if key not in answers}
    return tables
