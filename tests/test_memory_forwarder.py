"""
A forwarder in memory is one line, tells what it loaded, and fails on order.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from databricks_forwarder import Forwarder, UploadPolicy, testing
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import (
    BatcherFullError,
    ConfigurationError,
    PayloadError,
    TransientError,
)
from databricks_forwarder.observers.memory import MemoryObserver
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.faults import Fail, Faults, Killed
from databricks_forwarder.testing.fixtures import fake_clock, forwarder, workspace
from databricks_forwarder.testing.memory import Memory, MemoryForwarder
from databricks_forwarder.testing.payloads import make_event, make_payload
from databricks_forwarder.testing.workspace import Workspace

__all__ = ["fake_clock", "forwarder", "workspace"]

HOME = make_event("screen_view", screen_name="Home")


def test_it_is_a_forwarder(forwarder: MemoryForwarder) -> None:
    """
    Code that wants a `Forwarder` gets one.
    """
    assert isinstance(forwarder, Forwarder)


def test_it_goes_by_the_fake_clock(
    forwarder: MemoryForwarder, fake_clock: FakeClock
) -> None:
    """
    A load is due when the fixture's clock says so, and not before.
    """
    forwarder.submit(make_payload(HOME))
    fake_clock.advance(minutes=89)
    early = forwarder.tick()
    fake_clock.advance(minutes=1)

    assert early is None
    assert forwarder.tick() is not None
    assert fake_clock is forwarder.clock


def test_rows_are_what_the_batch_said(forwarder: MemoryForwarder) -> None:
    """
    A row has the members of its event and its batch, and no column that is null.
    """
    forwarder.submit(
        {
            "mpid": "7",
            "user_attributes": {"plan": "pro"},
            "events": [
                {
                    "event_type": "commerce_event",
                    "data": {
                        "product_action": {
                            "action": "purchase",
                            "products": [{"id": "1", "price": 2.5}, {"id": "2"}],
                        },
                        "custom_attributes": {},
                    },
                }
            ],
        }
    )
    (report,) = forwarder.flush()
    (row,) = forwarder.rows("mparticle_otherevents")
    own = {name for name in row if name.startswith("_")}

    assert {
        "mpid": 7,
        "user_attributes": {"plan": "pro"},
        "event_type": "commerce_event",
        "data": {
            "product_action": {
                "action": "purchase",
                "products": [{"id": "1", "price": 2.5}, {"id": "2"}],
            },
            "custom_attributes": {},
        },
    } == {name: value for name, value in row.items() if name not in own}
    assert report.load_id == row["_load_id"]


def test_a_value_in_a_map_may_be_null(forwarder: MemoryForwarder) -> None:
    """
    A tag, an attribute without a value, is told as one.
    """
    forwarder.submit({"user_attributes": {"vip": None}, "events": [HOME]})
    forwarder.flush()
    (row,) = forwarder.rows()

    assert {"vip": None} == row["user_attributes"]


def test_rows_of_all_tables_come_table_by_table() -> None:
    """
    Without a name all rows are told, and the counts say how many there are.
    """
    forwarder = MemoryForwarder(events_threshold=2, schema_name="shop")
    with forwarder:
        forwarder.submit(make_payload(HOME, HOME, make_event("first_run")))
        forwarder.flush()

    assert {"screen_view": 2, "shop_otherevents": 1} == forwarder.row_counts()
    assert ["screen_view", "screen_view", "first_run"] == [
        row["event_type"] for row in forwarder.rows()
    ]
    assert forwarder.tables.keys() == forwarder.row_counts().keys()


def test_a_table_that_is_not_there_has_no_rows_to_tell(
    forwarder: MemoryForwarder,
) -> None:
    """
    A misspelt table is an error and no empty list.
    """
    with pytest.raises(KeyError, match="screenview"):
        forwarder.rows("screenview")


def test_settings_reach_their_parts() -> None:
    """
    Policy, limits and router are those that were given.
    """
    with MemoryForwarder(
        policy=UploadPolicy(max_age=timedelta(minutes=1)),
        router=FunctionRouter(lambda _: "all"),
        max_payload_bytes=1000,
        max_spool_bytes=900,
    ) as forwarder:
        forwarder.submit(make_payload(HOME))
        forwarder.clock.advance(minutes=1)
        forwarder.tick()

        assert {"all": 1} == forwarder.row_counts()
        with pytest.raises(PayloadError):
            forwarder.submit(b"[" + b" " * 1000)
        with pytest.raises(BatcherFullError):
            forwarder.submit_many([make_payload(HOME)] * 4)


def test_an_observer_is_told() -> None:
    """
    What the host would observe can be observed in its tests.
    """
    observer = MemoryObserver()
    with MemoryForwarder(observer=observer) as forwarder:
        forwarder.submit(make_payload(HOME))

    assert "RecordsAppended" in {type(fact).__name__ for fact in observer.facts}


def test_a_wrong_setting_is_refused() -> None:
    """
    What the router can't take is said as everywhere.
    """
    with pytest.raises(ConfigurationError):
        MemoryForwarder(events_threshold=0)


def test_a_fault_is_counted_from_its_order(forwarder: MemoryForwarder) -> None:
    """
    Earlier calls don't matter; the fault comes once and then all is well.
    """
    forwarder.submit(make_payload(HOME))
    forwarder.flush()
    forwarder.fail("loader", Fail(method="load", error=TransientError("away")))
    forwarder.submit(make_payload(HOME))
    with pytest.raises(TransientError, match="away"):
        forwarder.flush()
    pending = forwarder.status().account.pending
    forwarder.flush()

    assert (1, {"mparticle_otherevents": 2}) == (pending, forwarder.row_counts())


def test_a_killed_forwarder_is_followed_by_another_on_its_memory() -> None:
    """
    What was loaded when the process died is there once.
    """
    with MemoryForwarder() as before:
        before.fail("loader", Fail(method="load", when="after"))
        before.submit(make_payload(HOME))
        with pytest.raises(Killed):
            before.flush()
    with MemoryForwarder(memory=before.memory) as after:
        (report,) = after.flush()

    assert (2, {"mparticle_otherevents": 1}) == (report.attempt, after.row_counts())


@pytest.mark.parametrize(
    ("part", "method", "error"),
    [("lader", "load", KeyError), ("loader", "lode", AttributeError)],
)
def test_a_fault_that_could_never_come_is_refused(
    forwarder: MemoryForwarder, part: str, method: str, error: type[Exception]
) -> None:
    """
    A misspelt part or method is an error, and no test without its misfortune.
    """
    with pytest.raises(error, match=f"la?o?a?der|{method}"):
        forwarder.fail(part, Fail(method=method))  # type: ignore[arg-type]


def test_payloads_are_not_in_what_is_printed(forwarder: MemoryForwarder) -> None:
    """
    The memory's `repr` has its clock alone.
    """
    forwarder.submit(make_payload(HOME))

    assert f"Memory(clock={forwarder.clock!r})" == repr(forwarder.memory)


def test_it_is_found_beside_the_workspace() -> None:
    """
    The package's lazy names are what they are called.
    """
    assert (Memory, MemoryForwarder) == (testing.Memory, testing.MemoryForwarder)
    assert sorted(testing.__all__) == testing.__all__
    with pytest.raises(AttributeError, match="no_such_name"):
        testing.no_such_name  # noqa: B018  # looking is the test


def test_faults_can_be_ordered_for_any_part() -> None:
    """
    Two orders for one call are one failure, and each is counted by itself.
    """
    faults = Faults(Fail(method="append", nth=2, error=ValueError))
    part = faults.around([0])
    part.append(1)
    faults.order(Fail(method="append", when="after", error=KeyError))
    with pytest.raises(ValueError, match=r"^$"):
        part.append(2)

    assert 2 == part.count(0) + part.count(1)


def test_settings_of_the_default_router_go_with_no_other() -> None:
    """
    A setting that would have no effect is refused, and so is one that is none.
    """
    router = default_router(MemoryEventCounts(), schema_name="mparticle")

    with pytest.raises(ConfigurationError, match=r"no events_threshold and no x; leav"):
        MemoryForwarder(router=router, events_threshold=5, x=1)


def test_what_is_in_memory_is_in_no_lake_and_in_no_workspace(tmp_path: Path) -> None:
    """
    The ways to real tables are refused before anything is made, and say whose.
    """
    lake = tmp_path / "lake"

    with pytest.raises(ConfigurationError, match=r"use Forwarder\.for_lake instead"):
        MemoryForwarder.for_lake(lake, spool=tmp_path / "spool.db")
    with pytest.raises(ConfigurationError, match=r"use Forwarder\.for_databricks inst"):
        MemoryForwarder.for_databricks(object(), spool=tmp_path / "spool.db")
    assert [] == list(tmp_path.iterdir())


def test_the_workspace_goes_by_the_fake_clock(
    workspace: Workspace, fake_clock: FakeClock, tmp_path: Path
) -> None:
    """
    With one clock for both, ninety minutes pass at once, and all is loaded.
    """
    with Forwarder.for_databricks(
        workspace.settings,
        endpoint=workspace.endpoint,
        spool=tmp_path / "spool.db",
        clock=fake_clock,
    ) as forwarder:
        forwarder.submit(make_payload(HOME))
        fake_clock.advance(minutes=90)
        report = forwarder.tick()
    query = "SELECT count(*) AS n, year(current_timestamp()) AS year FROM {}"
    table = "main.mparticle.mparticle_otherevents"

    assert report is not None
    assert [{"n": 1, "year": fake_clock.now().year}] == workspace.query(
        query.format(table)
    ).to_pylist()
