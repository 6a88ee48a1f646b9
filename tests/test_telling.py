"""
Facts on their way from a forwarder to its observers.
"""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from pathlib import Path
from typing import Any

import attrs
import pytest
from patience import PATIENCE_SECONDS
from walking import InMemory, batch, custom

from databricks_forwarder import Forwarder, Status, UploadPolicy
from databricks_forwarder import facts as known
from databricks_forwarder._load_facts import LoadFacts
from databricks_forwarder._telling import Teller
from databricks_forwarder.errors import (
    BatcherFullError,
    PayloadError,
    SetupError,
    TransientError,
)
from databricks_forwarder.facts import (
    FACTS,
    BatchesDied,
    DestinationFound,
    DestinationLost,
    Fact,
    LoadFailed,
    LoadParked,
    RecordsAppended,
    RecordsRefused,
    SpoolFilled,
    SpoolFreed,
    StepFailed,
    WorkerFailed,
)
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    Lease,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    TableName,
    TableReport,
)
from databricks_forwarder.observers.log import LINES, LogObserver, with_log
from databricks_forwarder.observers.memory import MemoryObserver
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.facts import make_fact, one_of_each

LOAD = LoadId("0123456789ab-0-9")
ENDS_OF_ROOM = SpoolFilled, SpoolFreed


class Raising:
    """
    An observer that fails at each fact.
    """

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.told = 0

    def observe(self, _: Fact, /) -> None:
        """
        Fail.
        """
        self.told += 1
        raise self.error


@pytest.fixture(name="memory")
def _memory(tmp_path: Path) -> InMemory:
    return InMemory(tmp_path)


def test_every_kind_of_fact_is_listed() -> None:
    """
    The list of kinds has each class of the module, and no abstract one.
    """
    classes = {getattr(known, name) for name in known.__all__ if name != "FACTS"}

    assert classes - {Fact, known.LoadFact} == set(FACTS)
    assert len(FACTS) == len(set(FACTS))


@pytest.mark.parametrize("fact", one_of_each(), ids=lambda fact: type(fact).__name__)
def test_a_fact_is_frozen_and_small(fact: Fact) -> None:
    """
    A fact has numbers, texts and moments, and can't be changed.
    """
    values = [getattr(fact, field.name) for field in attrs.fields(type(fact))]

    assert not [value for value in values if isinstance(value, (bytes, dict, list))]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        fact.at = fact.at  # type: ignore[misc]


@pytest.mark.parametrize("fact", one_of_each(), ids=lambda fact: type(fact).__name__)
def test_each_fact_is_one_line(fact: Fact, caplog: pytest.LogCaptureFixture) -> None:
    """
    The log has a line for each kind, and the record has the fact.
    """
    with caplog.at_level(logging.DEBUG, "databricks_forwarder"):
        LogObserver().observe(fact)
    (record,) = caplog.records

    assert LINES[type(fact)][0] == record.levelno
    assert "\n" not in record.getMessage()
    assert fact == vars(record)["fact"]


