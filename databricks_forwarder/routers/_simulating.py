"""
What other thresholds would have done, replayed over the counts kept.

A kind has, or gets, its table on a day exactly if its messages of the window that
ends with that day reach the threshold: they are the most that any load of the day
saw. So the days say the same as the loads did.
"""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import ListingEventCounts
from databricks_forwarder.answers import Outcome, SimulatedTable, Simulation
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.mparticle.names import candidates, is_kind, owner_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date

    from databricks_forwarder.model import EventKind, TableName
    from databricks_forwarder.protocols import EventCounts, Naming

__all__ = ["simulated"]

_KEPT = timedelta(days=400)


def simulated(  # noqa: PLR0913  # a router's settings, by keyword
    counts: EventCounts,
    thresholds: Sequence[int],
    *,
    today: int,
    window_days: int,
    sticky: bool,
    naming: Naming,
    on: date,
) -> Simulation:
    """
    Replay the days of all kinds.

    Args:
        counts: What was forwarded, and the names given.
        thresholds: Those asked for.
        today: The router's own.
        window_days: As the router's.
        sticky: As the router's.
        naming: As the router's.
        on: The day up to which it is asked.

    Raises:
        ConfigurationError: The counts can't be looked through, or a threshold
            is none.
    """
    thresholds = [_required(threshold) for threshold in thresholds]
    if not offers(counts, ListingEventCounts):
        msg = f"{type(counts).__name__} can't list what was counted: see kept"
        raise ConfigurationError(msg)
    window = timedelta(days=window_days)
    replay = _Replay(
        kept=counts.kept(since=on - _KEPT),
        names=counts.names(),
        since=on - window,
        window=window,
        sticky=sticky,
        naming=naming,
    )
    return Simulation(
        first_day=replay.since,
        last_day=on,
        is_sticky=sticky,
        message_count=sum(map(replay.recent, replay.kept)),
        kind_count=len(replay.kept),
        today=replay.outcome(today),
        outcomes=tuple(map(replay.outcome, thresholds)),
    )


@attrs.frozen(kw_only=True)
class _Replay:
    """
    What is replayed, and how.

    Attributes:
        since: First day of the window that ends now.
        window: From its first day to its last.
    """

    kept: Mapping[EventKind, Mapping[date, int]]
    names: Mapping[str, TableName]
    since: date
    window: timedelta
    sticky: bool
    naming: Naming

    def recent(self, kind: EventKind) -> int:
        """
        Messages of a kind in the window that ends now.
        """
        days = self.kept[kind].items()
        return sum(messages for day, messages in days if day >= self.since)

    def outcome(self, threshold: int) -> Outcome:
        """
        What *threshold* would have done.
        """
        found = (self._table(kind, threshold) for kind in self.kept)
        tables = [table for table in found if table is not None]
        owners = {owner_of(table.kind) for table in tables}
        own_count = sum(table.message_count for table in tables)
        return Outcome(
            threshold=threshold,
            tables=tuple(sorted(tables, key=lambda each: each.table)),
            lost=tuple(sorted(self._given_to_kinds(owners))),
            common_message_count=sum(map(self.recent, self.kept)) - own_count,
        )

    def _given_to_kinds(self, others: Collection[str]) -> Iterator[TableName]:
        """
        Names that kinds have, but for those of the owners *others*.
        """
        for owner, name in self.names.items():
            if is_kind(owner) and owner not in others:
                yield name

    def _table(self, kind: EventKind, threshold: int) -> SimulatedTable | None:
        if kind.event_type is None:
            return None
        reached = self._reached(self.kept[kind], threshold)
        if not reached:
            return None
        owner = owner_of(kind)
        wanted, *_ = candidates(self.naming(kind), owner)
        return SimulatedTable(
            table=self.names.get(owner, wanted),
            kind=kind,
            message_count=self._own(self.kept[kind], reached),
            reached_on=reached[0],
            is_there=owner in self.names,
        )

    def _own(self, days: Mapping[date, int], reached: Sequence[date]) -> int:
        """
        Messages of the window that go to the kind's own table.
        """
        first, rare = reached[0], days.keys() - reached
        return sum(
            messages
            for day, messages in days.items()
            if day >= self.since and (day >= first if self.sticky else day not in rare)
        )

    def _reached(self, days: Mapping[date, int], threshold: int) -> Sequence[date]:
        """
        The days whose window reaches *threshold*, in order.
        """
        reached = []
        total = 0
        waiting: deque[date] = deque()
        for day in sorted(days):
            waiting.append(day)
            total += days[day]
            while waiting[0] < day - self.window:
                total -= days[waiting.popleft()]
            if total >= threshold:
                reached.append(day)
        return reached


def _required(threshold: Any) -> int:
    if isinstance(threshold, bool) or not isinstance(threshold, int) or threshold < 1:
        msg = f"a threshold must be an integer of at least 1, not {threshold!r}"
        raise ConfigurationError(msg)
    return int(threshold)
