"""
Who can't read or move rows says so, and what to do instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from walking import InMemory, OnDisk, batch, custom

from databricks_forwarder import Forwarder
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError, TransientError
from databricks_forwarder.model import EventKey, EventKind, Table, TableName
from databricks_forwarder.mparticle.keys import SOURCE_FEED
from databricks_forwarder.protocols import Router
from databricks_forwarder.routers.default import default_router, keeps_kinds_together
from databricks_forwarder.routers.feeds import FeedRouter
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.testing.faults import Fail, faulty

BUY = EventKind("custom_event", "navigation", "Buy")
TO_ONE = FunctionRouter(lambda _: Table(TableName("one")))
COUNTS = MemoryEventCounts()
STANDARD = default_router(COUNTS, schema_name="shop")


def _sandboxed(key: EventKey) -> str | None:
    return "sandbox" if key.environment == "development" else None


class _Another(ThresholdRouter):
    """
    A router that may put a kind where it likes.
    """


def test_a_loader_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    """
    Tables that this process can't read are to be asked by their views.
    """
    with (
        InMemory(tmp_path).forwarder() as forwarder,
        pytest.raises(ConfigurationError, match="MemoryLoader can't be read here"),
    ):
        forwarder.read()


def test_a_loader_that_moves_no_rows_is_named(tmp_path: Path) -> None:
    """
    A loader without the ability is told which protocol has it.
    """
    with (
        InMemory(tmp_path).forwarder() as forwarder,
        pytest.raises(ConfigurationError, match="MemoryLoader can't move rows"),
    ):
        forwarder.backfill()


def test_a_router_that_promotes_nothing_is_named(tmp_path: Path) -> None:
    """
    Where no kind gets a table of its own there is nothing to be moved.
    """
    with (
        OnDisk(tmp_path).forwarder(router=TO_ONE) as forwarder,
        pytest.raises(ConfigurationError, match="FunctionRouter gives kinds no"),
    ):
        forwarder.backfill()


@pytest.mark.parametrize("kind", [EventKind(None), EventKind("")])
def test_a_kind_that_says_nothing_is_refused(tmp_path: Path, kind: EventKind) -> None:
    """
    Rows that say no event type can't be told from batches without events.
    """
    with (
        OnDisk(tmp_path).forwarder() as forwarder,
        pytest.raises(ConfigurationError, match="must say its event type"),
    ):
        forwarder.read(kind)


def test_a_lake_without_tables_is_read_as_empty(tmp_path: Path) -> None:
    """
    Before the first load there are columns and no rows.
    """
    with OnDisk(tmp_path).forwarder() as forwarder:
        rows = forwarder.read()
        of_kind = forwarder.read(BUY)

    assert (0, 0) == (rows.count_rows(), of_kind.count_rows())
    assert "_event_timestamp" in rows.schema.names


def test_a_router_that_promotes_nothing_reads_the_common_table(tmp_path: Path) -> None:
    """
    A kind without a table of its own is read from the common table.
    """
    composition = OnDisk(tmp_path, events_threshold=10)
    with composition.forwarder() as forwarder:
        forwarder.submit(batch(custom("Buy", 1), custom("Look", 2)))
        forwarder.flush()
    composition.die()
    with composition.forwarder(router=TO_ONE) as forwarder:
        rows = forwarder.read(BUY)

    assert 1 == rows.count_rows()


@pytest.mark.parametrize("is_behind_mine", [True, False])
def test_a_kind_is_read_from_all_tables_of_a_router_of_ones_own(
    tmp_path: Path, is_behind_mine: bool
) -> None:
    """
    Rows that another router put elsewhere are in a kind's history all the same.
    """
    composition = OnDisk(tmp_path, events_threshold=3)
    mine = FunctionRouter(_sandboxed)
    standard = composition.router(composition.counts())
    router = FirstMatch(mine, standard) if is_behind_mine else mine
    with composition.forwarder(router=router) as forwarder:
        for number, environment in enumerate(["production", "development"] * 3):
            forwarder.submit(batch(custom("Buy", number), environment=environment))
            forwarder.submit(batch(custom("Look", number), environment=environment))
            forwarder.flush()
        found = forwarder.read(BUY).to_table()["data"].to_pylist()

    assert ["Buy"] * 6 == [data["event_name"] for data in found]
    composition.die()


@pytest.mark.parametrize("router", [None, FunctionRouter(_sandboxed), TO_ONE])
@pytest.mark.parametrize(
    ("of_batch", "of_event"),
    [
        ({"source_info": {"channel": "partner", "partner": "Acme"}}, {}),
        ({"source_info": {"channel": "partner"}}, {}),
        ({}, {"custom_attributes": {SOURCE_FEED: "Acme"}}),
    ],
)
def test_a_kind_is_read_without_rows_of_feeds(
    tmp_path: Path,
    router: Router | None,
    of_batch: dict[str, Any],
    of_event: dict[str, Any],
) -> None:
    """
    What partner feeds brought is in no kind's history, whichever table has it.
    """
    places = {"root": tmp_path / "lake", "spool": tmp_path / "spool.db"}
    not_of_feeds = {"custom_attributes": {SOURCE_FEED: "", "a": "b"}}
    with Forwarder.for_lake(**places, router=router) as forwarder:
        forwarder.submit(batch(custom("Buy", 1), source_info={"channel": "native"}))
        forwarder.submit(batch(custom("Buy", 2, **not_of_feeds)))
        forwarder.submit(batch(custom("Buy", 3, **of_event), **of_batch))
        forwarder.flush()

        assert [0, 1] == sorted(forwarder.read(BUY).to_table()["_offset"].to_pylist())
        assert 3 == forwarder.read().count_rows()


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        (STANDARD, True),
        (FirstMatch(STANDARD), True),
        (ThresholdRouter(COUNTS, schema_name="shop"), True),
        (FeedRouter(COUNTS), True),
        (TO_ONE, False),
        (FirstMatch(TO_ONE, STANDARD), False),
        (_Another(COUNTS, schema_name="shop"), False),
    ],
)
def test_mparticle_s_routing_alone_keeps_kinds_together(
    router: Router, expected: bool
) -> None:
    """
    Only of routers that are known no other tables than two are looked into.
    """
    assert expected == keeps_kinds_together(router)


def test_a_lake_without_a_common_table_is_read(tmp_path: Path) -> None:
    """
    Where each kind had a table from the first event on, that is all there is.
    """
    with OnDisk(tmp_path, events_threshold=1).forwarder() as forwarder:
        forwarder.submit(batch(custom("Buy", 1), custom("Look", 2)))
        forwarder.flush()

        assert (2, 1) == (
            forwarder.read().count_rows(),
            forwarder.read(BUY).count_rows(),
        )
        assert {} == forwarder.backfill()


def test_tables_of_others_in_a_lake_are_passed_over(tmp_path: Path) -> None:
    """
    A table that has no events is not read with those that have.
    """
    deltalake = pytest.importorskip("deltalake")
    composition = OnDisk(tmp_path)
    with composition.forwarder() as forwarder:
        forwarder.submit(batch(custom("Buy", 1)))
        forwarder.flush()
        other = forwarder.read().to_table(columns=["mpid"])
        deltalake.write_deltalake(str(tmp_path / "lake" / "other"), other)

        assert 1 == forwarder.read().count_rows()


def test_names_that_can_not_be_asked_for_hold_back_no_load(tmp_path: Path) -> None:
    """
    A router that can't tell its tables now has its rows loaded all the same.
    """
    composition = OnDisk(tmp_path)

    def wrap(name: str, part: object) -> object:
        error = TransientError("not now")
        if name == "router":
            return faulty(part, Fail(method="promoted", error=error))
        if name == "loader":
            part.expect = lambda *_: None  # type: ignore[attr-defined]
        return part

    with composition.forwarder(wrap=wrap) as forwarder:
        forwarder.submit(batch(custom("Buy", 1)))
        (report,) = forwarder.flush()

    assert 1 == report.account.loaded


def test_the_first_router_that_promotes_has_the_word(tmp_path: Path) -> None:
    """
    Routers one behind the other tell what the first of them gave that can tell.
    """
    composition = OnDisk(tmp_path, events_threshold=1)
    with composition.forwarder() as forwarder:
        forwarder.submit(batch(custom("Buy", 1)))
        forwarder.flush()
    router = FirstMatch(TO_ONE, composition.router(composition.counts()))
    kinds = [BUY, EventKind("screen_view"), EventKind(None)]

    assert {BUY: "event_navigation_buy"} == router.promoted(kinds)
    assert not hasattr(FirstMatch(TO_ONE), "promoted")
    composition.die()
