"""
The SQLite batcher: the contract, and what only it does.
"""

from __future__ import annotations

import gc
import logging
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from databricks_forwarder.batchers import _group_commit, _holder_lock, _sqlite_loads
from databricks_forwarder.batchers._sqlite_errors import crossed
from databricks_forwarder.batchers._sqlite_file import FORMAT
from databricks_forwarder.batchers._sqlite_records import entry_of
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    BatcherFullError,
    ConfigurationError,
    ForwarderError,
    LeaseLostError,
)
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    LoadReport,
    Offset,
    OffsetRange,
    Payload,
)
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing.contracts.batcher import BatcherContract

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks_forwarder.model import Lease

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
POLICY = UploadPolicy()
ONE = Payload(b'{"batch_id":"1"}', 1)


class TestSqliteBatcher(BatcherContract):
    """
    The contract, over one file for each test.
    """

    def open(self) -> SqliteBatcher:
        """
        Open the test's file.
        """
        return SqliteBatcher(self.tmp_path / "spool.db")

    def open_another(self) -> SqliteBatcher:
        """
        Make a file that no test knows yet.
        """
        count = len(list(self.tmp_path.glob("another-*.db")))
        return SqliteBatcher(self.tmp_path / f"another-{count}.db")

    def open_small(self, max_bytes: int) -> SqliteBatcher:
        """
        Open the test's file with a limit.
        """
        return SqliteBatcher(self.tmp_path / "spool.db", max_spool_bytes=max_bytes)

    def stored(self) -> list[bytes]:
        """
        Look into the file.
        """
        with closing(sqlite3.connect(self.tmp_path / "spool.db")) as database:
            rows = database.execute("SELECT payload FROM records ORDER BY offset")
            return [payload for (payload,) in rows]

    def damage(self, offset: Offset) -> None:
        """
        Cut the last byte off.
        """
        with closing(sqlite3.connect(self.tmp_path / "spool.db")) as database:
            database.execute(
                "UPDATE records SET payload = substr(payload, 1, length(payload) - 1)"
                " WHERE offset = ?",
                (offset,),
            )
            database.commit()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    Name a file that does not exist yet.
    """
    return tmp_path / "spool.db"


@pytest.fixture
def batcher(path: Path) -> Iterator[SqliteBatcher]:
    """
    Open a new spool.
    """
    with closing(SqliteBatcher(path)) as opened:
        yield opened


def leased(batcher: SqliteBatcher, at: datetime = NOON) -> Lease:
    """
    Lease what there is.
    """
    lease = batcher.lease(POLICY, at=at, seal=True)
    assert lease is not None
    return lease


def loaded(lease: Lease, *, dead: tuple[int, ...] = ()) -> LoadReport:
    """
    Report that all of a lease is loaded but for the dead.
    """
    letters = tuple(
        DeadLetter(
            offset=Offset(offset),
            received_at=NOON,
            message_count=1,
            reason="unfit",
            load_id=lease.load_id,
        )
        for offset in dead
    )
    return LoadReport(
        load_id=lease.load_id,
        offsets=lease.offsets,
        attempt=lease.attempt,
        settled_at=NOON,
        account=Account(
            received=lease.message_count,
            loaded=lease.message_count - len(dead),
            dead=len(dead),
        ),
        dead=letters,
    )


def carried(batcher: SqliteBatcher, *, dead: tuple[int, ...] = ()) -> LoadReport:
    """
    Carry what there is.
    """
    lease = leased(batcher)
    report = loaded(lease, dead=dead)
    batcher.commit(lease.load_id, report, at=NOON)
    return report


def run_python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """
    Run a program in a process of its own, with warnings as errors.
    """
    prologue = """
