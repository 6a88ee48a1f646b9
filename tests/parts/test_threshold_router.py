"""
The threshold router.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import pytest

from databricks_forwarder.abilities import GroupingRouter, LearningRouter
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKey, EventKind, LoadId, Table, TableName
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.testing.contracts.router import RouterContract

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping
    from pathlib import Path

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
SIGN_UP = EventKey("custom_event", event_name="SignUp", custom_event_type="navigation")
OWN = Table(TableName("event_navigation_signup"), "custom_event")
COMMON = Table(TableName("main_otherevents"))
LONG_AGO = AT.date() - timedelta(days=90)


class _ThresholdContract(RouterContract):
    """
    What the contracts of both memories share.
    """

    def identity(self, key: EventKey) -> Hashable:
        """
        Keys of one kind go together, whatever the feed.
        """
        return key.kind

    def shared(self) -> Collection[str]:
        """
        Rare kinds share the common table.
        """
        return ["main_otherevents"]


class TestThresholdRouter(_ThresholdContract):
    """
    With counts in memory.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Make the counts that all routers of a test share.
        """
        super().begin(tmp_path)
        self.counts = MemoryEventCounts()

    def make(self) -> ThresholdRouter:
        """
        Make a router with the default threshold.
        """
        return ThresholdRouter(self.counts, schema_name="main")

    def learnt(self) -> object:
        """
        Look at all buckets.
        """
        return repr(self.counts._days_by_kind)


class TestThresholdRouterOfRareKinds(TestThresholdRouter):
    """
    With no kind reaching the threshold.
    """

    message_count = 1


class TestThresholdRouterThatIsNotSticky(TestThresholdRouter):
    """
    With kinds going back to the common table.
    """

    exempt: ClassVar[Mapping[str, str]] = {
        "R5": "the count alone decides when it is not sticky"
    }

    def make(self) -> ThresholdRouter:
        """
        Make a router that follows the count.
        """
        return ThresholdRouter(self.counts, schema_name="main", sticky=False)


class TestThresholdRouterWithSqlite(_ThresholdContract):
    """
    With counts in a file.
    """

    def make(self) -> ThresholdRouter:
        """
        Open the file anew for each router.
        """
        counts = SqliteEventCounts(self.tmp_path / "counts.db")
        return ThresholdRouter(counts, schema_name="main")

    def learnt(self) -> object:
        """
        Sum over all days.
        """
        counts = SqliteEventCounts(self.tmp_path / "counts.db")
        return counts.totals([key.kind for key in self.keys()], since=LONG_AGO)


def router_after(*loads: tuple[int, int], **options: Any) -> ThresholdRouter:
    """
    Make a router of threshold 10 that learnt of *loads*: (days ago, messages).
    """
    options = {"schema_name": "main", "events_threshold": 10, **options}
    router = ThresholdRouter(MemoryEventCounts(), **options)
    for place, (age_days, messages) in enumerate(loads):
        at = AT - timedelta(days=age_days)
        router.loaded(LoadId(f"load-{place}"), {SIGN_UP: messages}, at=at)
    return router


@pytest.mark.parametrize(("messages", "table"), [(9, COMMON), (10, OWN), (11, OWN)])
def test_a_kind_gets_its_table_at_the_threshold(messages: int, table: Table) -> None:
    """
    Reaching the threshold is enough, one message less is not.
    """
    answers = router_after().route({SIGN_UP: messages}, at=AT)
    expected = {SIGN_UP: table}

    assert expected == answers


@pytest.mark.parametrize(("messages", "table"), [(1, COMMON), (2, OWN)])
def test_earlier_loads_and_this_one_are_added(messages: int, table: Table) -> None:
    """
    The load at hand counts together with what was loaded before.
    """
    router = router_after((3, 5), (0, 3))
    expected = {SIGN_UP: table}

    assert expected == router.route({SIGN_UP: messages}, at=AT)


@pytest.mark.parametrize(("age_days", "table"), [(29, OWN), (30, OWN), (31, COMMON)])
def test_the_window_is_thirty_days(age_days: int, table: Table) -> None:
    """
    What was forwarded 30 days ago counts, what was 31 days ago does not.
    """
    router = router_after((age_days, 9))
    expected = {SIGN_UP: table}

    assert expected == router.route({SIGN_UP: 1}, at=AT)


@pytest.mark.parametrize(("age_days", "table"), [(1, OWN), (2, COMMON)])
def test_the_window_can_be_set(age_days: int, table: Table) -> None:
    """
    A window of one day reaches to yesterday.
    """
    router = router_after((age_days, 9), window_days=1)
    expected = {SIGN_UP: table}

    assert expected == router.route({SIGN_UP: 1}, at=AT)


def test_days_are_utc() -> None:
    """
    The day that messages count to is the one in UTC, whatever zone is told.
    """
    router = router_after(window_days=1)
    # 23:00 of the 29th at UTC-5 is 04:00 of the 30th in UTC: yesterday.
    evening = datetime(2026, 3, 29, 23, tzinfo=timezone(timedelta(hours=-5)))
    router.loaded(LoadId("a"), {SIGN_UP: 9}, at=evening)
    expected = {SIGN_UP: OWN}

    assert expected == router.route({SIGN_UP: 1}, at=AT)


def test_a_sticky_kind_keeps_its_table_when_it_gets_rare() -> None:
    """
    Once it has a table of its own, a kind goes there for ever.
    """
    router = router_after()
    router.route({SIGN_UP: 10}, at=AT)
    expected = {SIGN_UP: OWN}

    assert expected == router.route({SIGN_UP: 1}, at=AT + timedelta(days=365))


def test_a_kind_that_is_not_sticky_follows_its_count() -> None:
    """
    A kind goes back to the common table when rare, and to its own when not.
    """
    router = router_after(sticky=False)
    tables = [
        router.route({SIGN_UP: messages}, at=AT)[SIGN_UP] for messages in (10, 9, 10)
    ]
    expected = [OWN, COMMON, OWN]

    assert expected == tables


def test_a_kind_that_is_not_sticky_keeps_its_name() -> None:
    """
    While a kind is in the common table, no other kind gets its name.
    """
    router = router_after(sticky=False)
    lower = EventKey(
        "custom_event", event_name="signup", custom_event_type="navigation"
    )
    router.route({SIGN_UP: 10}, at=AT)
    answers = router.route({SIGN_UP: 9, lower: 10}, at=AT)
    expected = Table(TableName("event_navigation_signup_e38fc3ae"), "custom_event")

    assert COMMON == answers[SIGN_UP]
    assert expected == answers[lower]


def test_what_is_learnt_is_there_after_a_restart(tmp_path: Path) -> None:
    """
    Counts and names in a file outlive the process between two loads.
    """
    tables = []
    for place in range(4):
        counts = SqliteEventCounts(tmp_path / "counts.db")
        router = ThresholdRouter(counts, schema_name="main", events_threshold=10)
        at = AT + timedelta(days=100) if place == 3 else AT
        tables.append(router.route({SIGN_UP: 4}, at=at)[SIGN_UP])
        router.loaded(LoadId(f"load-{place}"), {SIGN_UP: 4}, at=at)
    expected = [COMMON, COMMON, OWN, OWN]

    assert expected == tables


def test_keys_of_one_kind_are_counted_together() -> None:
    """
    Environment, feed and group make no kind: their messages add up.
    """
    keys = [
        EventKey("session_start"),
        EventKey("session_start", environment="development"),
        EventKey("session_start", group="a", feed="b"),
    ]
    answers = router_after(events_threshold=12).route(dict.fromkeys(keys, 4), at=AT)
    expected = dict.fromkeys(keys, Table(TableName("session_start"), "session_start"))

    assert expected == answers


def test_kinds_are_learnt_together() -> None:
    """
    What is counted is the kind, over all of its keys.
    """
    router = router_after()
    keys = [EventKey("session_start"), EventKey("session_start", feed="a")]
    router.loaded(LoadId("a"), dict.fromkeys(keys, 4), at=AT)
    kind = EventKind("session_start")
    expected = {kind: 8}

    assert expected == router.counts.totals([kind], since=AT.date())


@pytest.mark.parametrize("event_type", ["something_new", ""])
def test_a_table_of_an_unknown_type_has_all_columns(event_type: str) -> None:
    """
    A type whose fields nobody knows gets the columns of all types.
    """
    key = EventKey(event_type)
    table = router_after().route({key: 10}, at=AT)[key]

    assert table is not None
    assert table.event_type is None


@pytest.mark.parametrize(("is_sent", "table"), [(True, COMMON), (False, None)])
def test_batches_without_events(is_sent: bool, table: Table | None) -> None:
    """
    A batch without events is common, however many there are, or is dropped.
    """
    router = router_after(send_batches_without_events=is_sent)
    expected = {EventKey(None): table}

    assert expected == router.route({EventKey(None): 100}, at=AT)


def test_two_kinds_of_one_name_get_two_tables() -> None:
    """
    Of two event names that normalise alike, the second has a hash in its name.
    """
    keys = [
        EventKey("custom_event", event_name=name, custom_event_type="navigation")
        for name in ("signup", "SignUp")
    ]
    answers = router_after().route(dict.fromkeys(keys, 10), at=AT)
    expected = {
        keys[0]: Table(TableName("event_navigation_signup_e38fc3ae"), "custom_event"),
        keys[1]: OWN,
    }

    assert expected == answers


def test_no_kind_gets_the_common_name() -> None:
    """
    A kind whose name would be the common table's gets one with a hash.
    """
    key = EventKey("main_otherevents")
    table = router_after().route({key: 10}, at=AT)[key]

    assert table is not None
    assert table.name.startswith("main_otherevents_")


def test_a_naming_of_ones_own() -> None:
    """
    Another naming function names the tables; its names are made legal.
    """
    router = router_after(naming=lambda kind: f"t.{kind.event_name}")
    expected = {SIGN_UP: Table(TableName("t_signup"), "custom_event")}

    assert expected == router.route({SIGN_UP: 10}, at=AT)


def test_a_load_of_very_many_kinds() -> None:
    """
    100 000 kinds in one load each get a table.
    """
    keys = [EventKey("custom_event", event_name=f"name {n}") for n in range(100_000)]
    answers = router_after().route(dict.fromkeys(keys, 10), at=AT)
    names = {table.name for table in answers.values() if table is not None}

    assert len(keys) == len(names)


def test_a_preview_gives_no_name() -> None:
    """
    After a preview all names are as free as before.
    """
    router = router_after()
    lower = attrs.evolve(SIGN_UP, event_name="signup")
    previewed = router.preview({SIGN_UP: 10}, at=AT)
    expected = {lower: OWN}

    assert {SIGN_UP: OWN} == previewed
    assert expected == router.route({lower: 10}, at=AT)


def test_it_learns_and_does_not_group() -> None:
    """
    The walk tells it of loads, and asks it for no groups.
    """
    router = router_after()

    assert isinstance(router, LearningRouter)
    assert not isinstance(router, GroupingRouter)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"schema_name": ""}, "schema_name must be the schema's name"),
        ({"schema_name": None}, "schema_name must be the schema's name"),
        ({"schema_name": "a b"}, "holds ' '"),
        ({"events_threshold": 0}, "events_threshold must be an integer of at least 1"),
        ({"events_threshold": 1.5}, "events_threshold must be an integer"),
        ({"events_threshold": True}, "events_threshold must be an integer"),
        ({"window_days": 0}, "window_days must be an integer of at least 1"),
        ({"window_days": 401}, "window_days must be at most 400"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], problem: str) -> None:
    """
    An option out of its bounds is named at once.
    """
    with pytest.raises(ConfigurationError, match=problem):
        router_after(**options)


def test_the_smallest_options() -> None:
    """
    A threshold of one gives every kind its table.
    """
    router = router_after(events_threshold=1, window_days=400)
    expected = {SIGN_UP: OWN}

    assert expected == router.route({SIGN_UP: 1}, at=AT)
