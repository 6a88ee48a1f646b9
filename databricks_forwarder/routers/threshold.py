"""
A table of its own for each kind of event that is frequent enough.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.answers import Reason, Window
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import Table, TableName
from databricks_forwarder.mparticle.batch import EVENT_TYPES
from databricks_forwarder.mparticle.names import common_name, kind_name, owner_of
from databricks_forwarder.routers._foresight import foreseen
from databricks_forwarder.routers._giving import Proposed, give_names, naming_of
from databricks_forwarder.routers._simulating import simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from databricks_forwarder.answers import Prospect, Simulation
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
        default=attrs.Factory(
            lambda self: Table(common_name(self.schema_name)), takes_self=True
        ),
    )

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Name the table of each key; all keys of one kind have the same.
        """
        decided = self._decided(self.counts, _by_kind(counts), at)
        tables = {kind: self._table(kind, each.name) for kind, each in decided.items()}
        return {key: tables[key.kind] for key in counts}

    def preview(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Answer as `route` would now.
        """
        return self.rehearsal(Proposed).route(counts, at=at)

    def explain(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Reason]:
        """
        Give the count in the window, and what came of it.
        """
        decided = self._decided(Proposed(self.counts), _by_kind(counts), at)
        return {key: self._reason(key, decided[key.kind]) for key in counts}

    def rehearsal(
        self, over: Callable[[EventCounts], EventCounts], /
    ) -> ThresholdRouter:
        """
        Make the same router over other counts.
        """
        return attrs.evolve(self, counts=over(self.counts))

    def simulate(self, thresholds: Sequence[int], /, *, at: datetime) -> Simulation:
        """
        Replay all kinds' days with other thresholds.
        """
        return simulated(
            self.counts,
            thresholds,
            today=self.events_threshold,
            window_days=self.window_days,
            sticky=self.sticky,
            naming=self.naming,
            on=_day(at),
        )

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
        return foreseen(
            self.counts,
            naming=self.naming,
            reserved={self._common.name},
            threshold=self.events_threshold,
            window_days=self.window_days,
            sticky=self.sticky,
            today=_day(at),
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

    def _decided(
        self, known: EventCounts, messages: Mapping[EventKind, int], at: datetime
    ) -> Mapping[EventKind, _Decision]:
        """
        Hold each kind's count against the threshold; give names to new ones.
        """
        last_day = _day(at)
        first_day = last_day - self._window
        owners = {
            kind: owner_of(kind) for kind in messages if kind.event_type is not None
        }
        given = known.given(list(owners.values()))
        totals = known.totals(list(owners), since=first_day)
        windows = {
            kind: Window(
                first_day=first_day,
                last_day=last_day,
                forwarded=totals.get(kind, 0),
                at_hand=messages[kind],
                threshold=self.events_threshold,
            )
            for kind in owners
        }
        named = {
            kind: owner
            for kind, owner in owners.items()
            if not windows[kind].missing or (self.sticky and owner in given)
        }
        texts = {
            owner: self.naming(kind)
            for kind, owner in named.items()
            if owner not in given
        }
        new = give_names(known, texts, reserved={self._common.name})
        names = {**given, **new}
        return {
            kind: _Decision(
                windows.get(kind),
                names[named[kind]] if kind in named else None,
                was_named=owners.get(kind) in given,
            )
            for kind in messages
        }

    def _reason(self, key: EventKey, decision: _Decision) -> Reason:
        """
        Put in words what was decided for a key's kind.
        """
        kind, window, name = key.kind, decision.window, decision.name
        table = self._table(kind, name)
        if window is None:
            return Reason(
                key=key,
                table=table,
                rule="no event" if table else "dropped",
                router=type(self).__name__,
                setting=None if table else "send_batches_without_events",
            )
        return Reason(
            key=key,
            table=table,
            rule="rare" if name is None else "kept" if window.missing else "frequent",
            router=type(self).__name__,
            window=window,
            is_sticky=self.sticky,
            was_named=None if name is None else decision.was_named,
            naming=None if name is None else self._naming_of(kind, name),
        )

    def _naming_of(self, kind: EventKind, name: TableName) -> str | None:
        text, owner = self.naming(kind), owner_of(kind)
        return naming_of(name, text, owner, reserved={self._common.name})


@attrs.frozen
class _Decision:
    """
    What was found for a kind.

    Attributes:
        window: The count; None for batches without events, which have none.
        name: Of the table of its own; None if it has none now.
        was_named: Whether it had a name before.
    """

    window: Window | None
    name: TableName | None
    was_named: bool = attrs.field(kw_only=True)


def _by_kind(counts: Mapping[EventKey, int]) -> Mapping[EventKind, int]:
    messages: Counter[EventKind] = Counter()
    for key, count in counts.items():
        messages[key.kind] += count
    return messages


def _day(at: datetime) -> date:
    return at.astimezone(timezone.utc).date()