import os, sys
from datetime import datetime, timezone
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import Payload
from databricks_forwarder.settings import UploadPolicy
NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
ONE = Payload(b'{"batch_id":"1"}', 1)
"""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", prologue + program, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_foreign_database_is_refused_and_left_alone(path: Path) -> None:
    """
    Another program's SQLite file is a mistake in the configuration.
    """
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE theirs (a)")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"spool\.db is no spool"):
        SqliteBatcher(path)

    assert before == path.read_bytes()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    """
    A text file is a mistake in the configuration.
    """
    path.write_text("Dear diary, " * 1000)
    with pytest.raises(ConfigurationError, match=r"spool\.db is no spool"):
        SqliteBatcher(path)

    assert path.read_text().startswith("Dear diary")


def test_a_newer_format_is_refused_by_its_number(path: Path) -> None:
    """
    A spool of a later version of the library says which format it has.
    """
    SqliteBatcher(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")

    with pytest.raises(ConfigurationError, match=f"of format {FORMAT + 1}, this"):
        SqliteBatcher(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """
    A folder that does not exist is not made, and said so.
    """
    with pytest.raises(ConfigurationError, match="nowhere does not exist"):
        SqliteBatcher(tmp_path / "nowhere" / "spool.db")

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [{"lease_seconds": -1}, {"max_spool_bytes": 0}], ids=str
)
def test_options_that_cannot_be_kept_are_refused(
    path: Path, options: dict[str, int]
) -> None:
    """
    A batcher with no time or no room is a mistake in the configuration.
    """
    with pytest.raises(ConfigurationError):
        SqliteBatcher(path, **options)

    assert not path.exists()


def test_the_file_says_what_it_is(batcher: SqliteBatcher, path: Path) -> None:
    """
    The header of a spool carries the letters of its application id.
    """
    header = path.read_bytes()[:72]

    assert (b"SQLite format 3\0", b"mpdf") == (header[:16], header[68:72])


def test_making_a_spool_leaves_nothing_beside_it(
    batcher: SqliteBatcher, tmp_path: Path
) -> None:
    """
    The file under which a spool is made is gone when it is made.
    """
    names = {each.name for each in tmp_path.iterdir()}

    assert names <= {"spool.db", "spool.db-wal", "spool.db-shm", "spool.db.use"}


def test_who_makes_the_spool_first_makes_it_for_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A process that finds a file where it would put its own opens that one.
    """
    link = os.link

    def link_twice(source: Path, target: Path) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", link_twice)
    with closing(SqliteBatcher(path)) as batcher:
        assert 12 == len(batcher.id)


def test_a_file_system_without_links_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where a spool can't be made safely none is made.
    """

    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(ConfigurationError, match="name a file on a local disk"):
        SqliteBatcher(path)

    assert [] == list(path.parent.iterdir())


def test_commits_are_synchronous(batcher: SqliteBatcher) -> None:
    """
    The log is written ahead, and each commit waits for the disk.
    """
    with batcher._session.read("asking") as database:
        mode = database.execute("PRAGMA journal_mode").fetchone()
        synchronous = database.execute("PRAGMA synchronous").fetchone()

    assert (("wal",), (2,)) == (mode, synchronous)


def test_a_killed_process_leaves_what_it_was_told_is_stored(path: Path) -> None:
    """
    What `append` returned for is there after the process was killed.
    """
    run_python(
        "SqliteBatcher(sys.argv[1]).append([ONE], at=NOON); os.kill(os.getpid(), 9)",
        path,
    )
    with closing(SqliteBatcher(path)) as batcher:
        assert [ONE.document] == [each.payload for each in leased(batcher).records]


def test_a_load_of_a_dead_process_is_handed_over_at_once(path: Path) -> None:
    """
    The next holder need not wait for the expiry of a holder that is gone.
    """
    died = run_python(
        """
batcher = SqliteBatcher(sys.argv[1])
batcher.append([ONE], at=NOON)
print(batcher.lease(UploadPolicy(), at=NOON, seal=True).load_id, flush=True)
os.kill(os.getpid(), 9)
""",
        path,
    )
    with closing(SqliteBatcher(path)) as batcher:
        lease = leased(batcher)

    assert (died.stdout.strip(), 2) == (lease.load_id, lease.attempt)


def test_without_locks_expiry_alone_decides(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where the system has no such locks, a dead holder's load waits for expiry.
    """
    monkeypatch.setattr(_holder_lock, "_fcntl", None)
    with closing(SqliteBatcher(path)) as first, closing(SqliteBatcher(path)) as second:
        first.append([ONE], at=NOON)
        lease = leased(first)
        before = second.lease(POLICY, at=NOON)
        after = second.lease(POLICY, at=NOON + HOUR)

    assert before is None
    assert after is not None
    assert lease.load_id == after.load_id


