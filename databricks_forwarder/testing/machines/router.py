"""
A router that learns against a dictionary: what is frequent, and who has a name.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from databricks_forwarder.model import EventKey, EventKind, LoadId, Table, TableName
from databricks_forwarder.mparticle.names import common_name, table_name
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.machines._machine import Machine

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from databricks_forwarder.protocols import EventCounts

__all__ = ["RouterMachine"]

# Kinds whose names are easily taken for one another, and for the common table's.
_KEYS = (
    EventKey("custom_event", custom_event_type="navigation", event_name="Sign Up"),
    EventKey("custom_event", custom_event_type="navigation", event_name="SignUp"),
    EventKey("custom_event", event_name="navigation signup"),
    EventKey("custom_event", custom_event_type="Navigation", event_name="sign-up"),
    EventKey("custom_event", custom_event_type="navigation", event_name="sign_up"),
    EventKey("event navigation signup"),
    EventKey("screen_view", environment="production"),
    EventKey("screen_view", environment="development"),
    EventKey("main_otherevents"),
    EventKey("MAIN_otherevents"),
    EventKey(None),
)
_COMMON = common_name("main")
_THRESHOLD = 3
_WINDOWS = (1, 3, 30, 400)
_HOSTS = st.integers(0, 1)
_LOADS = st.dictionaries(
    st.sampled_from(range(len(_KEYS))), st.integers(1, 4), min_size=1, max_size=4
)


class RouterMachine(Machine):
    """
    Two hosts that route by the same counts, restart, and let days pass.

    A kind has a table of its own exactly when the dictionary says so: when
    what was loaded in the window and the load at hand reach the threshold, or
    when it has one and the router is sticky. A name once given stays, is no
    other's, and not the common table's. A load is counted once, on the day it
    was first told of.

    Attributes:
        events_threshold: Of the routers of a run; small, so that it is met.
    """

    events_threshold: ClassVar[int] = _THRESHOLD

    def open(self) -> EventCounts:
        """
        Give counts on this run's storage, as a new process sees them.

        The storage is empty at first. Counts that have a ``close`` are closed.
        """
        raise NotImplementedError

    def make(self, counts: EventCounts, **options: Any) -> Any:
        """
        Make a router that learns; a `ThresholdRouter`, unless said otherwise.

        Args:
            counts: What `open` gave.
            options: As for `ThresholdRouter`; they are the same in a run.
        """
        return ThresholdRouter(counts, **options)

    def __init__(self) -> None:
        super().__init__()
        self._at = NOON
        self._days: dict[EventKind, Counter[date]] = {}
        self._names: dict[EventKind, TableName] = {}
        self._told: dict[LoadId, Mapping[EventKey, int]] = {}
        self._routed: list[Mapping[EventKey, int]] = []
        self._options: dict[str, Any] = {}
        self._counts: list[Any] = []
        self._routers: list[Any] = []

    @initialize(sticky=st.booleans(), window_days=st.sampled_from(_WINDOWS))
    def begin(self, *, sticky: bool, window_days: int) -> None:
        """
        Start two hosts with the same options.
        """
        self._options = {
            "schema_name": "main",
            "events_threshold": self.events_threshold,
            "sticky": sticky,
            "window_days": window_days,
        }
        self._counts = [self._opened(), self._opened()]
        self._routers = [self.make(counts, **self._options) for counts in self._counts]

    def _opened(self) -> EventCounts:
        counts = self.open()
        # Closing is no part of the protocol.
        self.closing.callback(getattr(counts, "close", _nothing))
        return counts

    @rule(host=_HOSTS, load=_LOADS)
    def route(self, host: int, load: Mapping[int, int]) -> None:
        """
        Ask for the tables of a load; a preview must have said the same.
        """
        counts = {_KEYS[number]: messages for number, messages in load.items()}
        self._route(host, counts)
        self._routed.append(counts)

    @precondition(lambda self: self._names)
    @rule(host=_HOSTS)
    def route_what_has_names(self, host: int) -> None:
        """
        Ask for the tables of all kinds that have one, as rare as can be.
        """
        self._route(host, {key: 1 for key in _KEYS if key.kind in self._names})

    def _route(self, host: int, counts: Mapping[EventKey, int]) -> None:
        router = self._routers[host]
        frequent = self._frequent(counts)
        preview = router.preview(counts, at=self._at)
        tables = router.route(counts, at=self._at)

        assert preview == tables
        assert tables == router.route(counts, at=self._at)
        assert {key: key.kind in frequent for key in counts} == {
            key: table.name != _COMMON for key, table in tables.items()
        }
        for key, table in tables.items():
            if key.kind in frequent:
                self._has(key.kind, table)

    def _frequent(self, counts: Mapping[EventKey, int]) -> Collection[EventKind]:
        since = self._at.date() - timedelta(days=self._options["window_days"])
        messages: Counter[EventKind] = Counter()
        for key, count in counts.items():
            messages[key.kind] += count
        for kind in messages:
            days: Mapping[date, int] = self._days.get(kind, {})
            messages[kind] += sum(n for day, n in days.items() if day >= since)
        return {
            kind
            for kind, count in messages.items()
            if kind.event_type is not None
            and (
                count >= self.events_threshold
                or (self._options["sticky"] and kind in self._names)
            )
        }

    def _has(self, kind: EventKind, table: Table) -> None:
        others = {name for owner, name in self._names.items() if owner != kind}

        assert self._names.setdefault(kind, table.name) == table.name
        assert table.name not in {*others, _COMMON}
        assert table.name == table_name(table.name)

    @precondition(lambda self: self._routed)
    @rule(host=_HOSTS, latest=st.booleans())
    def loaded(self, host: int, *, latest: bool) -> None:
        """
        Tell of a load that was routed; it counts from then on.
        """
        counts = self._routed.pop(-1 if latest else 0)
        load_id = LoadId(f"0123456789ab-{len(self._told)}-{len(self._told)}")
        self._routers[host].loaded(load_id, counts, at=self._at)
        self._told[load_id] = counts
        for key, messages in counts.items():
            days = self._days.setdefault(key.kind, Counter())
            days[self._at.date()] += messages

    @precondition(lambda self: self._told)
    @rule(host=_HOSTS, pick=st.integers(0, 3))
    def again(self, host: int, pick: int) -> None:
        """
        Tell of a load once more, whoever told of it first; nothing is counted.
        """
        load_id = list(self._told)[-1 - pick % len(self._told)]
        self._routers[host].loaded(load_id, self._told[load_id], at=self._at)

    @rule(days=st.sampled_from([1, 2, 3, 4, 30, 31, 369, 400]))
    def wait(self, days: int) -> None:
        """
        Let days pass: to the edge of each window, and past it.
        """
        self._at += timedelta(days=days)

    @rule(host=_HOSTS)
    def restart(self, host: int) -> None:
        """
        Start a host anew, with what the counts kept.
        """
        with suppress(AttributeError):
            self._counts[host].close()
        self._counts[host] = self._opened()
        self._routers[host] = self.make(self._counts[host], **self._options)

    @invariant()
    def both_hosts_count_what_the_dictionary_counts(self) -> None:
        """
        Ask for the totals of all kinds, for the longest window there is.
        """
        kinds = {key.kind for key in _KEYS}
        since = self._at.date() - timedelta(days=400)
        expected = {
            kind: total
            for kind, days in self._days.items()
            if (total := sum(n for day, n in days.items() if day >= since))
        }
        for counts in self._counts:
            assert expected == dict(counts.totals(list(kinds), since=since))


def _nothing() -> None:
    pass