def test_lines_that_nobody_wants_are_not_written(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    The logger's level decides, and what has no line is passed over.
    """

    class Unheard(Fact):
        pass

    with caplog.at_level(logging.WARNING, "databricks_forwarder"):
        for fact in [*one_of_each(), Unheard(at=FakeClock().now())]:
            LogObserver().observe(fact)

    assert {
        *("SpoolFilled", "BatchesDied", "TableParked", "LoadParked", "FilesLeft"),
        *("DestinationLost", "WorkerFailed"),
    } == {type(vars(record)["fact"]).__name__ for record in caplog.records}


def test_the_log_is_told_once() -> None:
    """
    Whoever observes, there is one observer that writes the log.
    """
    own = LogObserver(logging.getLogger("host"))
    other = MemoryObserver()
    alone, beside = with_log(None), with_log(other)

    assert [LogObserver] == [type(each) for each in alone]
    assert [LogObserver, MemoryObserver] == [type(each) for each in beside]
    assert [other, own] == with_log([other, own])


def test_memory_keeps_the_latest() -> None:
    """
    The oldest facts go when there are too many.
    """
    observer = MemoryObserver(most=2)
    first, *others = [make_fact(RecordsRefused, error=str(each)) for each in range(3)]
    for fact in (first, *others):
        observer.observe(fact)

    assert others == observer.facts
    assert others == observer.of(RecordsRefused)
    assert [] == observer.of(RecordsAppended)


def test_what_is_stored_is_told(memory: InMemory) -> None:
    """
    One fact a call, with what the receipt says and the bytes.
    """
    seen = MemoryObserver()
    payloads = [batch(custom("A"), custom("B")), b"{}"]
    with memory.forwarder(observer=seen) as forwarder:
        receipt = forwarder.submit_many(payloads)
        forwarder.submit_many([])
    stored, nothing = seen.of(RecordsAppended)

    assert (receipt.offsets, 2, 3) == (
        stored.offsets,
        stored.record_count,
        stored.message_count,
    )
    assert sum(map(len, payloads)) == stored.size_bytes
    assert (None, 0, 0) == (nothing.offsets, nothing.record_count, nothing.size_bytes)


def test_what_is_refused_is_told(memory: InMemory) -> None:
    """
    The class of the error that the host gets is told, nothing of the payload.
    """
    seen = MemoryObserver()
    with memory.forwarder(observer=seen) as forwarder:
        for call in (
            lambda: forwarder.submit(b"secret"),
            lambda: forwarder.submit_many([b"{}", b"secret"]),
        ):
            with pytest.raises(PayloadError):
                call()

    assert ["PayloadError", "PayloadError"] == [
        fact.error for fact in seen.of(RecordsRefused)
    ]
    assert "secret" not in repr(seen.facts)


def test_a_full_spool_is_told(tmp_path: Path) -> None:
    """
    What found no room is a refusal, too.
    """
    seen = MemoryObserver()
    with (
        Forwarder.for_lake(
            tmp_path, spool=tmp_path / "s.db", max_spool_bytes=10, observer=seen
        ) as forwarder,
        pytest.raises(BatcherFullError),
    ):
        forwarder.submit(batch(custom("A")))

    assert ["BatcherFullError"] == [fact.error for fact in seen.of(RecordsRefused)]


def test_a_full_spool_is_told_once_until_there_is_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    One warning however many are refused; smaller payloads make no end of it.
    """
    seen, large = MemoryObserver(), batch(custom("A" * 100))
    with Forwarder.for_lake(
        tmp_path / "lake",
        spool=tmp_path / "s.db",
        max_spool_bytes=len(large) + 10,
        observer=seen,
    ) as forwarder:
        forwarder.submit(large)
        for _ in range(3):
            with pytest.raises(BatcherFullError):
                forwarder.submit(large)
        forwarder.submit(b"{}")
        forwarder.flush()
        full = [type(fact) for fact in seen.facts if isinstance(fact, ENDS_OF_ROOM)]
        forwarder.submit(large)
    warned = [line for line in caplog.messages if line.startswith("payloads are ref")]

    assert [SpoolFilled] == full
    assert [SpoolFreed] == [type(fact) for fact in seen.of(SpoolFreed)]
    assert 1 == len(warned)
    assert "run carry from a shell" in warned[0]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (1, "table t00"),
        (2, "tables t00, t01"),
        (11, "t08, t09 and 1 more"),
    ],
)
def test_a_load_tells_which_tables_are_parked(tables: int, said: str) -> None:
    """
    A load of which only tables are parked names them, ten at most.
    """
    seen = MemoryObserver()
    reports = [
        TableReport(
            table=TableName(f"t{nth:02}"),
            row_count=1,
            file_count=1,
            size_bytes=9,
            state="parked",
            reason="never",
        )
        for nth in range(tables)
    ]
    load_facts(seen).settled(report_with(tables=reports))
    (parked,) = seen.of(LoadParked)

    assert parked.message.endswith(said)