def test_a_lock_file_that_cannot_be_made_costs_only_time(path: Path) -> None:
    """
    Without the lock file a load is handed out all the same.
    """
    path.with_name("spool.db.lock").mkdir()
    with closing(SqliteBatcher(path)) as first, closing(SqliteBatcher(path)) as second:
        first.append([ONE], at=NOON)
        leased(first)

        assert second.lease(POLICY, at=NOON) is None


def test_a_living_holder_without_the_lock_keeps_its_load(path: Path) -> None:
    """
    The lock of a holder that lost its load says nothing of the one that has it.
    """
    batchers = [SqliteBatcher(path) for _ in range(3)]
    batchers[0].append([ONE], at=NOON)
    lease = leased(batchers[0])
    leased(batchers[1], NOON + HOUR)
    while_locked = batchers[2].lease(POLICY, at=NOON + HOUR)
    with pytest.raises(LeaseLostError):
        batchers[0].note(lease.load_id, "k", "v", at=NOON)
    once_unlocked = batchers[2].lease(POLICY, at=NOON + HOUR)
    for each in batchers:
        each.close()

    assert (None, None) == (while_locked, once_unlocked)


def test_a_holder_that_lost_its_load_gives_the_lock_back(path: Path) -> None:
    """
    Who asks for a load and sees it with another lets that one have the lock.
    """
    with closing(SqliteBatcher(path)) as first, closing(SqliteBatcher(path)) as second:
        first.append([ONE], at=NOON)
        leased(first)
        leased(second, NOON + HOUR)
        first.lease(POLICY, at=NOON + HOUR)

        assert not first._session._guard.is_taken


def test_two_names_of_a_file_have_one_lock(path: Path) -> None:
    """
    A holder that came by a link excludes one that came by the name.
    """
    link = path.with_name("link.db")
    link.symlink_to(path)
    with closing(SqliteBatcher(link)) as first, closing(SqliteBatcher(path)) as second:
        first.append([ONE], at=NOON)
        leased(first)

        assert second.lease(POLICY, at=NOON) is None
    assert not link.with_name("link.db.lock").exists()


def test_an_older_load_is_lost_without_losing_the_newer(path: Path) -> None:
    """
    A word about a load that is not out leaves the one that is out alone.
    """
    with closing(SqliteBatcher(path)) as first, closing(SqliteBatcher(path)) as second:
        first.append([ONE], at=NOON)
        old = carried(first)
        first.append([ONE], at=NOON)
        new = leased(first)
        first.commit(old.load_id, old, at=NOON)
        with pytest.raises(LeaseLostError):
            first.note(old.load_id, "k", "v", at=NOON)

        assert second.lease(POLICY, at=NOON) is None
        first.note(new.load_id, "k", "v", at=NOON)


def test_a_closed_batcher_refuses(batcher: SqliteBatcher) -> None:
    """
    A closed batcher says so, and closing again does nothing.
    """
    batcher.close()
    batcher.close()

    with pytest.raises(BatcherClosedError, match="nothing was stored"):
        batcher.append([ONE], at=NOON)


def test_a_forgotten_batcher_closes_its_file(path: Path) -> None:
    """
    A batcher that nobody closed leaves no connection and no lock behind.
    """
    batcher = SqliteBatcher(path)
    batcher.append([ONE], at=NOON)
    leased(batcher)
    session = batcher._session
    del batcher
    gc.collect()

    assert session._connection is None
    with closing(SqliteBatcher(path)) as after:
        assert 2 == leased(after).attempt


def test_a_forgotten_batcher_does_not_wait_for_who_is_in_the_file(path: Path) -> None:
    """
    What a thread is at when the interpreter ends is left to the system.
    """
    with closing(SqliteBatcher(path)) as batcher:
        session = batcher._session
        with session.read("standing still"):
            session.close_forgotten()

            assert session._connection is not None
        session.close_forgotten()

        assert session._connection is None


