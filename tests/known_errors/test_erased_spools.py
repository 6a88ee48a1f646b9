"""
A spool file from which somebody was erased: what is left, and what can go wrong.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from erasures import bytes_under
from spools import NOON, asked, carried, fill, leased, opened, payload, report

from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder.batchers import _sqlite_erasing, _sqlite_file, sqlite
from databricks_forwarder.batchers.sqlite import SqliteBatcher, repair
from databricks_forwarder.erasure import Erasure, ErasureNote, Suppression
from databricks_forwarder.errors import BatcherError, TransientError

MARK = ("erased", "some")
NOTE = ErasureNote(
    erasure=Erasure(request_id="request-1", subject="subject", begun_at=NOON),
    suppression=Suppression(salt="salt", marks=("mark",), before=NOON),
)


def those(*numbers: int) -> Callable[[bytes], bool]:
    """
    Tell the payloads of these numbers, whatever their size.
    """
    heads = {f'{{"batch_id":"{number}",'.encode() for number in numbers}
    return lambda document: any(document.startswith(each) for each in heads)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """
    Make a spool with something of everything, and close it.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        fill(batcher)
    return path


def test_nothing_of_what_was_loaded_or_erased_is_in_any_byte(spool: Path) -> None:
    """
    Free pages, overflow pages and the log hold no payload that no row has.
    """
    with opened(spool) as batcher:
        before = {number for number in range(14) if has(spool, number)}
        batcher.erase(NOTE, those(5, 9, 13), MARK, at=NOON)
        # The log is empty while it is open still.
        after = {number for number in range(14) if has(spool, number)}

    assert {5, 9, 13} <= before
    assert {1, 4, 6, 7, 8, 10, 11, 12} == after


def test_what_sqlite_left_behind_is_wiped(spool: Path) -> None:
    """
    Free pages are wiped where SQLite is not built to do so by itself, too.
    """
    with closing(sqlite3.connect(spool, isolation_level=None)) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE passing (payload BLOB)")
        rows = [(b"left behind " * 2000,)] * 20
        database.executemany("INSERT INTO passing VALUES (?)", rows)
        database.execute("DROP TABLE passing")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = bytes_under(spool.parent)
    with opened(spool) as batcher:
        batcher.erase(NOTE, those(9), MARK, at=NOON)

    assert b"left behind left behind" in before
    assert b"left behind" not in bytes_under(spool.parent)


def has(path: Path, number: int) -> bool:
    """
    Whether a byte of the spool's files belongs to the payload of a number.
    """
    written = bytes_under(path.parent, f"{path.name}*")
    return (
        f'"batch_id":"{number}",'.encode() in written
        or (f"{number:x}-" * 20).encode() in written
    )


