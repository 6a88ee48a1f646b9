"""
A table of its own for each kind of event that is frequent enough.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import ListingEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import Prospect, Table, TableName
from databricks_forwarder.mparticle.batch import EVENT_TYPES
from databricks_forwarder.mparticle.names import common_name, kind_name, owner_of
from databricks_forwarder.routers._foresight import likely_day, per_day
from databricks_forwarder.routers._giving import Proposed, give_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from databricks_forwarder.model import EventKey, EventKind, LoadId
    from databricks_forwarder.protocols import EventCounts, Naming

__all__ = ["ThresholdRouter"]


def _require_count(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        msg = f"{attribute.name} must be an integer of at least 1, not {value!r}"
        raise ConfigurationError(msg)


def _require_window(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    _require_count(_, attribute, value)
    if value > 400:
        msg = f"window_days must be at most 400, not {value}: counts are kept no longer"
        raise ConfigurationError(msg)


def _require_name(_: object, attribute: attrs.Attribute[str], value: object) -> None:
    if not isinstance(value, str) or not value:
        msg = f"{attribute.name} must be the schema's name, not {value!r}"
        raise ConfigurationError(msg)


def _common_table(router: ThresholdRouter) -> Table:
    return Table(common_name(router.schema_name))


@attrs.frozen(eq=False)
class ThresholdRouter:
    """
    Send frequent kinds to tables of their own, all others to the common one.

    A kind is frequent when its messages in the window and those of the load
    at hand together reach the threshold. Messages are counted by day, so the
    window holds whole days: an event of *window_days* days ago still counts,
    whatever its hour, one of a day earlier does not. An event is so never
    forgotten before it is as old as the window, and at most a day after.

    A table of its own has the columns of its event type, or, when the library
    does not know the fields of that type, those of all event types.

    Args:
        counts: What was forwarded, and the names given.
        schema_name: Names the common table, ``<schema_name>_otherevents``.
        events_threshold: Messages that make a kind frequent, inclusive. The
            default is mParticle's.
        window_days: 1 to 400. The default is mParticle's.
        sticky: A kind that was given a table keeps it, also when it becomes
            rare. Otherwise its rows go to the common table while it is rare,
            and back to the same table of its own after that.
        send_batches_without_events: Send a batch without events to the common
            table; otherwise it is dropped.
        naming: What a kind's table is named after, before the name is made
            legal and unique.

    Raises:
        ConfigurationError: A value is out of its bounds, or the common table
            can't have its name.

    Source: mParticle, page of the Databricks warehouse integration. It says
    both "reached" and "exceeds"; here reaching the threshold is enough.
    """

    counts: EventCounts
    schema_name: str = attrs.field(kw_only=True, validator=_require_name)
    events_threshold: int = attrs.field(
        default=10_000, kw_only=True, validator=_require_count
    )
    window_days: int = attrs.field(default=30, kw_only=True, validator=_require_window)
    sticky: bool = attrs.field(default=True, kw_only=True)
    send_batches_without_events: bool = attrs.field(default=True, kw_only=True)
    naming: Naming = attrs.field(default=kind_name, kw_only=True)
    _common: Table = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(_common_table, takes_self=True),
    )

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Name the table of each key; all keys of one kind have the same.
        """
        messages = _by_kind(counts)
        names = self._own_names(messages, since=_day(at) - self._window)
        tables = {kind: self._table(kind, names.get(kind)) for kind in messages}
        return {key: tables[key.kind] for key in counts}

    def preview(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Answer as `route` would now.
        """
        return attrs.evolve(self, counts=Proposed(self.counts)).route(counts, at=at)

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        """
        Count the messages to the day of *at*.
        """
        self.counts.add(load_id, _by_kind(counts), on=_day(at))

    def foresee(self, *, at: datetime) -> Sequence[Prospect]:
        """
        Tell how far each kind is from a table of its own (R7).

        The counts hold what partner feeds brought, too: a kind of which
        nothing else comes has its messages here, and never a table.

        Raises:
            ConfigurationError: The counts can't be looked through.
        """
        if not offers(self.counts, ListingEventCounts):
            msg = f"{type(self.counts).__name__} can't be looked through as a whole"
            raise ConfigurationError(msg)
        today = _day(at)
        kept = self.counts.kept(since=today - self._window)
        days = {kind: kept[kind] for kind in kept if kind.event_type is not None}
        given = self.counts.names()
        names = {**given, **self._names_to_come(days, given)}
        prospects = [
            self._prospect(kind, each, names[owner_of(kind)], given, today)
            for kind, each in days.items()
        ]
        return sorted(prospects, key=_promise)

    def _names_to_come(
        self, kinds: Iterable[EventKind], given: Mapping[str, TableName]
    ) -> Mapping[str, TableName]:
        owners = {kind: owner_of(kind) for kind in kinds}
        texts = {
            owner: self.naming(kind)
            for kind, owner in owners.items()
            if owner not in given
        }
        return give_names(Proposed(self.counts), texts, reserved={self._common.name})

    def _prospect(
        self,
        kind: EventKind,
        days: Mapping[date, int],
        name: TableName,
        given: Mapping[str, TableName],
        today: date,
    ) -> Prospect:
        count, rate = sum(days.values()), per_day(days, today=today)
        is_given = owner_of(kind) in given
        has_table = is_given and (self.sticky or count >= self.events_threshold)
        likely_on = None
        if not has_table and (rate is not None or count >= self.events_threshold):
            likely_on = likely_day(
                days,
                rate or 0.0,
                today=today,
                window=self._window,
                threshold=self.events_threshold,
            )
        return Prospect(
            kind=kind,
            table=name,
            has_table=has_table,
            message_count=count,
            threshold=self.events_threshold,
            window_days=self.window_days,
            per_day=rate,
            likely_on=likely_on,
        )

    def promoted(
        self, kinds: Collection[EventKind], /
    ) -> Mapping[EventKind, TableName]:
        """
        The tables of their own that *kinds* were given, rare or frequent now.
        """
        owners = {kind: owner_of(kind) for kind in kinds if kind.event_type is not None}
        given = self.counts.given(list(owners.values()))
        return {kind: given[owner] for kind, owner in owners.items() if owner in given}

    @property
    def _window(self) -> timedelta:
        return timedelta(days=self.window_days)

    def _table(self, kind: EventKind, own: TableName | None) -> Table | None:
        if kind.event_type is None and not self.send_batches_without_events:
            return None
        if own is None:
            return self._common
        return Table(own, kind.event_type if kind.event_type in EVENT_TYPES else None)

    def _own_names(
        self, messages: Mapping[EventKind, int], *, since: date
    ) -> Mapping[EventKind, TableName]:
        """
        Name the kinds that have a table of their own now; give names to new ones.
        """
        owners = {
            kind: owner_of(kind) for kind in messages if kind.event_type is not None
        }
        given = self.counts.given(list(owners.values()))
        totals = self.counts.totals(list(owners), since=since)
        frequent = {
            kind: owner
            for kind, owner in owners.items()
            if totals.get(kind, 0) + messages[kind] >= self.events_threshold
            or (self.sticky and owner in given)
        }
        texts = {
            owner: self.naming(kind)
            for kind, owner in frequent.items()
            if owner not in given
        }
        new = give_names(self.counts, texts, reserved={self._common.name})
        names = {**given, **new}
        return {kind: names[owner] for kind, owner in frequent.items()}


def _promise(prospect: Prospect) -> tuple[bool, date, int, str]:
    """
    What prospects are sorted by: who is next, then who has come furthest.
    """
    likely_on = prospect.likely_on or date.max
    return prospect.has_table, likely_on, -prospect.message_count, prospect.table


def _by_kind(counts: Mapping[EventKey, int]) -> Mapping[EventKind, int]:
    messages: Counter[EventKind] = Counter()
    for key, count in counts.items():
        messages[key.kind] += count
    return messages


def _day(at: datetime) -> date:
    return at.astimezone(timezone.utc).date()