def test_closing_goes_on_when_the_file_may_not_be_written(
    batcher: SqliteBatcher, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A lease that can't be let go of in the file is logged, and the lock is free.
    """
    batcher.append([ONE], at=NOON)
    leased(batcher)
    with batcher._session.read("forbidding") as database:
        database.execute("PRAGMA query_only = ON")
    with caplog.at_level(logging.WARNING):
        batcher.close()

    assert ["closing goes on: letting go of the lease"] == [
        record.getMessage().partition(" in ")[0] for record in caplog.records
    ]


def test_a_file_that_may_not_be_written_is_told(batcher: SqliteBatcher) -> None:
    """
    A read-only file names what was being done, and its permissions.
    """
    with batcher._session.read("forbidding") as database:
        database.execute("PRAGMA query_only = ON")

    with pytest.raises(BatcherError, match=r"storing payloads in .* permissions"):
        batcher.append([ONE], at=NOON)


def test_a_full_disk_stores_nothing_and_loses_nothing(batcher: SqliteBatcher) -> None:
    """
    When the file can't grow, the append is refused and the batcher goes on.
    """
    batcher.append([ONE], at=NOON)
    with batcher._session.read("limiting") as database:
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(BatcherFullError, match="the disk is full; nothing was stored"):
        batcher.append([Payload(b"x" * 100_000, 1)], at=NOON, checkpoint={"p": "1"})

    assert Account(received=1, pending=1) == batcher.status().account
    assert {} == batcher.checkpoint()


def test_a_spoilt_page_is_told(batcher: SqliteBatcher, path: Path) -> None:
    """
    A file that the disk has spoilt is an error of the batcher, with its name.
    """
    batcher.append([Payload(b"x" * 50_000, 1)], at=NOON)
    batcher.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))

    with pytest.raises(BatcherError, match=r"spool\.db failed"):
        SqliteBatcher(path)


@pytest.mark.parametrize(
    "kind",
    [
        each
        for each in vars(sqlite3).values()
        if isinstance(each, type) and issubclass(each, sqlite3.Error)
    ],
)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("database or disk is full", BatcherFullError),
        ("Cannot operate on a closed database.", BatcherClosedError),
        ("attempt to write a readonly database", BatcherError),
        ("unable to open database file", BatcherError),
        ("database is locked", BatcherError),
        ("file is not a database", ConfigurationError),
        ("something new", BatcherError),
    ],
)
def test_every_error_of_sqlite_has_a_fate(
    kind: type[sqlite3.Error], text: str, expected: type[ForwarderError], path: Path
) -> None:
    """
    Whatever SQLite raises becomes an error of ours that names the file.
    """
    error = crossed(kind(text), "trying", path)

    assert expected is type(error)
    assert str(path) in str(error)


def test_records_are_read_a_page_at_a_time(batcher: SqliteBatcher) -> None:
    """
    More records than a page holds come back whole and in order.
    """
    large = Payload(b"x" * 3_000_000, 1)
    batcher.append([ONE] * 600, at=NOON)
    batcher.append([large] * 3, at=NOON)
    lease = leased(batcher)
    sizes = [len(record.payload) for record in lease.records]

    assert [len(ONE.document)] * 600 + [3_000_000] * 3 == sizes


def test_reading_holds_up_neither_appends_nor_the_log(
    batcher: SqliteBatcher, path: Path
) -> None:
    """
    In the middle of a reading payloads are appended and the log is emptied.
    """
    batcher.append([ONE] * 600, at=NOON)
    records = iter(leased(batcher).records)
    next(records)
    batcher.append([ONE], at=NOON)
    with closing(sqlite3.connect(path)) as database:
        is_busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    assert 0 == is_busy
    assert 599 == len(list(records))


def test_dead_letters_are_read_anew(batcher: SqliteBatcher) -> None:
    """
    The same dead letters show what died since they were asked for.
    """
    letters = batcher.dead_letters()
    before = list(letters)
    batcher.append([ONE], at=NOON)
    carried(batcher, dead=(0,))

    assert [] == before
    assert [0] == [letter.offset for letter in letters]


def test_a_dead_letter_of_another_load_is_passed_over(batcher: SqliteBatcher) -> None:
    """
    A report can't make a dead letter of a record that is not in its load.
    """
    batcher.append([ONE], at=NOON)
    lease = leased(batcher)
    batcher.append([ONE], at=NOON)
    stray = attrs.evolve(loaded(lease, dead=(1,)), account=loaded(lease).account)
    batcher.commit(lease.load_id, stray, at=NOON)

    assert [] == list(batcher.dead_letters())
    assert Account(received=2, loaded=1, pending=1) == batcher.status().account


def test_records_that_are_lost_are_missed(batcher: SqliteBatcher, path: Path) -> None:
    """
    A spool that has fewer records than were stored says so, and how to mend it.
    """
    batcher.append([ONE, ONE], at=NOON)
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM records WHERE offset = 1")
        database.commit()

    with pytest.raises(BatcherError, match=r"more or fewer records .* repair --spool"):
        batcher.status()
    with pytest.raises(BatcherError, match=r"more or fewer records .* repair --spool"):
        leased(batcher)


def test_the_latest_reports_are_kept(
    batcher: SqliteBatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Older reports are let go of, and their loads are no longer known.
    """
    monkeypatch.setattr(_sqlite_loads, "_KEPT_REPORTS", 2)
    reports = []
    for _ in range(3):
        batcher.append([ONE], at=NOON)
        reports.insert(0, carried(batcher))

    assert reports[:2] == list(batcher.loads())
    with pytest.raises(LeaseLostError):
        batcher.commit(reports[2].load_id, reports[2], at=NOON)


def test_moments_come_back_exactly(batcher: SqliteBatcher) -> None:
    """
    The time of receipt keeps its microseconds, and its zone becomes UTC.
    """
    at = datetime(1969, 12, 31, 23, 59, 59, 999_999, timezone(timedelta(hours=2)))
    batcher.append([ONE], at=at)
    oldest_at = batcher.status().oldest_received_at

    assert at == oldest_at
    assert oldest_at is not None
    assert timezone.utc is oldest_at.tzinfo


def test_a_moment_without_a_zone_is_refused_alone(batcher: SqliteBatcher) -> None:
    """
    A naive moment fails where it is handed in, and nothing is stored.
    """
    with pytest.raises(TypeError):
        batcher.append([ONE], at=NOON.replace(tzinfo=None))

    assert Account() == batcher.status().account


def test_several_processes_append_to_one_file(path: Path) -> None:
    """
    Processes that append at the same time get offsets of their own.
    """
    program = """
batcher = SqliteBatcher(sys.argv[1])
for _ in range(20):
    print(batcher.append([ONE], at=NOON).first)
batcher.close()
"""
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: run_python(program, path), range(2)))
    offsets = [int(line) for run in runs for line in run.stdout.split()]

    assert ["", ""] == [run.stderr for run in runs]
    assert list(range(40)) == sorted(offsets)