def test_dead_letters_are_a_warning_with_their_reasons() -> None:
    """
    One fact a load: how many died, and of what most; figures make no reasons.
    """
    seen = MemoryObserver()
    reasons = ["not JSON at 1", "not JSON at 2", "empty", "odd", "late", "worn"]
    letters = [
        DeadLetter(
            offset=Offset(nth),
            received_at=FakeClock().now(),
            message_count=2,
            reason=reason,
            load_id=LOAD,
        )
        for nth, reason in enumerate(reasons)
    ]
    load_facts(seen).settled(
        report_with(dead=letters, account=Account(received=12, dead=12))
    )
    (died,) = seen.of(BatchesDied)

    assert (6, 12) == (died.payload_count, died.message_count)
    assert "2 of not JSON at …; 1 of empty; 1 of odd; 2 more reasons" == died.reasons


def test_a_load_without_dead_letters_warns_of_none(memory: InMemory) -> None:
    """
    Nothing is told of dead letters where there are none.
    """
    seen = MemoryObserver()
    with memory.forwarder(observer=seen) as forwarder:
        forwarder.submit(b"{}")
        forwarder.flush()

    assert [] == seen.of(BatchesDied)


def load_facts(seen: MemoryObserver) -> LoadFacts:
    """
    What tells of a load of nothing.
    """
    lease = Lease(
        load_id=LOAD,
        offsets=OffsetRange(Offset(0), Offset(9)),
        message_count=12,
        attempt=1,
        notes={},
        records=(),
    )
    return LoadFacts.of(lease, Teller([seen], FakeClock()))


def report_with(**values: Any) -> LoadReport:
    """
    A report of that load.
    """
    usual = {
        "load_id": LOAD,
        "offsets": OffsetRange(Offset(0), Offset(9)),
        "attempt": 1,
        "settled_at": FakeClock().now(),
        "account": Account(),
    }
    return LoadReport(**{**usual, **values})


