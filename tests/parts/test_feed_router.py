"""
The feed router.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest

from databricks_forwarder.abilities import GroupingRouter, LearningRouter
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKey, Table, TableName
from databricks_forwarder.mparticle.names import feed_owner
from databricks_forwarder.routers.feeds import FeedRouter
from databricks_forwarder.settings import ConnectionSettings
from databricks_forwarder.testing.contracts.router import ODD_KEYS, RouterContract

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Sequence
    from pathlib import Path

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
SPLIT = ConnectionSettings(split_partner_feed_data_by_event_name=True)
CLICK = EventKey(
    "custom_event", event_name="Ad Click", custom_event_type="other", feed="Acme Ads"
)
START = EventKey("session_start", feed="Acme Ads")
EVENTLESS = EventKey(None, feed="Acme Ads")


class TestFeedRouter(RouterContract):
    """
    With one table a feed.
    """

    connection = ConnectionSettings()

    def begin(self, tmp_path: Path) -> None:
        """
        Make the counts that all routers of a test share.
        """
        super().begin(tmp_path)
        self.counts = MemoryEventCounts()

    def make(self) -> FeedRouter:
        """
        Make a router with the class's settings.
        """
        return FeedRouter(self.counts, self.connection)

    def keys(self) -> Sequence[EventKey]:
        """
        Tell the keys of feeds: it answers for no others.
        """
        return [key for key in ODD_KEYS if key.feed is not None]

    def identity(self, key: EventKey) -> Hashable:
        """
        Keys of one feed go together.
        """
        return key.feed


class TestFeedRouterThatSplits(TestFeedRouter):
    """
    With one table an event name.
    """

    connection = SPLIT

    def identity(self, key: EventKey) -> Hashable:
        """
        Events of one name go together, and of one type without a name.
        """
        return key.feed, key.event_name, key.event_name or key.event_type


class TestFeedRouterWithOneTable(TestFeedRouter):
    """
    With one table for all feeds, chosen by name.
    """

    connection = ConnectionSettings(table_name="feeds")

    def shared(self) -> Collection[str]:
        """
        The chosen table is everybody's.
        """
        return ["feeds"]


def table_of(
    key: EventKey, connection: ConnectionSettings, **feeds: ConnectionSettings
) -> str | None:
    """
    Route one key with fresh counts; return its table's name.
    """
    router = FeedRouter(MemoryEventCounts(), connection, feeds=feeds)
    table = router.route({key: 1}, at=AT)[key]
    return None if table is None else table.name


def test_a_feed_has_a_table_named_after_the_partner() -> None:
    """
    Without settings all of a feed goes to one table, with all columns.
    """
    router = FeedRouter(MemoryEventCounts())
    expected = dict.fromkeys([CLICK, START, EVENTLESS], Table(TableName("acmeads")))

    assert expected == router.route({CLICK: 1, START: 1, EVENTLESS: 1}, at=AT)


def test_a_feed_can_have_a_chosen_table() -> None:
    """
    A chosen name is taken, in lower case.
    """
    connection = ConnectionSettings(table_name="Partner_Data")
    names = [table_of(key, connection) for key in (CLICK, START, EVENTLESS)]
    expected = ["partner_data"] * 3

    assert expected == names


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (CLICK, "acmeads_adclick"),
        (EventKey("commerce_event", event_name="refund", feed="A"), "a_refund"),
        (EventKey("custom_event", feed="A"), "a_custom_event"),
        (EventKey("custom_event", event_name="", feed="A"), "a_custom_event"),
        (START, "acmeads_session_start"),
        (EventKey("", feed="A"), "a_unknown_event"),
        (EVENTLESS, "acmeads"),
    ],
)
def test_a_split_feed_has_a_table_for_each_event_name(key: EventKey, name: str) -> None:
    """
    A split feed's tables go by event name, else by event type.
    """
    actual = table_of(key, SPLIT)

    assert name == actual


def test_a_chosen_name_is_ignored_when_splitting() -> None:
    """
    A split feed's tables are named after the partner, whatever was chosen.
    """
    connection = ConnectionSettings(
        split_partner_feed_data_by_event_name=True, table_name="chosen"
    )
    names = [table_of(key, connection) for key in (CLICK, EVENTLESS)]
    expected = ["acmeads_adclick", "acmeads"]

    assert expected == names


def test_a_name_that_is_an_event_type_too_gets_a_table_of_its_own() -> None:
    """
    A custom event called like an event type does not share that type's table.
    """
    named = EventKey("custom_event", event_name="session_start", feed="Acme Ads")
    answers = FeedRouter(MemoryEventCounts(), SPLIT).route({named: 1, START: 1}, at=AT)

    assert answers[named] != answers[START]


@pytest.mark.parametrize(
    "connection",
    [
        ConnectionSettings(send_batches_without_events=False),
        ConnectionSettings(send_batches_without_events=False, table_name="chosen"),
        ConnectionSettings(
            send_batches_without_events=False,
            split_partner_feed_data_by_event_name=True,
        ),
    ],
)
def test_batches_without_events_can_be_dropped(connection: ConnectionSettings) -> None:
    """
    When the setting says so, a feed's batch without events is dropped.
    """
    name = table_of(EVENTLESS, connection)

    assert name is None


def test_dropping_batches_without_events_drops_no_events() -> None:
    """
    The setting for batches without events is about no other.
    """
    name = table_of(CLICK, ConnectionSettings(send_batches_without_events=False))
    expected = "acmeads"

    assert expected == name


def test_a_feed_can_have_settings_of_its_own() -> None:
    """
    Settings by the feed's name go before those of the connection.
    """
    router = FeedRouter(
        MemoryEventCounts(),
        ConnectionSettings(table_name="others"),
        feeds={"Acme Ads": SPLIT},
    )
    other = EventKey("session_start", feed="acme ads")
    expected = {
        CLICK: Table(TableName("acmeads_adclick")),
        other: Table(TableName("others")),
    }

    assert expected == router.route({CLICK: 1, other: 1}, at=AT)


def test_settings_are_taken_as_they_are_when_it_is_made() -> None:
    """
    Changing the mapping of feeds afterwards changes nothing.
    """
    feeds = {"Acme Ads": ConnectionSettings(table_name="chosen")}
    router = FeedRouter(MemoryEventCounts(), feeds=feeds)
    feeds.clear()
    expected = {CLICK: Table(TableName("chosen"))}

    assert expected == router.route({CLICK: 1}, at=AT)


def test_a_chosen_name_is_kept_from_other_feeds() -> None:
    """
    A feed whose partner is called like a chosen table does not get that name.
    """
    router = FeedRouter(
        MemoryEventCounts(),
        feeds={"Other": ConnectionSettings(table_name="acmeads")},
    )
    table = router.route({CLICK: 1}, at=AT)[CLICK]

    assert table is not None
    assert table.name.startswith("acmeads_")


def test_a_chosen_name_that_is_given_already_is_shared() -> None:
    """
    A name chosen after it was given by rule means: the same table.
    """
    counts = MemoryEventCounts()
    FeedRouter(counts).route({CLICK: 1}, at=AT)
    other = EventKey("session_start", feed="Other")
    router = FeedRouter(
        counts, feeds={"Other": ConnectionSettings(table_name="acmeads")}
    )
    expected = dict.fromkeys([CLICK, other], Table(TableName("acmeads")))

    assert expected == router.route({CLICK: 1, other: 1}, at=AT)
    assert expected == router.route({CLICK: 1, other: 1}, at=AT)


def test_a_reserved_name_is_given_to_no_feed() -> None:
    """
    A partner called like a reserved table gets another name.
    """
    router = FeedRouter(MemoryEventCounts(), reserved=[TableName("acmeads")])
    table = router.route({CLICK: 1}, at=AT)[CLICK]

    assert table is not None
    assert table.name.startswith("acmeads_")


def test_a_preview_keeps_chosen_names_too() -> None:
    """
    A preview knows of chosen names as routing does, and gives nothing.
    """
    counts = MemoryEventCounts()
    router = FeedRouter(
        counts, feeds={"Other": ConnectionSettings(table_name="acmeads")}
    )
    previewed = router.preview({CLICK: 1}, at=AT)

    assert not counts.given(["table:acmeads", feed_owner("Acme Ads")])
    assert previewed == router.route({CLICK: 1}, at=AT)


def test_a_preview_shares_what_is_given_already() -> None:
    """
    A preview of a chosen name that somebody has is that name.
    """
    counts = MemoryEventCounts()
    FeedRouter(counts).route({CLICK: 1}, at=AT)
    router = FeedRouter(counts, ConnectionSettings(table_name="acmeads"))
    expected = {START: Table(TableName("acmeads"))}

    assert expected == router.preview({START: 1}, at=AT)


def test_keys_without_a_feed_are_left_out() -> None:
    """
    What came from no feed is another router's.
    """
    router = FeedRouter(MemoryEventCounts())
    answers = router.route({EventKey("session_start"): 1, EventKey(None): 1}, at=AT)

    assert not answers


def test_an_illegal_chosen_name_is_refused() -> None:
    """
    A chosen name that the catalog would refuse is a wrong setting.
    """
    with pytest.raises(ConfigurationError, match="holds ' '"):
        FeedRouter(MemoryEventCounts(), ConnectionSettings(table_name="my table"))


def test_it_neither_learns_nor_groups() -> None:
    """
    The walk tells it of no loads, and asks it for no groups.
    """
    router = FeedRouter(MemoryEventCounts())

    assert not isinstance(router, LearningRouter)
    assert not isinstance(router, GroupingRouter)