def test_a_forked_child_opens_the_file_anew(path: Path) -> None:
    """
    After a fork both go on; the child is another holder, and ends cleanly.
    """
    run = run_python(
        """
batcher = SqliteBatcher(sys.argv[1])
batcher.append([ONE], at=NOON)
lease = batcher.lease(UploadPolicy(), at=NOON, seal=True)
child = os.fork()
if not child:
    print(batcher.append([ONE], at=NOON).first, batcher.lease(UploadPolicy(), at=NOON))
    sys.exit(7)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), batcher.append([ONE], at=NOON).first)
batcher.note(lease.load_id, "k", "v", at=NOON)
other = SqliteBatcher(sys.argv[1])
print(other.lease(UploadPolicy(), at=NOON))
other.close()
batcher.close()
""",
        path,
    )

    assert ("1 None\n7 2\nNone\n", "") == (run.stdout, run.stderr)


def test_a_forked_child_that_does_nothing_ends_cleanly(path: Path) -> None:
    """
    A child that never uses the batcher leaves the parent's alone at its end.
    """
    run = run_python(
        """
batcher = SqliteBatcher(sys.argv[1])
batcher.append([ONE], at=NOON)
child = os.fork()
if not child:
    sys.exit(7)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), batcher.append([ONE], at=NOON).first)
""",
        path,
    )

    assert ("7 1\n", "") == (run.stdout, run.stderr)


