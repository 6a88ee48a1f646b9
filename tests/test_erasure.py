"""
Erasing by a forwarder: what it asks of its parts, refuses, and tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from erasures import refusing
from walking import InMemory, batch, custom

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder._erase import _planned
from databricks_forwarder._erased_rows import ErasedRows
from databricks_forwarder._progress import Progress, erased_mark
from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.erasure import (
    Erasure,
    ErasureNote,
    Place,
    SpoolErasure,
    Suppression,
    TableErasure,
)
from databricks_forwarder.errors import (
    ConfigurationError,
    PermanentError,
    TransientError,
)
from databricks_forwarder.model import LoadId, Offset, TableName
from databricks_forwarder.testing.faults import Fail, Killed, faulty

T, U = TableName("t"), TableName("u")
OWN = "event_navigation_buy"
L = LoadId("b-0-0")


@pytest.fixture
def memory(tmp_path: Path) -> InMemory:
    """
    Parts in memory; three events of a kind have a table of their own.
    """
    return InMemory(tmp_path)


def buy(mpid: int, event_id: int = 1) -> bytes:
    """
    Make a batch of one event.
    """
    return batch(custom("Buy", event_id), mpid=mpid)


def without(method: str) -> Any:
    """
    Wrap parts so that they lack a method.
    """

    class Lacking:
        def __init__(self, part: object) -> None:
            self._part = part

        def __getattr__(self, name: str) -> Any:
            if name in {method, "_part"}:
                raise AttributeError(name)
            return getattr(self._part, name)

    return lambda _, part: Lacking(part)


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("keep_erasure", "can't erase; .*abilities.ErasingBatcher says"),
        ("places", "can't erase; .*abilities.ErasingLoader says"),
    ],
)
def test_parts_that_cannot_erase_are_refused(
    memory: InMemory, method: str, words: str
) -> None:
    """
    The sentence says which part lacks what; nothing is erased.
    """
    with memory.forwarder(wrap=without(method)) as forwarder:
        forwarder.submit(buy(1))
        with pytest.raises(ConfigurationError, match=words):
            forwarder.erase(mpids=[1])

        assert 1 == forwarder.status().waiting


def test_a_batcher_that_cannot_erase_is_walked_as_before(memory: InMemory) -> None:
    """
    It needs no erasures to be carried and compared, and has none to tell.
    """
    with memory.forwarder(wrap=without("erasures")) as forwarder:
        forwarder.submit(buy(1))
        forwarder.flush()

        assert forwarder.reconcile().agrees
        with pytest.raises(ConfigurationError, match="keeps no erasures"):
            forwarder.erasures()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"late": "keep"}, "late must be 'drop' or 'load'"),
        ({"request_id": ""}, "request_id must be a text of 1 to 200 printable"),
        ({"request_id": "x" * 201}, "request_id must be a text of 1 to 200 printable"),
        ({"request_id": "a\nb"}, "request_id must be a text of 1 to 200 printable"),
        ({"request_id": 7}, "request_id must be a text of 1 to 200 printable"),
    ],
)
def test_arguments_that_are_none_are_refused(
    memory: InMemory, options: Any, words: str
) -> None:
    """
    Before anything is erased it is said what is wrong.
    """
    with (
        memory.forwarder() as forwarder,
        pytest.raises(ConfigurationError, match=words),
    ):
        forwarder.erase(mpids=[1], **options)


def test_a_request_id_is_one_persons(memory: InMemory) -> None:
    """
    A request id that was used for somebody else is refused.
    """
    with memory.forwarder() as forwarder:
        forwarder.erase(mpids=[1], request_id="r-1")
        forwarder.erase(mpids=[2], request_id="r-2")
        forwarder.erase(mpids=[2], request_id="r-2")
        with pytest.raises(ConfigurationError, match="for somebody else"):
            forwarder.erase(mpids=[2], request_id="r-1")

        assert ["r-1", "r-2"] == [each.request_id for each in forwarder.erasures()]


def test_without_a_request_id_a_person_has_one_receipt(memory: InMemory) -> None:
    """
    The same ids make the same receipt, which has a hash for a name.
    """
    with memory.forwarder() as forwarder:
        forwarder.submit(buy(1))
        first = forwarder.erase(mpids=[1])
        forwarder.submit(buy(1))
        again = forwarder.erase(mpids=["1"])

        assert (first.request_id, first.begun_at) == (again.request_id, again.begun_at)
        assert (2, [again]) == (again.spool.waiting, list(forwarder.erasures()))


def test_rows_that_come_after_an_erasure_are_added_to_its_receipt(
    memory: InMemory,
) -> None:
    """
    Erasing again what was loaded since counts it too, and the books agree.
    """
    with memory.forwarder() as forwarder:
        receipts = []
        for _ in range(2):
            forwarder.submit_many([buy(1), buy(2)])
            forwarder.flush()
            receipts.append(forwarder.erase(mpids=[1], late="load"))

        assert [1, 2] == [each.row_count for each in receipts]
        assert forwarder.reconcile().agrees


def test_late_events_are_loaded_if_that_is_wanted(memory: InMemory) -> None:
    """
    With ``late="load"`` nothing is dropped that comes later.
    """
    old = memory.clock.now() - timedelta(days=1)
    late = batch(custom("Buy"), mpid=1, timestamp_unixtime_ms=old.timestamp() * 1000)
    with memory.forwarder() as forwarder:
        forwarder.erase(mpids=[1], late="load")
        forwarder.submit(late)
        forwarder.flush()
        forwarder.erase(mpids=[1], late="drop")
        forwarder.submit(late)
        forwarder.flush()
        account = forwarder.status().account

    assert (1, 1) == (account.loaded, account.dropped)


def test_a_load_that_is_out_elsewhere_is_waited_for(memory: InMemory) -> None:
    """
    While another process carries a load nothing is erased.
    """
    other = MemoryBatcher(storage=memory.storage)
    with memory.forwarder() as forwarder:
        forwarder.submit(buy(1))
        other.lease(UploadPolicy(), at=memory.clock.now(), seal=True)
        with pytest.raises(TransientError, match="is out with somebody else"):
            forwarder.erase(mpids=[1])

        assert [] == list(forwarder.erasures())


def parked(memory: InMemory, *people: int) -> Forwarder:
    """
    Park a load of people: one of its two tables can't be loaded.
    """
    forwarder = memory.forwarder(wrap=refusing(OWN))
    forwarder.submit_many(
        [batch(custom("Buy", 1), {"event_type": "first_run"}, mpid=p) for p in people]
    )
    forwarder.flush()
    assert len(forwarder.parked()) == 1
    return forwarder


def test_a_parked_load_goes_on_without_them_and_is_parked_again(
    memory: InMemory,
) -> None:
    """
    Its loaded table loses their rows, what is staged again has none of them.
    """
    with parked(memory, 1, 2, 3) as forwarder:
        load_id = forwarder.parked()[0].load_id
        receipt = forwarder.erase(mpids=[1])
        between = (memory.staged(), forwarder.reconcile().agrees)
        forwarder.flush()
        report = forwarder.parked()[0]
        agrees = forwarder.reconcile().agrees

    assert ((load_id,), 1) == (receipt.spool.opened_load_ids, receipt.row_count)
    assert (set(), True) == between
    assert (load_id, True) == (report.load_id, agrees)
    assert (4, 2, 2) == (
        report.account.received,
        report.account.loaded,
        report.account.pending,
    )


def test_a_load_that_breaks_before_it_is_staged_again_tells_of_no_rows(
    memory: InMemory,
) -> None:
    """
    Nobody knows what of the rest is loaded, so all of it is pending.
    """
    with parked(memory, 1, 2, 3) as forwarder:
        forwarder.erase(mpids=[1])
    broken = Fail(method="stage", error=PermanentError("the disk is odd"))
    with memory.forwarder(
        wrap=lambda name, part: faulty(part, broken) if name == "stager" else part
    ) as forwarder:
        forwarder.flush()
        report = forwarder.parked()[0]

        assert (4, ()) == (report.account.pending, tuple(report.tables))
        assert forwarder.reconcile().agrees
        forwarder.carry_on(report.load_id)
        forwarder.flush()
        assert forwarder.reconcile().agrees
        assert 4 == forwarder.status().account.loaded


def test_a_load_that_was_staged_again_is_not_unstaged_by_a_repeat(
    memory: InMemory,
) -> None:
    """
    What was staged since is what is left, and stays for the parked table.
    """
    with parked(memory, 1, 2, 3) as forwarder:
        forwarder.erase(mpids=[1])
        forwarder.flush()
        forwarder.erase(mpids=[1])

        assert 1 == len(memory.staged())
        assert 1 == len(forwarder.parked())


def test_what_a_load_that_is_done_left_staged_is_removed(memory: InMemory) -> None:
    """
    Files that were staged and not discarded are swept before all else.
    """
    odd = Fail(method="discard", error=TransientError("the disk is odd"))
    with memory.forwarder(
        wrap=lambda name, part: faulty(part, odd) if name == "stager" else part
    ) as forwarder:
        forwarder.submit(buy(1))
        forwarder.flush()
        left = len(memory.staged())
        forwarder.erase(mpids=[1])

    assert (1, set()) == (left, memory.staged())


@pytest.mark.parametrize(("is_done", "expected"), [(True, 5), (False, 3)])
def test_rows_that_are_found_again_are_counted_by_what_was_done(
    is_done: bool, expected: int
) -> None:
    """
    After a deletion they are others; of one that may not be done, the same.
    """
    known = TableErasure(table=T, rows_by_load={L: 3}, is_done=is_done)
    (planned,) = _planned([known], {T: [Place(L, Offset(0), 2)]})

    assert (expected, False) == (planned.row_count, planned.is_done)


def test_other_files_are_refused_after_an_erasure_as_before(memory: InMemory) -> None:
    """
    Fewer rows are no other files; a table that was not there before is one.
    """
    with parked(memory, 1, 2, 3) as forwarder:
        load_id = forwarder.parked()[0].load_id
        forwarder.erase(mpids=[1])
    # Somebody changes the routes that were noted.
    notes = memory.storage.loads[load_id].notes
    notes["routes"] = notes["routes"].replace(OWN, "event_navigation_sell")
    with memory.forwarder() as forwarder:
        forwarder.flush()
        (report,) = forwarder.parked()

    assert "was staged as other files before" in (report.reason or "")


def test_an_erasure_that_fails_is_told_in_the_status(memory: InMemory) -> None:
    """
    What went wrong is seen until something goes well; no id is in it.
    """
    away = Fail(method="places", error=TransientError("the lake is away"))
    with memory.forwarder(
        wrap=lambda name, part: faulty(part, away) if name == "loader" else part
    ) as forwarder:
        with pytest.raises(TransientError):
            forwarder.erase(mpids=[12345])
        failed = forwarder.status().last_error
        (unfinished,) = forwarder.erasures()
        forwarder.erase(mpids=[12345])

        assert "TransientError: the lake is away" == failed
        assert (None, None) == (unfinished.finished_at, forwarder.status().last_error)
        assert "12345" not in repr(forwarder.erasures())


def test_no_log_names_anyone(
    memory: InMemory, caplog: pytest.LogCaptureFixture
) -> None:
    """
    One line tells how much was erased, and neither of whom nor on whose request.
    """
    caplog.set_level("DEBUG")
    with memory.forwarder() as forwarder:
        forwarder.submit_many([buy(12345), buy(12345)])
        forwarder.flush()
        caplog.clear()
        forwarder.erase(mpids=[12345], request_id="r-54321")
        told = [record.getMessage() for record in caplog.records]

    assert ["an erasure is done: 0 payloads and 2 rows in 1 tables"] == [
        each for each in told if "erasure" in each
    ]
    assert not [each for each in told if "12345" in each or "54321" in each]


def note(*tables: TableErasure, opened: Sequence[LoadId] = ()) -> ErasureNote:
    """
    Keep what was erased from tables.
    """
    spool = SpoolErasure(message_count=2, opened_load_ids=opened)
    erasure = Erasure(
        request_id="r", subject="s", begun_at=MOMENT, spool=spool, tables=tables
    )
    return ErasureNote(erasure=erasure, suppression=Suppression(salt="s", marks=()))


MOMENT = InMemory(Path()).clock.now()


@pytest.mark.parametrize(
    ("is_done", "found", "expected"),
    [(True, 10, 7), (True, 7, 7), (False, 10, 10), (False, 7, 7), (False, 3, 7)],
)
def test_rows_that_are_being_erased_may_be_there_or_not(
    is_done: bool, found: int, expected: int
) -> None:
    """
    Of an erasure that is done they are gone; of another either is right.
    """
    table = TableErasure(table=T, rows_by_load={L: 3}, is_done=is_done)
    erased = ErasedRows.of([note(table), note(table, opened=[L])])

    assert expected == erased.left(T, L, 10, found)
    assert (10, 4) == (erased.left(U, L, 10, 0), erased.message_count)


def test_a_receipt_counts_its_rows() -> None:
    """
    The rows of all loads and tables are summed.
    """
    tables = [
        TableErasure(table=table, rows_by_load={L: 3, LoadId("b-1-1"): 1})
        for table in (T, U)
    ]

    assert 8 == note(*tables).erasure.row_count


def test_a_note_of_an_erased_record_makes_progress_outdated() -> None:
    """
    A load is to be staged again from when the mark is noted.
    """
    assert Progress(dict([erased_mark()])).is_outdated
    assert not Progress({}).is_outdated


def test_a_killed_erasure_keeps_what_it_was_about_to_delete(memory: InMemory) -> None:
    """
    Rows are counted before they are deleted, so that the receipt adds up.
    """
    dying = Fail(method="erase", when="after", error=Killed)
    with memory.forwarder() as forwarder:
        forwarder.submit(buy(1))
        forwarder.flush()
    killed = memory.forwarder(
        wrap=lambda name, part: faulty(part, dying) if name == "loader" else part
    )
    with pytest.raises(Killed):
        killed.erase(mpids=[1])
    memory.die()
    with memory.forwarder() as forwarder:
        assert forwarder.reconcile().agrees
        assert 1 == forwarder.erase(mpids=[1]).row_count
        assert forwarder.reconcile().agrees