def test_an_observer_that_raises_harms_nobody(
    memory: InMemory, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The load is carried, others are told, and the log says so once.
    """
    broken, seen = Raising(KeyError("secret")), MemoryObserver()
    with (
        caplog.at_level(logging.WARNING, "databricks_forwarder"),
        memory.forwarder(observer=[broken, seen]) as forwarder,
    ):
        forwarder.submit(b"{}")
        (report,) = forwarder.flush()
    (line,) = caplog.messages

    assert 1 == report.account.loaded
    assert broken.told == len(seen.facts) > 5
    assert line.startswith("observer Raising raised KeyError at ")
    assert "secret" not in line


def test_what_is_no_error_leaves_an_observer(memory: InMemory) -> None:
    """
    An interrupt in an observer ends the call, as it does elsewhere.
    """
    forwarder = memory.forwarder(observer=Raising(KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        forwarder.submit(b"{}")
    forwarder.close()


def test_a_payload_is_taken_while_another_fact_is_told(memory: InMemory) -> None:
    """
    No lock is held while observers are told: a signal handler may submit.
    """

    class Handing:
        """
        Hands a payload in while it is told of one.
        """

        def observe(self, fact: Fact, /) -> None:
            """
            Do so once.
            """
            if isinstance(fact, RecordsAppended) and fact.message_count == 2:
                forwarder.submit(b"{}")

    forwarder = memory.forwarder(observer=Handing())
    with forwarder:
        forwarder.submit(batch(custom("A"), custom("B")))

        assert 3 == forwarder.status().account.received


def test_a_slow_observer_holds_up_no_other_thread(memory: InMemory) -> None:
    """
    While one thread waits for an observer, another hands its payload in.
    """
    entered, may_go_on = threading.Event(), threading.Event()

    class Slow:
        """
        Waits at the payload of two messages.
        """

        def observe(self, fact: Fact, /) -> None:
            """
            Wait to be let go.
            """
            if isinstance(fact, RecordsAppended) and fact.message_count == 2:
                entered.set()
                may_go_on.wait(PATIENCE_SECONDS)

    with memory.forwarder(observer=Slow()) as forwarder:
        payload = batch(custom("A"), custom("B"))
        thread = threading.Thread(target=forwarder.submit, args=(payload,))
        thread.start()
        assert entered.wait(PATIENCE_SECONDS)
        receipt = forwarder.submit(b"{}")
        may_go_on.set()
        thread.join()

    assert 1 == receipt.message_count


@pytest.mark.parametrize(
    ("error", "is_lost"),
    [(TransientError("away"), True), (SetupError("GRANT"), True), (KeyError(), False)],
)
def test_a_destination_is_lost_once_and_found_once(
    error: Exception, is_lost: bool, clock: FakeClock
) -> None:
    """
    Of failures in a row the first says so, of loads that come through the first.
    """
    seen = MemoryObserver()
    teller = Teller([seen], clock)
    teller.is_found(LOAD)
    teller.is_lost(LOAD, error)
    clock.advance(seconds=90)
    teller.is_lost(LOAD, error)
    teller.is_found(LOAD)
    teller.is_found(LOAD)

    assert [type(error).__name__] * is_lost == [
        fact.error for fact in seen.of(DestinationLost)
    ]
    assert [90.0] * is_lost == [fact.seconds for fact in seen.of(DestinationFound)]


def test_a_step_of_the_host_that_fails_is_told(memory: InMemory) -> None:
    """
    A tick that raises to the host tells the load, and the step.
    """
    seen = MemoryObserver()
    with memory.forwarder(
        observer=seen, policy=UploadPolicy(max_messages=1)
    ) as forwarder:
        forwarder._loader.load = _away  # type: ignore[method-assign]
        forwarder.submit(b"{}")
        for _ in range(2):
            with pytest.raises(TransientError):
                forwarder.tick()

    assert [1, 2] == [fact.failure_count for fact in seen.of(StepFailed)]
    assert ["TransientError: away"] * 2 == [
        f"{fact.error}: {fact.message}" for fact in seen.of(LoadFailed)
    ]
    assert [] == seen.of(WorkerFailed)


def _away(*_: object) -> None:
    raise TransientError("away")


def test_a_step_of_the_thread_that_fails_is_told(memory: InMemory) -> None:
    """
    The background thread tells how long it waits, and the log warns once.
    """
    told = threading.Event()

    class Ringing(MemoryObserver):
        """
        Says when the thread has failed.
        """

        def observe(self, fact: Fact, /) -> None:
            """
            Keep it, and ring.
            """
            super().observe(fact)
            if isinstance(fact, WorkerFailed):
                told.set()

    seen = Ringing()
    with memory.forwarder(
        observer=seen, policy=UploadPolicy(max_messages=1)
    ) as forwarder:
        forwarder._loader.load = _away  # type: ignore[method-assign]
        forwarder.submit(b"{}")
        forwarder.start()
        assert told.wait(PATIENCE_SECONDS)
    failed = seen.of(WorkerFailed)[0]

    assert ("TransientError", "away", 1) == (
        failed.error,
        failed.message,
        failed.failure_count,
    )
    assert 0.5 <= failed.pause_seconds <= 1
    assert [] == seen.of(StepFailed)


class Asking(MemoryObserver):
    """
    An observer that was handed a way to ask.
    """

    def watch(self, status: Any, /) -> None:
        """
        Keep it.
        """
        self.status = status


def test_a_forwarder_can_be_asked_until_it_is_closed(memory: InMemory) -> None:
    """
    What an observer gets to ask with tells the status, and nothing after the end.
    """
    seen = Asking()
    with memory.forwarder(observer=seen) as forwarder:
        forwarder.submit(b"{}")
        status = seen.status()

    assert isinstance(status, Status)
    assert (1, memory.clock.now()) == (status.waiting, status.oldest_received_at)
    assert seen.status() is None


def test_an_observer_keeps_no_forwarder_alive(memory: InMemory) -> None:
    """
    A forwarder that nobody has any more is gone, and answers nothing.
    """
    seen = Asking()
    forwarder = memory.forwarder(observer=seen)
    alive = weakref.ref(forwarder)
    del forwarder
    gc.collect()

    assert alive() is None
    assert seen.status() is None