def test_a_batcher_closed_before_a_fork_is_closed_in_the_child(
    batcher: SqliteBatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A new process does not open again what was closed.
    """
    batcher.close()
    process_id = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: process_id + 1)

    with pytest.raises(BatcherClosedError):
        batcher.append([ONE], at=NOON)


def test_a_member_without_room_is_refused_alone(path: Path) -> None:
    """
    Of appends that share a transaction only the one that does not fit fails.
    """
    limit = 2 * len(ONE.document)
    outcomes: list[object] = []
    with closing(SqliteBatcher(path, max_spool_bytes=limit)) as batcher:
        entries = [entry_of([ONE] * count, NOON, None) for count in (1, 2, 0, 1)]
        batcher._hold._store(entries, outcomes.extend)

    assert [
        OffsetRange,
        BatcherFullError,
        type(None),
        OffsetRange,
    ] == [type(outcome) for outcome in outcomes]
    assert OffsetRange(Offset(1), Offset(1)) == outcomes[3]


class Interrupted:
    """
    A connection, and an error that comes once right after some of its calls.

    Args:
        errors: By the first word of a statement, or ``rollback``.
    """

    def __init__(
        self, connection: sqlite3.Connection, errors: dict[str, BaseException]
    ) -> None:
        self._connection = connection
        self._errors = errors

    def __getattr__(self, name: str) -> Any:
        """
        Give all else as it is.
        """
        return getattr(self._connection, name)

    def execute(self, statement: str, *arguments: Any) -> sqlite3.Cursor:
        """
        Run *statement*, then break off if it is one of those.
        """
        cursor = self._connection.execute(statement, *arguments)
        self._break_off_after(statement.partition(" ")[0])
        return cursor

    def rollback(self) -> None:
        """
        Break off instead of rolling back when that is one of those.
        """
        if self._connection.in_transaction:
            self._break_off_after("rollback")
        self._connection.rollback()

    def _break_off_after(self, word: str) -> None:
        if word in self._errors:
            raise self._errors.pop(word)


def interrupt(batcher: SqliteBatcher, **errors: BaseException) -> None:
    """
    Let an error come right after the next call of each name.
    """
    session = batcher._session
    session._connection = Interrupted(session._connection, errors)


def queued(batcher: SqliteBatcher, name: bytes) -> _group_commit._Member[Any, Any]:
    """
    Queue an append of another thread, for the next one to store with its own.
    """
    member = _group_commit._Member(entry_of([Payload(name, 1)], NOON, None))
    batcher._hold.appends._waiting.append(member)
    return member


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [
        ([("p", "1")], "must be a mapping of text to text, not list"),
        ({7: "1"}, "a checkpoint's name must be a str, not int"),
        ({"\ud800": "1"}, "a checkpoint's name must be text that UTF-8 can say"),
        ({"p": None}, "the place of checkpoint 'p' must be a str, not NoneType"),
        ({"p": "\ud800"}, "the place of checkpoint 'p' must be text that UTF-8"),
    ],
    ids=["list", "number", "surrogate name", "none", "surrogate"],
)
def test_a_checkpoint_that_is_no_text_is_refused_alone(
    batcher: SqliteBatcher, checkpoint: Any, words: str
) -> None:
    """
    A checkpoint that is not text to text fails its own append, nobody else's.
    """
    innocent = queued(batcher, b"{}")
    with pytest.raises(ConfigurationError, match=words):
        batcher.append([ONE], at=NOON, checkpoint=checkpoint)
    batcher.append([], at=NOON, checkpoint={"q": "1"})

    assert OffsetRange(Offset(0), Offset(0)) == innocent.outcome
    assert {"q": "1"} == batcher.checkpoint()


# What is stored in a transaction of several statements, and by one alone.
IN_TURN, AT_ONCE = {"p": "1"}, None


@pytest.mark.parametrize(
    ("checkpoint", "word"), [(IN_TURN, "COMMIT"), (AT_ONCE, "INSERT")]
)
def test_who_is_stored_is_told_though_the_leader_is_interrupted(
    batcher: SqliteBatcher, checkpoint: Any, word: str
) -> None:
    """
    An interrupt right after the commit costs no follower its receipt.
    """
    follower = queued(batcher, b"{}")
    interrupt(batcher, **{word: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        batcher.append([ONE], at=NOON, checkpoint=checkpoint)

    assert OffsetRange(Offset(0), Offset(0)) == follower.outcome
    assert Account(received=2, pending=2) == batcher.status().account


def test_who_is_stored_is_told_though_the_telling_is_interrupted(
    batcher: SqliteBatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An interrupt between one outcome and the next costs no follower its receipt.
    """
    settle = _group_commit._Member.settle
    errors = [KeyboardInterrupt()]

    def interrupted(member: _group_commit._Member[Any, Any], outcome: object) -> None:
        settle(member, outcome)
        if errors:
            raise errors.pop()

    followers = [queued(batcher, b"{}"), queued(batcher, b"{}")]
    monkeypatch.setattr(_group_commit._Member, "settle", interrupted)
    with pytest.raises(KeyboardInterrupt):
        batcher.append([ONE], at=NOON)

    assert [
        OffsetRange(Offset(0), Offset(0)),
        OffsetRange(Offset(1), Offset(1)),
    ] == [follower.outcome for follower in followers]
    assert Account(received=3, pending=3) == batcher.status().account


@pytest.mark.parametrize(
    ("checkpoint", "word", "error", "stored"),
    [
        (IN_TURN, "BEGIN", KeyboardInterrupt(), 0),
        (IN_TURN, "UPDATE", KeyboardInterrupt(), 0),
        (IN_TURN, "COMMIT", MemoryError(), 2),
        (AT_ONCE, "INSERT", MemoryError(), 2),
    ],
    ids=["begin", "update", "commit", "at once"],
)
def test_what_is_not_certain_is_told_as_unknown(
    batcher: SqliteBatcher,
    checkpoint: Any,
    word: str,
    error: BaseException,
    stored: int,
) -> None:
    """
    A follower whose fate can't be known learns just that, stored or not.
    """
    follower = queued(batcher, b"{}")
    interrupt(batcher, **{word: error})
    with pytest.raises(type(error)):
        batcher.append([ONE], at=NOON, checkpoint=checkpoint)

    assert isinstance(follower.outcome, BatcherError)
    assert "whether they were stored is unknown" in str(follower.outcome)
    assert stored == batcher.status().account.received


@pytest.mark.parametrize(
    ("checkpoint", "word"),
    [
        (IN_TURN, "BEGIN"),
        (IN_TURN, "UPDATE"),
        (IN_TURN, "COMMIT"),
        (AT_ONCE, "INSERT"),
    ],
)
def test_an_interrupted_transaction_is_not_in_the_way(
    batcher: SqliteBatcher, path: Path, checkpoint: Any, word: str
) -> None:
    """
    Wherever a transaction was broken off, others write the file at once.
    """
    interrupt(batcher, **{word: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        batcher.append([ONE], at=NOON, checkpoint=checkpoint)
    with closing(sqlite3.connect(path, timeout=0)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.rollback()

    batcher.append([ONE], at=NOON)


def test_a_transaction_left_open_is_rolled_back_by_the_next(
    batcher: SqliteBatcher,
) -> None:
    """
    When rolling back is itself interrupted, the next transaction makes up for it.
    """
    interrupt(batcher, UPDATE=KeyboardInterrupt(), rollback=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        batcher.append([ONE], at=NOON, checkpoint=IN_TURN)

    assert OffsetRange(Offset(0), Offset(0)) == batcher.append([ONE], at=NOON)


def test_what_another_process_stored_meanwhile_keeps_its_place(
    batcher: SqliteBatcher, path: Path
) -> None:
    """
    An append that counts on an offset that is taken gets the next one.
    """
    mine = [batcher.append([ONE], at=NOON)]
    with closing(SqliteBatcher(path)) as other:
        theirs = [other.append([ONE], at=NOON), other.append([ONE], at=NOON)]
    mine += [batcher.append([ONE], at=NOON), batcher.append([ONE], at=NOON)]

    assert [0, 3, 4] == [each.first for each in mine if each]
    assert [1, 2] == [each.first for each in theirs if each]
    assert Account(received=5, pending=5) == batcher.status().account


def test_an_interrupted_commit_gives_the_lock_back(batcher: SqliteBatcher) -> None:
    """
    A load that is committed, though its holder was interrupted, has no lock.
    """
    batcher.append([ONE], at=NOON)
    lease = leased(batcher)
    interrupt(batcher, COMMIT=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        batcher.commit(lease.load_id, loaded(lease), at=NOON)

    assert not batcher._session._guard.is_taken
    assert [loaded(lease)] == list(batcher.loads())


def test_a_spool_is_its_owner_s_alone(tmp_path: Path) -> None:
    """
    Nobody else can read the spool, nor what SQLite puts beside it.
    """
    with closing(SqliteBatcher(tmp_path / "spool.db")) as batcher:
        batcher.append(
            [Payload(b"{}", 1)], at=datetime(2026, 1, 1, tzinfo=timezone.utc)
        )
        modes = {
            path.name: path.stat().st_mode & 0o077
            for path in tmp_path.glob("spool.db*")
            if not path.name.endswith((".lock", ".use"))
        }

    assert {0} == set(modes.values())
