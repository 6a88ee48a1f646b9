"""
When a load is due: 90 minutes or 100 000 messages, whichever comes first.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue

import pytest
from patience import PATIENCE_SECONDS
from walking import COMPOSITIONS, Composition, batch, custom

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder._worker import Worker
from databricks_forwarder.facts import Fact, LoadCommitted
from databricks_forwarder.model import Account
from databricks_forwarder.routers.function import FunctionRouter

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(params=COMPOSITIONS)
def composition(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Composition]:
    """
    A composition with a clock that stands still.
    """
    composition = request.param(tmp_path)
    yield composition
    composition.die()


@pytest.fixture
def forwarder(composition: Composition) -> Iterator[Forwarder]:
    """
    A forwarder with mParticle's policy that drops what it carries.
    """
    dropping = FunctionRouter(lambda _: FunctionRouter.DROP)
    with composition.forwarder(router=dropping) as forwarder:
        yield forwarder


def empty_events(count: int) -> bytes:
    """
    Make a payload that counts for *count* messages.
    """
    return b'{"events":[' + b",".join([b"{}"] * count) + b"]}"


def test_nothing_waits_and_nothing_is_due(forwarder: Forwarder) -> None:
    """
    An empty spool is never due.
    """
    assert forwarder.tick() is None
    assert forwarder.status().due_at is None


def test_a_load_is_due_after_ninety_minutes(
    composition: Composition, forwarder: Forwarder
) -> None:
    """
    One message is carried 90 minutes after its receipt, not a microsecond before.
    """
    receipt = forwarder.submit(batch(custom("A")))
    composition.clock.advance(timedelta(minutes=90) - MICROSECOND)

    assert forwarder.tick() is None
    assert 1 == forwarder.status().waiting
    assert receipt.received_at + timedelta(minutes=90) == forwarder.status().due_at

    composition.clock.advance(MICROSECOND)
    report = forwarder.tick()

    assert report is not None
    assert Account(received=1, dropped=1) == report.account
    assert forwarder.status().due_at is None


def test_the_oldest_message_decides(
    composition: Composition, forwarder: Forwarder
) -> None:
    """
    A later message does not put the load off, and goes with it.
    """
    first = forwarder.submit(batch(custom("A")))
    composition.clock.advance(minutes=89)
    forwarder.submit(batch(custom("B")))

    assert first.received_at + timedelta(minutes=90) == forwarder.status().due_at

    composition.clock.advance(minutes=1)
    report = forwarder.tick()

    assert report is not None
    assert 2 == report.account.received


def test_a_load_is_due_at_a_hundred_thousand_messages(
    composition: Composition, forwarder: Forwarder
) -> None:
    """
    99 999 messages wait for their time, 100 000 are carried at once.
    """
    receipt = forwarder.submit_many([empty_events(33_333)] * 3)

    assert 99_999 == receipt.message_count
    assert forwarder.tick() is None
    assert receipt.received_at + timedelta(minutes=90) == forwarder.status().due_at

    forwarder.submit(empty_events(1))

    assert composition.clock.now() == forwarder.status().due_at

    report = forwarder.tick()

    assert report is not None
    assert Account(received=100_000, dropped=100_000) == report.account
    assert forwarder.tick() is None


def test_no_load_is_larger_than_the_policy(forwarder: Forwarder) -> None:
    """
    A record that would pass the limit waits for the next load.
    """
    forwarder.submit_many([empty_events(60_000), empty_events(60_000)])
    report = forwarder.tick()

    assert report is not None
    assert 60_000 == report.account.received
    assert 60_000 == forwarder.status().waiting
    assert forwarder.tick() is None


def test_a_batch_without_events_counts_as_one_message(
    composition: Composition,
) -> None:
    """
    Batches without events count towards the limit, one message each.
    """
    policy = UploadPolicy(max_messages=3)
    with composition.forwarder(policy=policy) as forwarder:
        forwarder.submit_many([b"{}", b'{"events":[]}'])

        assert forwarder.tick() is None

        forwarder.submit(b'{"events":null}')
        report = forwarder.tick()

        assert report is not None
        assert 3 == report.account.loaded


def test_a_policy_of_ones_own_is_kept(composition: Composition) -> None:
    """
    Both limits can be set.
    """
    policy = UploadPolicy(max_age=timedelta(seconds=10), max_messages=2)
    with composition.forwarder(policy=policy) as forwarder:
        forwarder.submit(batch(custom("A")))
        composition.clock.advance(seconds=10)

        assert forwarder.tick() is not None

        forwarder.submit(batch(custom("A"), custom("B")))

        assert forwarder.tick() is not None


def test_what_is_overdue_is_due_now(
    composition: Composition, forwarder: Forwarder
) -> None:
    """
    A load that nobody carried in time shows when it should have been.
    """
    receipt = forwarder.submit(batch(custom("A")))
    composition.clock.advance(hours=5)

    assert receipt.received_at + timedelta(minutes=90) == forwarder.status().due_at


@pytest.mark.parametrize(
    ("max_age", "seconds"),
    [(timedelta(seconds=8), 8.0), (timedelta(milliseconds=5), 1.0)],
)
def test_an_idle_forwarder_looks_again_when_what_comes_may_be_due(
    composition: Composition, max_age: timedelta, seconds: float
) -> None:
    """
    It sleeps no longer than what comes right now may wait, and never spins.
    """
    with composition.forwarder(policy=UploadPolicy(max_age=max_age)) as forwarder:
        assert seconds == forwarder._due.in_seconds()


class Committed:
    """
    Waits for a load to be committed.
    """

    def __init__(self) -> None:
        self.rows = SimpleQueue[int]()

    def observe(self, fact: Fact, /) -> None:
        """
        Take note of how much was loaded.
        """
        if isinstance(fact, LoadCommitted):
            self.rows.put(fact.loaded)


def test_what_comes_while_the_thread_sleeps_is_loaded_when_it_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A thread that found nothing does not sleep over what comes after that.
    """
    committed, sleeps = Committed(), threading.Event()
    pause = Worker._pause

    def paused(worker: Worker, seconds: float) -> None:
        sleeps.set()
        pause(worker, seconds)

    monkeypatch.setattr(Worker, "_pause", paused)
    with Forwarder.for_lake(
        tmp_path / "lake",
        spool=tmp_path / "spool.db",
        policy=UploadPolicy(max_age=timedelta(milliseconds=100)),
        observer=committed,
    ) as forwarder:
        forwarder.start()
        assert sleeps.wait(PATIENCE_SECONDS)
        forwarder.submit(batch(custom("Buy")))

        assert 1 == committed.rows.get(timeout=PATIENCE_SECONDS)
