"""
The 30-day threshold and the feeds, through the whole walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from walking import COMPOSITIONS, Composition, batch, custom, lake_tables, sizes

from databricks_forwarder import ConnectionSettings, Forwarder
from databricks_forwarder.model import Account
from databricks_forwarder.mparticle.keys import SOURCE_FEED
from databricks_forwarder.testing.clock import FakeClock

OWN, COMMON = "event_navigation_signup", "shop_otherevents"


@pytest.fixture(params=COMPOSITIONS)
def composition(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Composition]:
    """
    A composition with a threshold of three.
    """
    composition = request.param(tmp_path)
    yield composition
    composition.die()


def carry(composition: Composition, *payloads: bytes) -> Account:
    """
    Forward *payloads* as one load of a process of its own.
    """
    with composition.forwarder() as forwarder:
        forwarder.submit_many(payloads)
        (report,) = forwarder.flush()
    composition.die()
    return report.account


def sign_ups(count: int) -> bytes:
    """
    Make a batch of so many events of one kind.
    """
    return batch(*(custom("SignUp", number) for number in range(count)))


@pytest.mark.parametrize(
    ("count", "expected"), [(2, {COMMON: 2}), (3, {OWN: 3}), (4, {OWN: 4})]
)
def test_a_kind_has_its_table_from_the_threshold_on(
    composition: Composition, count: int, expected: dict[str, int]
) -> None:
    """
    The load that reaches the threshold is in the kind's own table, all of it.
    """
    carry(composition, sign_ups(count))

    assert expected == sizes(composition.tables())


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (29, {COMMON: 2, OWN: 1}),
        (30, {COMMON: 2, OWN: 1}),
        (31, {COMMON: 3}),
    ],
)
def test_thirty_days_are_counted(
    composition: Composition, days: int, expected: dict[str, int]
) -> None:
    """
    What was forwarded 30 days ago still counts, a day earlier it does not.
    """
    carry(composition, sign_ups(2))
    composition.clock.advance(days=days)
    carry(composition, sign_ups(1))

    assert expected == sizes(composition.tables())


def test_loads_add_up_across_restarts(composition: Composition) -> None:
    """
    Counts survive the end of the process that made them.
    """
    for _ in range(4):
        carry(composition, sign_ups(1))
        composition.clock.advance(days=1)

    assert {COMMON: 2, OWN: 2} == sizes(composition.tables())


@pytest.mark.parametrize(
    ("sticky", "expected"), [(True, {OWN: 4}), (False, {OWN: 3, COMMON: 1})]
)
def test_a_rare_kind_keeps_its_table_if_names_stick(
    composition: Composition, sticky: bool, expected: dict[str, int]
) -> None:
    """
    A kind that has become rare keeps its table, or follows the count.
    """
    composition.sticky = sticky
    carry(composition, sign_ups(3))
    composition.clock.advance(days=31)
    carry(composition, sign_ups(1))

    assert expected == sizes(composition.tables())


def test_a_kind_that_is_frequent_again_has_its_old_table(
    composition: Composition,
) -> None:
    """
    Without stickiness a kind comes back to the table that it had.
    """
    composition.sticky = False
    for days, count in ((0, 3), (31, 1), (31, 3)):
        composition.clock.advance(days=days)
        carry(composition, sign_ups(count))

    assert {OWN: 6, COMMON: 1} == sizes(composition.tables())


def test_two_names_that_become_one_have_two_tables(composition: Composition) -> None:
    """
    The second event name that would have a table's name gets one with a hash.
    """
    carry(composition, sign_ups(3))
    carry(composition, batch(*[custom("Sign Up")] * 3))
    carry(composition, batch(*[custom("SIGNUP")] * 3, *[custom("Sign Up")] * 2))
    tables = sizes(composition.tables())
    others = sorted(count for name, count in tables.items() if name != OWN)

    assert 3 == tables[OWN]
    assert [3, 5] == others
    assert all(name.startswith(f"{OWN}_") for name in tables if name != OWN)


def test_two_such_names_in_one_load_have_two_tables(composition: Composition) -> None:
    """
    Names that meet within a load are told apart too.
    """
    names = ["Sign Up"] * 3 + ["SignUp"] * 4
    carry(composition, batch(*map(custom, names)))

    assert [3, 4] == sorted(sizes(composition.tables()).values())


def test_a_kind_counts_whatever_environment_it_is_from(
    composition: Composition,
) -> None:
    """
    Keys of one kind are counted together and share its table.
    """
    event = custom("SignUp")
    carry(
        composition,
        batch(event, environment="production"),
        batch(event, event, environment="development"),
    )

    assert {OWN: 3} == sizes(composition.tables())


# -- feeds ------------------------------------------------------------------


def from_partner(*events: Any, partner: str = "My Partner") -> bytes:
    """
    Make a batch whose source is a partner.
    """
    return batch(*events, source_info={"channel": "partner", "partner": partner})


def from_attribute(*names: str, feed: str = "My Partner") -> bytes:
    """
    Make a batch whose events name their feed in an attribute.
    """
    attributes = {SOURCE_FEED: feed}
    return batch(*(custom(name, custom_attributes=attributes) for name in names))


SPLIT = ConnectionSettings(split_partner_feed_data_by_event_name=True)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (ConnectionSettings(), {"mypartner": 3}),
        (ConnectionSettings(table_name="Chosen_Name"), {"chosen_name": 3}),
        (SPLIT, {"mypartner_a": 2, "mypartner_b": 1}),
        (
            ConnectionSettings(
                table_name="ignored", split_partner_feed_data_by_event_name=True
            ),
            {"mypartner_a": 2, "mypartner_b": 1},
        ),
    ],
    ids=["default name", "set name", "split", "split with a name"],
)
@pytest.mark.parametrize("known_by", ["source_info", "attribute"])
def test_a_feed_goes_to_its_table(
    composition: Composition,
    settings: ConnectionSettings,
    expected: dict[str, int],
    known_by: str,
) -> None:
    """
    A feed has the table that its settings say, however it is recognised.
    """
    composition.feeds = {"My Partner": settings}
    if known_by == "source_info":
        payload = from_partner(custom("A"), custom("A"), custom("B"))
    else:
        payload = from_attribute("A", "A", "B")
    carry(composition, payload)

    assert expected == sizes(composition.tables())


def test_the_threshold_does_not_split_a_feed(composition: Composition) -> None:
    """
    A feed's frequent events stay in the feed's table.
    """
    carry(composition, from_partner(*[custom("SignUp")] * 5))

    assert {"mypartner": 5} == sizes(composition.tables())


def test_feeds_are_told_apart_from_each_other(composition: Composition) -> None:
    """
    Each partner has a table of its own, an unnamed one included.
    """
    carry(
        composition,
        from_partner(custom("A")),
        from_partner(custom("A"), partner="Other"),
        from_partner(custom("A"), partner=""),
        batch(custom("A")),
    )
    expected = {"mypartner": 1, "other": 1, "partner": 1, COMMON: 1}

    assert expected == sizes(composition.tables())


@pytest.mark.parametrize("payload", [batch(), b"{}", b'{"events":null}'])
@pytest.mark.parametrize("is_sent", [True, False])
def test_batches_without_events_go_or_are_dropped(
    composition: Composition, payload: bytes, is_sent: bool
) -> None:
    """
    A batch without events is a row of the common table, or dropped and counted.
    """
    composition.connection = ConnectionSettings(send_batches_without_events=is_sent)
    account = carry(composition, payload, sign_ups(1))

    assert Account(received=2, loaded=1 + is_sent, dropped=1 - is_sent) == account
    assert {COMMON: 1 + is_sent} == sizes(composition.tables())


@pytest.mark.parametrize("is_sent", [True, False])
def test_a_feed_s_batches_without_events_go_or_are_dropped(
    composition: Composition, is_sent: bool
) -> None:
    """
    What a feed's settings say of its batches without events holds for it alone.
    """
    settings = ConnectionSettings(send_batches_without_events=is_sent)
    composition.feeds = {"My Partner": settings}
    account = carry(composition, from_partner(), batch())
    expected = {COMMON: 1, "mypartner": 1} if is_sent else {COMMON: 1}

    assert Account(received=2, loaded=1 + is_sent, dropped=1 - is_sent) == account
    assert expected == sizes(composition.tables())


def test_a_lake_routes_as_mparticle_does(tmp_path: Path) -> None:
    """
    A forwarder for a lake counts across restarts, and gives tables and feeds names.
    """
    clock = FakeClock()
    for days in (0, 30, 1):
        clock.advance(days=days)
        with Forwarder.for_lake(
            tmp_path / "lake",
            spool=tmp_path / "spool.db",
            events_threshold=2,
            schema_name="shop",
            feeds={"My Partner": SPLIT},
            clock=clock,
        ) as forwarder:
            forwarder.submit_many([sign_ups(1), from_partner(custom("B")), b"{}"])
            forwarder.flush()
    expected = {COMMON: 4, OWN: 2, "mypartner_b": 3}

    assert expected == sizes(lake_tables(tmp_path / "lake"))
