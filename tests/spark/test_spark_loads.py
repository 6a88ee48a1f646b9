"""
A micro-batch as a load: what the driver decides, without Spark.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pytest
from streams import AT

from databricks_forwarder._codec import to_text
from databricks_forwarder._spark.loads import (
    Counted,
    Names,
    Share,
    SparkLoad,
    loaded_counts,
    note_of,
    report_of,
    routes_for,
    routes_in,
    shares,
)
from databricks_forwarder.errors import ConfigurationError, PermanentError, RouteError
from databricks_forwarder.model import Account, EventKey, Table, TableName
from databricks_forwarder.routers.function import FunctionRouter

LOAD = SparkLoad("4e1c", 7)
NAMES = Names.of("shop")
START, END, BARE = EventKey("session_start"), EventKey("session_end"), EventKey(None)
OWN = Table(TableName("session_start"), "session_start")
COMMON = Table(TableName("shop_otherevents"))
ROUTES: Mapping[EventKey, Table | None] = {START: OWN, END: COMMON, BARE: None}
COUNTED = Counted({to_text(START): 3, to_text(END): 2, to_text(BARE): 1}, 5, 4)


def test_a_load_is_named_after_its_stream_and_its_number() -> None:
    """
    The same micro-batch has the same id whenever it is carried.
    """
    assert "4e1c-7" == LOAD.id


def test_the_two_tables_are_named_after_the_schema() -> None:
    """
    The common table has the name that it has without Spark.
    """
    assert ("shop_otherevents", "shop_deadletters") == (
        NAMES.common,
        NAMES.dead_letters,
    )
    with pytest.raises(ConfigurationError, match="name"):
        Names.of("a.b")


def test_groups_without_a_key_are_dead_letters() -> None:
    """
    Rows with a key are messages; of a dead letter its own count is.
    """
    groups = [(to_text(START), 3, None), (None, 4, 5), (to_text(END), 2, None)]

    assert Counted({to_text(START): 3, to_text(END): 2}, 5, 4) == Counted.of(groups)
    assert Counted({}, 0, 1) == Counted.of([(None, 1, None)])
    assert {START: 3, END: 2} == Counted.of(groups).by_key


def test_the_router_is_asked_once_for_all_keys() -> None:
    """
    It sees the counts of the micro-batch, and what it leaves out is common.
    """
    asked = []

    class Router:
        def route(
            self, counts: Mapping[EventKey, int], /, *, at: datetime
        ) -> Mapping[EventKey, Table | None]:
            asked.append((dict(counts), at))
            return {START: OWN, BARE: None}

    assert routes_for(Router(), COUNTED, NAMES, at=AT) == ROUTES
    assert [({START: 3, END: 2, BARE: 1}, AT)] == asked


def test_the_table_of_dead_letters_is_nobody_else_s() -> None:
    """
    A router that names it is refused, for its columns are others.
    """
    router = FunctionRouter(lambda _: "shop_deadletters")

    with pytest.raises(RouteError, match="shop_deadletters"):
        routes_for(router, COUNTED, NAMES, at=AT)


def test_routes_are_read_back_as_they_were_kept() -> None:
    """
    A note is one line, and gives equal routes.
    """
    note = note_of(LOAD, ROUTES)

    assert "\n" not in note
    assert routes_in([note], LOAD) == ROUTES


def test_a_note_of_another_load_says_nothing() -> None:
    """
    What was kept of the micro-batch before is not taken for this one's.
    """
    earlier = note_of(SparkLoad("4e1c", 6), ROUTES)

    assert None is routes_in([earlier], LOAD)
    assert None is routes_in([], LOAD)


def test_rows_are_dealt_out_by_key() -> None:
    """
    Each table gets the keys that are routed to it; dropped ones go nowhere.
    """
    start, end, bare = (to_text(key) for key in (START, END, BARE))

    assert [
        Share(OWN, [start], sorted([end, bare]), 3),
        Share(COMMON, [end], sorted([start, bare]), 2),
    ] == shares(COUNTED, ROUTES)


def test_a_repeat_with_other_keys_is_refused() -> None:
    """
    Routes that were kept can't be held to when the source gives other payloads.
    """
    with pytest.raises(PermanentError, match="same payloads"):
        shares(COUNTED, {START: OWN})


def test_a_router_learns_what_went_to_a_table() -> None:
    """
    What is dropped by rule is not counted.
    """
    assert {START: 3, END: 2} == loaded_counts(COUNTED, ROUTES)


def test_the_account_of_a_load_adds_up() -> None:
    """
    Received is loaded, dead and dropped; dead letters are rows of their table.
    """
    report = report_of(LOAD, COUNTED, shares(COUNTED, ROUTES), NAMES)

    assert Account(received=11, loaded=5, dead=5, dropped=1) == report.account
    assert report.account.is_balanced
    assert {
        "session_start": 3,
        "shop_deadletters": 4,
        "shop_otherevents": 2,
    } == report.tables


def test_without_dead_letters_their_table_is_not_told() -> None:
    """
    Only tables that got rows are in a report.
    """
    report = report_of(LOAD, Counted({to_text(BARE): 1}), [], NAMES)

    assert {} == report.tables
    assert Account(received=1, dropped=1) == report.account
