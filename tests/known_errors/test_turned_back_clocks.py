"""
The clock is turned back: nothing is lost, and loads still become due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from spools import NOON, leased, payload, report

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.protocols import Batcher
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.payloads import make_event, make_payload

POLICY = UploadPolicy()
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

OPENED: dict[str, Callable[[Path], Batcher]] = {
    "memory": lambda _: MemoryBatcher(),
    "sqlite": lambda path: SqliteBatcher(path / "spool.db"),
}


@pytest.fixture(params=OPENED)
def batcher(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Batcher]:
    """
    Open each batcher in turn.
    """
    with closing(OPENED[request.param](tmp_path)) as opened:
        yield opened


def test_a_load_from_the_future_is_due(batcher: Batcher) -> None:
    """
    What was received before the clock went back by a day is not kept for a day.
    """
    batcher.append([payload(1)], at=NOON + DAY)
    lease = batcher.lease(POLICY, at=NOON)

    assert lease is not None
    assert [NOON + DAY] == [record.received_at for record in lease.records]


def test_a_small_step_back_makes_no_small_load(batcher: Batcher) -> None:
    """
    A clock that is set back by less than a load may wait makes nothing due.
    """
    batcher.append([payload(1)], at=NOON + POLICY.max_age - SECOND)

    assert batcher.lease(POLICY, at=NOON) is None
    assert batcher.lease(POLICY, at=NOON - SECOND) is not None


def test_offsets_keep_the_order_of_receipt(batcher: Batcher) -> None:
    """
    Records are handed out as they came, whatever their moments say.
    """
    for hours in (5, 3, 4, 0):
        batcher.append([payload(hours)], at=NOON + timedelta(hours=hours))
    lease = batcher.lease(POLICY, at=NOON, seal=True)
    assert lease is not None

    assert [5, 3, 4, 0] == [
        (record.received_at - NOON) // timedelta(hours=1) for record in lease.records
    ]


def test_a_load_goes_on_though_the_clock_went_back(batcher: Batcher) -> None:
    """
    Noted and committed at moments before it was handed out, a load is done.
    """
    batcher.append([payload(1)], at=NOON)
    lease = batcher.lease(POLICY, at=NOON + DAY)
    assert lease is not None
    batcher.note(lease.load_id, "routes", "to here", at=NOON - DAY)
    again = batcher.lease(POLICY, at=NOON - DAY)
    assert again is not None
    batcher.commit(lease.load_id, report(again), at=NOON - DAY)

    assert (lease.load_id, {"routes": "to here"}) == (again.load_id, again.notes)
    assert 2 == batcher.status().account.loaded


def test_a_holder_that_ended_is_no_holder_at_any_time(tmp_path: Path) -> None:
    """
    A load of a holder that is closed is free though its expiry lies far ahead.
    """
    first = SqliteBatcher(tmp_path / "spool.db")
    first.append([payload(1)], at=NOON)
    lease = leased(first)
    first.note(lease.load_id, "routes", "to here", at=NOON + 365 * DAY)
    first.close()
    second = SqliteBatcher(tmp_path / "spool.db")
    again = second.lease(POLICY, at=NOON)
    second.close()

    assert again is not None
    assert lease.load_id == again.load_id


@pytest.mark.parametrize("back", [timedelta(minutes=10), DAY, 3650 * DAY])
def test_a_forwarder_loads_what_it_took_before(back: timedelta, tmp_path: Path) -> None:
    """
    However far the clock goes back, what waits is loaded in twice the time at most.
    """
    clock = FakeClock(NOON)
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db", clock=clock
    ) as forwarder:
        forwarder.submit(make_payload(make_event("screen_view")))
        clock.advance(-back)
        due_at = forwarder.status().due_at
        waits = [forwarder._due.in_seconds() or 0.0]
        reports = [forwarder.tick()]
        clock.advance(2 * POLICY.max_age)
        reports.append(forwarder.tick())
        account = forwarder.status().account

    assert due_at is not None
    assert due_at - (NOON - back) <= 2 * POLICY.max_age
    assert max(waits) <= 2 * POLICY.max_age.total_seconds()
    assert 1 == len([each for each in reports if each is not None])
    assert (1, 0) == (account.loaded, account.pending)