def test_a_death_before_the_file_is_wiped_is_made_good(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is emptied and not wiped is wiped by the repeat, which counts nothing.
    """

    def dying(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_sqlite_erasing, "_wipe", dying)
        with opened(spool) as batcher, pytest.raises(KeyboardInterrupt):
            batcher.erase(NOTE, those(9), MARK, at=NOON)
    with opened(spool) as batcher:
        (kept,) = batcher.erasures()
        again = batcher.erase(kept, those(9), MARK, at=NOON)

    assert (kept, 2) == (again, again.erasure.spool.message_count)
    assert not has(spool, 9)


def test_a_reader_of_what_was_there_is_no_success(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    While somebody reads an earlier state, erasing says so, and can be repeated.
    """
    monkeypatch.setattr(_sqlite_file, "_BUSY_SECONDS", 0.05)
    with opened(spool) as batcher:
        with closing(sqlite3.connect(spool, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM records").fetchone()
            with pytest.raises(TransientError, match="somebody reads it; erase again"):
                batcher.erase(NOTE, those(9), MARK, at=NOON)
        batcher.erase(batcher.erasures()[0], those(9), MARK, at=NOON)

    assert not has(spool, 9)


def test_what_comes_while_it_is_looked_for_is_erased_too(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A payload appended between looking and emptying is looked at as well.
    """
    look = _sqlite_erasing._look

    def slow(*args: object) -> object:
        found = look(*args)
        with opened(spool) as other:
            other.append([payload(77), payload(78)], at=NOON)
        return found

    monkeypatch.setattr(_sqlite_erasing, "_look", slow)
    with opened(spool) as batcher:
        note = batcher.erase(NOTE, those(77), MARK, at=NOON)

    assert (1, True) == (note.erasure.spool.waiting, has(spool, 78))
    assert not has(spool, 77)


def test_what_a_commit_lets_go_of_meanwhile_is_in_no_account(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Records of a load that was committed between are removed and not counted.
    """
    look = _sqlite_erasing._look
    monkeypatch.setattr(SqliteBatcher, "_remove", lambda *_: None)
    monkeypatch.setattr(sqlite, "go_on", lambda _: False)

    def slow(*args: object) -> object:
        found = look(*args)
        with opened(spool) as other:
            for dead in ({9: "unfit"}, {}):
                lease = leased(other, 4)
                other.commit(lease.load_id, report(lease, dead=dead), at=NOON)
        return found

    monkeypatch.setattr(_sqlite_erasing, "_look", slow)
    with opened(spool) as batcher:
        note = batcher.erase(NOTE, those(8, 9), MARK, at=NOON)
        account = batcher.status().account
        spans = asked(spool, "SELECT count(*) FROM removals")

    assert (0, 0, 1) == (
        note.erasure.spool.waiting,
        note.erasure.spool.in_loads,
        note.erasure.spool.dead,
    )
    assert (True, [(0,)]) == (account.is_balanced, spans)


def test_a_holder_that_lives_is_waited_for_though_its_time_is_over(
    spool: Path,
) -> None:
    """
    It may be at work still: only its end, or its settling, lets anybody erase.
    """
    late = NOON + timedelta(days=1)
    with opened(spool) as holder:
        lease = leased(holder)
        with opened(spool) as other:
            with pytest.raises(TransientError, match=lease.load_id):
                other.erase(NOTE, those(9), MARK, at=late)
            holder.close()
            other.erase(NOTE, those(9), MARK, at=late)

    assert not has(spool, 9)


@pytest.mark.parametrize(("hours", "is_erased"), [(0, False), (24, True)])
def test_without_a_lock_expiry_decides(
    spool: Path, hours: int, is_erased: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where there is no lock to ask, a holder lives until its time is over.
    """
    monkeypatch.setattr("databricks_forwarder.batchers._holder_lock._fcntl", None)
    with opened(spool) as holder, opened(spool) as other:
        leased(holder)
        try:
            other.erase(NOTE, those(9), MARK, at=NOON + timedelta(hours=hours))
        except TransientError:
            erased = False
        else:
            erased = True

    assert (is_erased, not is_erased) == (erased, has(spool, 9))


def test_a_dead_holder_is_not_waited_for(spool: Path) -> None:
    """
    A process that was killed with a load out is in nobody's way.
    """
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom spools import leased\n"
        "from databricks_forwarder.batchers.sqlite import SqliteBatcher\n"
        "leased(SqliteBatcher(Path(sys.argv[1])))\nos.kill(os.getpid(), 9)"
    )
    path = os.pathsep.join(filter(None, sys.path))
    subprocess.run(
        [sys.executable, "-c", program, spool],
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    with opened(spool) as batcher:
        note = batcher.erase(NOTE, those(9), MARK, at=NOON)

    assert 1 == note.erasure.spool.in_loads


def test_copies_of_a_repair_are_named(spool: Path) -> None:
    """
    Damaged copies, and what a crash left of making a file, are in the receipt.
    """
    names = ["spool.db.0f.new", "spool.db.damaged-1", "spool.db.damaged-1-wal"]
    for name in [*names, "other.db.damaged-1"]:
        (spool.parent / name).touch()
    with opened(spool) as batcher:
        note = batcher.erase(NOTE, those(9), MARK, at=NOON)

    assert tuple(names) == note.erasure.spool.copies


def test_an_erased_spool_is_whole(spool: Path) -> None:
    """
    A repair finds nothing to mend in it.
    """
    with opened(spool) as batcher:
        batcher.erase(NOTE, those(1, 5, 9, 13), MARK, at=NOON)

    assert repair(spool).kept is None


def test_a_repair_keeps_what_was_erased_erased(spool: Path) -> None:
    """
    Records keep their places without dying, and the notes of erasures stay.
    """
    with opened(spool) as batcher:
        note = batcher.erase(NOTE, those(5, 9, 13), MARK, at=NOON)
        before = batcher.status()
    with closing(sqlite3.connect(spool)) as database:
        database.execute("UPDATE spool SET received = received + 1")
        database.commit()
    told = repair(spool)
    with opened(spool) as batcher:
        kept = tuple(batcher.erasures())
        after = carried(batcher)

    assert (True, [], []) == (
        told.kept is not None,
        list(told.lost_offsets),
        list(told.damaged_offsets),
    )
    assert ((note,), {}) == (kept, after.damaged)
    assert before.account.dropped == after.account.dropped
    assert after.account.is_balanced


def test_a_note_that_changed_is_damage(spool: Path) -> None:
    """
    Who was erased might be loaded again: it is refused, and a repair drops it.
    """
    with opened(spool) as batcher:
        batcher.keep_erasure(NOTE)
    with closing(sqlite3.connect(spool)) as database:
        database.execute("UPDATE erasures SET note = replace(note, 'mark', 'marc')")
        database.commit()
    with opened(spool) as batcher, pytest.raises(BatcherError, match="repair"):
        batcher.erasures()
    told = repair(spool)
    with opened(spool) as batcher:
        assert () == tuple(batcher.erasures())
    assert (False, False) == (told.are_erasures_whole, told.is_whole)


@pytest.mark.parametrize("text", ["[]", "{", '{"erasure":7}'])
def test_a_repair_drops_a_note_that_is_none(spool: Path, text: str) -> None:
    """
    What is no note, whatever its checksum says, is left behind.
    """
    with opened(spool) as batcher:
        batcher.keep_erasure(NOTE)
    with closing(sqlite3.connect(spool)) as database:
        crc = _sqlite_file.text_crc("request-1", text)
        database.execute("UPDATE erasures SET note = ?, crc = ?", (text, crc))
        database.commit()
    told = repair(spool)
    assert not told.are_erasures_whole
    with opened(spool) as batcher:
        assert () == tuple(batcher.erasures())


def test_a_note_is_read_back_as_it_was() -> None:
    """
    All that is kept of an erasure goes into text and comes back.
    """
    finished = attrs.evolve(NOTE.erasure, finished_at=NOON + timedelta(seconds=1))
    note = attrs.evolve(NOTE, erasure=finished)

    assert note == from_text(to_text(note), ErasureNote)
    assert "mark" not in repr(note)


def test_an_erased_record_has_its_place_and_no_more(spool: Path) -> None:
    """
    Its row is there with the time it was received, and says that it was erased.
    """
    with opened(spool) as batcher:
        batcher.erase(NOTE, those(9), MARK, at=NOON)

    assert [(0, -2, b"")] == asked(
        spool, "SELECT message_count, crc, payload FROM records WHERE offset = 9"
    )
