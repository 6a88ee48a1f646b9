"""
The routing of mParticle's warehouse integration.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest

from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKey, EventKind, LoadId, Table, TableName
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.settings import ConnectionSettings
from databricks_forwarder.testing.contracts.router import RouterContract

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping
    from pathlib import Path

    from databricks_forwarder.routers.first_match import FirstMatch

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
START = EventKey("session_start")
FEED_START = EventKey("session_start", feed="Acme Ads")
COMMON = Table(TableName("main_otherevents"))


class TestDefaultRouter(RouterContract):
    """
    With the default settings.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Make the counts that all routers of a test share.
        """
        super().begin(tmp_path)
        self.counts = MemoryEventCounts()

    def make(self) -> FirstMatch:
        """
        Make it anew on the same counts.
        """
        return default_router(self.counts, schema_name="main")

    def identity(self, key: EventKey) -> Hashable:
        """
        A feed goes together, and a kind of what came from no feed.
        """
        return key.feed or key.kind

    def shared(self) -> Collection[str]:
        """
        Batches without events share the common table.
        """
        return ["main_otherevents"]

    def learnt(self) -> object:
        """
        Look at all buckets.
        """
        return repr(self.counts._days_by_kind)


def routed(
    counts: Mapping[EventKey, int], **options: Any
) -> Mapping[EventKey, Table | None]:
    """
    Route with fresh counts.
    """
    router = default_router(MemoryEventCounts(), schema_name="main", **options)
    return router.route(counts, at=AT)


def test_a_kind_has_its_table_from_ten_thousand_on() -> None:
    """
    The threshold is 10 000 messages, and feeds have tables from the first on.
    """
    end = EventKey("session_end")
    expected = {
        START: Table(TableName("session_start"), "session_start"),
        end: COMMON,
        FEED_START: Table(TableName("acmeads")),
    }

    assert expected == routed({START: 10_000, end: 9_999, FEED_START: 1})


def test_what_feeds_forward_counts_for_the_kind() -> None:
    """
    Messages of feeds are counted with all others of their kind.
    """
    counts = MemoryEventCounts()
    router = default_router(counts, schema_name="main", events_threshold=10)
    router.loaded(LoadId("a"), {START: 4, FEED_START: 5}, at=AT)
    kind = EventKind("session_start")
    expected_totals = {kind: 9}
    expected_answers = {START: Table(TableName("session_start"), "session_start")}

    assert expected_totals == counts.totals([kind], since=AT.date())
    assert expected_answers == router.route({START: 1}, at=AT)


@pytest.mark.parametrize(
    ("is_sent", "tables"),
    [(True, [COMMON, Table(TableName("acmeads"))]), (False, [None, None])],
)
def test_batches_without_events_of_all_inputs(
    is_sent: bool, tables: list[Table | None]
) -> None:
    """
    The connection's setting holds for feeds and for all other inputs.
    """
    eventless = [EventKey(None), EventKey(None, feed="Acme Ads")]
    connection = ConnectionSettings(send_batches_without_events=is_sent)
    answers = routed(dict.fromkeys(eventless, 1), connection=connection)

    assert tables == [answers[key] for key in eventless]


def test_no_feed_gets_the_common_name() -> None:
    """
    A partner called like the common table does not share it.
    """
    feed = EventKey("session_start", feed="main_otherevents")
    answers = routed({feed: 1, START: 1})

    assert COMMON == answers[START]
    assert COMMON != answers[feed]


def test_no_kind_gets_a_feed_s_table() -> None:
    """
    A kind called like a feed's table, chosen or not, gets another one.
    """
    keys = [EventKey("acmeads"), EventKey("chosen")]
    answers = routed(
        {FEED_START: 1, **dict.fromkeys(keys, 1)},
        events_threshold=1,
        feeds={"Other": ConnectionSettings(table_name="chosen")},
    )
    names = {table.name for table in answers.values() if table is not None}

    assert "acmeads" in names
    assert "chosen" not in names
    assert len(answers) == len(names)


def test_other_options_are_passed_on() -> None:
    """
    Stickiness, naming and the feeds' settings reach the routers.
    """
    router = default_router(
        MemoryEventCounts(),
        schema_name="main",
        events_threshold=10,
        sticky=False,
        naming=lambda kind: f"t_{kind.event_type}",
        feeds={"Acme Ads": ConnectionSettings(table_name="chosen")},
    )
    answers = [
        router.route({START: messages, FEED_START: 1}, at=AT) for messages in (10, 9)
    ]
    chosen = Table(TableName("chosen"))
    own = Table(TableName("t_session_start"), "session_start")
    expected = [
        {START: own, FEED_START: chosen},
        {START: COMMON, FEED_START: chosen},
    ]

    assert expected == answers


def test_a_wrong_option_is_refused() -> None:
    """
    What is wrong is said at once.
    """
    with pytest.raises(ConfigurationError, match="events_threshold"):
        default_router(MemoryEventCounts(), schema_name="main", events_threshold=0)
