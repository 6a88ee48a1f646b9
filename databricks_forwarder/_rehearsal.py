"""
A router on trial: it answers as it would, and what it learns stays in here.

Event counts that can be listed are read once and then left alone, so a trial
sees them at one moment, and makes nothing in the place where they are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._routes import ask
from databricks_forwarder.abilities import ListingEventCounts
from databricks_forwarder.answers import Reason
from databricks_forwarder.counts._giving import newly_given
from databricks_forwarder.errors import RouteError, SetupError, TransientError
from databricks_forwarder.routers._giving import Proposed
from databricks_forwarder.routers._standing_in import reasons_of, stand_in

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    from databricks_forwarder.model import EventKey, EventKind, Table, TableName
    from databricks_forwarder.protocols import EventCounts, Router
    from databricks_forwarder.routers._giving import Known

__all__ = ["decided", "rehearsed"]


def rehearsed(router: Router) -> Router:
    """
    Put a router in the place of *router* that may be asked and told anything.

    One that offers no rehearsal is asked what it answers now, by its preview if
    it has one, and learns nothing.
    """
    made: dict[int, Proposed] = {}

    def over(counts: EventCounts) -> EventCounts:
        # Routers that share their counts share what happens to them.
        return made.setdefault(id(counts), Proposed(_once_read(counts)))

    return stand_in(router, over)


def decided(
    trial: Router, counts: Mapping[EventKey, int], common: Table, *, at: datetime
) -> Mapping[EventKey, Reason]:
    """
    Ask a rehearsed router as the walk asks, and why.

    Returns:
        For each key its table as the walk would note it, with the reason.

    Raises:
        RouteError: The router raised, or named what can't be a table.
        TransientError: What the router learns from is away for now.
        SetupError: What the router learns from can't be reached.
    """
    # First why: afterwards the names that are new are given.
    reasons = _reasons(trial, counts, at=at)
    routes = ask(trial, counts, common, at=at)
    return {
        key: attrs.evolve(
            reasons.get(key) or Reason(key=key, table=table, rule="left out"),
            table=table,
        )
        for key, table in routes.items()
    }


def _reasons(
    trial: Router, counts: Mapping[EventKey, int], *, at: datetime
) -> Mapping[EventKey, Reason]:
    if not counts:
        return {}
    try:
        return reasons_of(trial, counts, at=at)
    except (TransientError, SetupError):
        raise
    except Exception as error:
        msg = f"the router raised {type(error).__name__}"
        raise RouteError(msg) from error


def _once_read(counts: EventCounts) -> Known:
    return _OnceRead(counts) if offers(counts, ListingEventCounts) else counts


class _OnceRead:
    """
    Event counts as they were when they were first asked for.
    """

    def __init__(self, counts: ListingEventCounts) -> None:
        self._counts = counts
        self._totals: dict[date, Mapping[EventKind, int]] = {}
        self._names: Mapping[str, TableName] | None = None

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Sum the days of each kind from *since* on.
        """
        totals = self._totals.get(since)
        if totals is None:
            kept = self._counts.kept(since=since)
            totals = {kind: sum(days.values()) for kind, days in kept.items()}
            self._totals[since] = totals
        return {kind: totals[kind] for kind in kinds if kind in totals}

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        Tell the names already given to *owners*.
        """
        names = self._all_names()
        return {owner: names[owner] for owner in owners if owner in names}

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Answer as giving names would.
        """
        given = self.given(wishes)
        taken = set(self._all_names().values())
        return {**given, **newly_given(wishes, given=given, taken=taken)}

    def _all_names(self) -> Mapping[str, TableName]:
        if self._names is None:
            self._names = self._counts.names()
        return self._names
