"""
How far each kind of event is from a table of its own, and when it gets it.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import ListingEventCounts
from databricks_forwarder.answers import Prospect
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.mparticle.names import owner_of
from databricks_forwarder.routers._giving import Proposed, give_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from databricks_forwarder.model import EventKind, TableName
    from databricks_forwarder.protocols import EventCounts, Naming

__all__ = ["foreseen", "likely_day", "per_day"]

# A week, so that its weekend counts once; one day alone is no habit.
_DAYS = 7
_LEAST = 2


def foreseen(  # noqa: PLR0913  # settings of a router, by keyword
    counts: EventCounts,
    *,
    naming: Naming,
    reserved: Collection[TableName],
    threshold: int,
    window_days: int,
    sticky: bool,
    today: date,
) -> Sequence[Prospect]:
    """
    Tell how far each kind is, the likeliest to be next first.

    Args:
        counts: The messages of each kind by day, and the names given.
        naming: What a kind's table is named after.
        reserved: Names that no kind gets.
        threshold: Messages that give a kind a table.
        window_days: How far back they count; the first day does.
        sticky: Whether a kind keeps the table that it was given.
        today: The day that is not over yet.

    Raises:
        ConfigurationError: The counts can't be looked through.
    """
    if not offers(counts, ListingEventCounts):
        msg = f"{type(counts).__name__} can't be looked through as a whole"
        raise ConfigurationError(msg)
    window = timedelta(days=window_days)
    kept = counts.kept(since=today - window)
    days = {kind: kept[kind] for kind in kept if kind.event_type is not None}
    given = counts.names()
    names = {**given, **_to_come(days, given, counts, naming, reserved)}
    foresight = _Foresight(today, window, threshold, sticky=sticky)
    prospects = [
        foresight.prospect(
            kind, each, names[owner_of(kind)], was_given=owner_of(kind) in given
        )
        for kind, each in days.items()
    ]
    return sorted(prospects, key=_promise)


@attrs.frozen
class _Foresight:
    """
    What a kind's days are held against.
    """

    today: date
    window: timedelta
    threshold: int
    sticky: bool = attrs.field(kw_only=True)

    def prospect(
        self,
        kind: EventKind,
        days: Mapping[date, int],
        name: TableName,
        *,
        was_given: bool,
    ) -> Prospect:
        count, rate = sum(days.values()), per_day(days, today=self.today)
        has_table = was_given and (self.sticky or count >= self.threshold)
        likely_on = None
        if not has_table and (rate is not None or count >= self.threshold):
            likely_on = likely_day(
                days,
                rate or 0.0,
                today=self.today,
                window=self.window,
                threshold=self.threshold,
            )
        return Prospect(
            kind=kind,
            table=name,
            has_table=has_table,
            message_count=count,
            threshold=self.threshold,
            window_days=self.window.days,
            per_day=rate,
            likely_on=likely_on,
        )


def _to_come(
    kinds: Iterable[EventKind],
    given: Mapping[str, TableName],
    counts: EventCounts,
    naming: Naming,
    reserved: Collection[TableName],
) -> Mapping[str, TableName]:
    """
    The names that owners without one would get now.
    """
    owners = {kind: owner_of(kind) for kind in kinds}
    texts = {
        owner: naming(kind) for kind, owner in owners.items() if owner not in given
    }
    return give_names(Proposed(counts), texts, reserved=reserved)


def _promise(prospect: Prospect) -> tuple[bool, date, int, str]:
    """
    What prospects are sorted by: who is next, then who has come furthest.
    """
    likely_on = prospect.likely_on or date.max
    return prospect.has_table, likely_on, -prospect.message_count, prospect.table


def per_day(days: Mapping[date, int], *, today: date) -> float | None:
    """
    Messages a day, over the last whole days, seven at most.

    Args:
        days: Messages by day.
        today: The day that is not over yet.

    Returns:
        None if the kind has been there for less than two whole days.
    """
    first = min(days, default=today)
    span = min((today - first).days, _DAYS)
    if span < _LEAST:
        return None
    since = today - timedelta(days=span)
    return sum(count for day, count in days.items() if since <= day < today) / span


def likely_day(
    days: Mapping[date, int],
    rate: float,
    *,
    today: date,
    window: timedelta,
    threshold: int,
) -> date | None:
    """
    The first day on which the window holds enough, if each day brings *rate*.

    Days fall out of the window meanwhile, so a kind may never get there.

    Args:
        days: Messages by day, up to today.
        rate: Messages of each day from tomorrow on.
        today: The day that is not over yet.
        window: How far back messages count; the first day does.
        threshold: How many are enough.
    """
    for ahead in range(window.days + 2):
        day = today + timedelta(days=ahead)
        held = sum(count for each, count in days.items() if each >= day - window)
        if held + rate * min(ahead, window.days + 1) >= threshold:
            return day
    return None
