"""
What a router offers for trials, whatever it offers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import (
    ExplainingRouter,
    GroupingRouter,
    PreviewingRouter,
    RehearsingRouter,
)
from databricks_forwarder.answers import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from databricks_forwarder.model import EventKey, Table
    from databricks_forwarder.mparticle.batch import Batch
    from databricks_forwarder.protocols import EventCounts, Router

__all__ = ["reasons_of", "stand_in"]


def reasons_of(
    router: Router, counts: Mapping[EventKey, int], /, *, at: datetime
) -> Mapping[EventKey, Reason]:
    """
    Ask *router* why; of one that gives no reasons, only what it answers.
    """
    if offers(router, ExplainingRouter):
        return router.explain(counts, at=at)
    name = type(router).__name__
    return {
        key: Reason(key=key, table=table, rule="router", router=name)
        for key, table in _trial(router, counts, at=at).items()
    }


def stand_in(router: Router, over: Callable[[EventCounts], EventCounts], /) -> Router:
    """
    Rehearse *router*, or, if it can't be rehearsed, what it answers now.
    """
    if offers(router, RehearsingRouter):
        return router.rehearsal(over)
    return _AsItIs(router)


def _trial(
    router: Router, counts: Mapping[EventKey, int], *, at: datetime
) -> Mapping[EventKey, Table | None]:
    """
    Ask *router* by its preview, if it has one.
    """
    if offers(router, PreviewingRouter):
        return router.preview(counts, at=at)
    return router.route(counts, at=at)


class _AsItIs:
    """
    A router that is asked, and told nothing; by its preview, if it has one.
    """

    group: Callable[[Batch], str | None]

    def __init__(self, router: Router) -> None:
        self._router = router
        # Set only if there is one: who has a `group` is asked for each batch.
        if offers(router, GroupingRouter):
            self.group = router.group

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Ask the router.
        """
        return _trial(self._router, counts, at=at)

    def explain(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Reason]:
        """
        Ask the router why.
        """
        return reasons_of(self._router, counts, at=at)
