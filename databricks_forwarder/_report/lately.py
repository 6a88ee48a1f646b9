"""
What loads did over some time: rows by table, latencies, sizes; pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._report.charts import Bars, Range
from databricks_forwarder._report.words import plural, span, utc_day

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime

    from databricks_forwarder._report.facts import Facts
    from databricks_forwarder.model import LoadReport, TableName, TableReport

__all__ = ["Lately", "Latency", "TableSum", "latencies"]

# Of more tables the colours are no longer told apart.
_SERIES = 4
_POINTS = 60
OTHERS = "all other tables"
LOST = "dead or dropped by rule"


@attrs.define
class TableSum:
    """
    What one table got over some time.
    """

    name: TableName
    row_count: int = 0
    file_count: int = 0
    size_bytes: int = 0
    load_count: int = 0
    last_at: datetime | None = None

    def add(self, report: TableReport, at: datetime) -> None:
        """
        Take in what one load did.
        """
        self.row_count += report.row_count
        self.file_count += report.file_count
        self.size_bytes += report.size_bytes
        self.load_count += 1
        self.last_at = max(self.last_at or at, at)


@attrs.frozen
class Lately:
    """
    The loads that a report looks at: committed ones, and parked ones.
    """

    facts: Facts

    @property
    def loads(self) -> Sequence[LoadReport]:
        """
        All of them, oldest first.
        """
        first = self.days[0]
        parked = [
            each for each in self.facts.parked if utc_day(each.settled_at) >= first
        ]
        every = [*self.facts.loads, *parked]
        return sorted(every, key=lambda load: load.settled_at)

    @property
    def today(self) -> Sequence[LoadReport]:
        """
        Those that were settled today, in UTC.
        """
        today = utc_day(self.facts.at)
        return [load for load in self.loads if utc_day(load.settled_at) == today]

    @property
    def days(self) -> Sequence[date]:
        """
        The days that are looked at, today the last.
        """
        today = utc_day(self.facts.at)
        return [today - timedelta(days=ago) for ago in range(self.facts.days)][::-1]

    def daily(self) -> Sequence[Bars]:
        """
        Rows by table on each day, and what went to none.
        """
        return self._series(self.loads, self.days, utc_day)

    def hourly(self) -> Sequence[Bars]:
        """
        The same for each hour of today.
        """
        return self._series(self.today, range(24), lambda at: at.hour)

    def _series(
        self,
        loads: Sequence[LoadReport],
        places: Sequence[object],
        place_of: Callable[[datetime], object],
    ) -> Sequence[Bars]:
        named = self.largest
        rows: dict[str, Counter[object]] = {name: Counter() for name in named}
        rows |= {OTHERS: Counter(), LOST: Counter()}
        for load in loads:
            place = place_of(load.settled_at)
            for table in loaded(load):
                name = table.table if table.table in named else OTHERS
                rows[name][place] += table.row_count
            rows[LOST][place] += load.account.dead + load.account.dropped
        styles = [f"s{number}" for number in range(len(named))] + ["s4", "s5"]
        return [
            Bars(name, [counter[place] for place in places], style)
            for (name, counter), style in zip(rows.items(), styles, strict=True)
            if counter.total() or name in named
        ]

    @property
    def largest(self) -> Sequence[TableName]:
        """
        The tables with the most rows, which have colours of their own.
        """
        return [each.name for each in self.tables(self.loads)[:_SERIES]]

    def tables(self, loads: Iterable[LoadReport]) -> Sequence[TableSum]:
        """
        What each table got from *loads*, the most rows first.
        """
        sums: dict[TableName, TableSum] = {}
        for load in loads:
            for table in loaded(load):
                kept = sums.setdefault(table.table, TableSum(table.table))
                kept.add(table, load.settled_at)
        return sorted(sums.values(), key=lambda each: (-each.row_count, each.name))


def loaded(load: LoadReport) -> Sequence[TableReport]:
    """
    The tables of a load that are loaded.
    """
    return [table for table in load.tables if table.state == "loaded"]


@attrs.frozen
class Latency:
    """
    One of the three latencies of some loads.

    Attributes:
        name: Which.
        points: In seconds, along the time axis.
        middle: Of all loads, in seconds; None if none tells.
        most: The longest.
    """

    name: str
    points: Sequence[Range]
    middle: float | None
    most: float


def latencies(
    loads: Sequence[LoadReport], first: datetime, last: datetime
) -> Sequence[Latency]:
    """
    How long records were queued, carried, and both, over some time.

    Many loads are put together, some a point.
    """
    named: Sequence[tuple[str, Callable[[LoadReport], timedelta | None]]] = (
        ("Queued", lambda load: load.queued),
        ("Carried", lambda load: load.carrying),
        ("End to end", lambda load: load.end_to_end),
    )
    return [_latency(name, of, loads, first, last) for name, of in named]


def _latency(
    name: str,
    of: Callable[[LoadReport], timedelta | None],
    loads: Sequence[LoadReport],
    first: datetime,
    last: datetime,
) -> Latency:
    told = defaultdict(list)
    for load in loads:
        time = of(load)
        if time is not None:
            share = (load.settled_at - first) / (last - first)
            told[min(int(share * _POINTS), _POINTS - 1)].append(time.total_seconds())
    every = [seconds for some in told.values() for seconds in some]
    return Latency(
        name,
        [_range(place, told[place]) for place in sorted(told)],
        median(every) if every else None,
        max(every, default=0.0),
    )


def _range(place: int, seconds: Sequence[float]) -> Range:
    # A clock that was turned back makes times that never were.
    some = [max(each, 0.0) for each in seconds]
    middle = median(some)
    said, most = (span(timedelta(seconds=each)) for each in (middle, max(some)))
    told = f"{plural(len(some), 'load')}: {said}, at most {most}"
    return Range((place + 0.5) / _POINTS, min(some), middle, max(some), told)
