"""
The disk is full: nothing of a call is stored, nothing of before is lost.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
from power import Disk, recorded
from spools import NOON, carried, copied, leased, opened, payload, report, state

from databricks_forwarder import Forwarder
from databricks_forwarder._disk import room_lacking
from databricks_forwarder.batchers import _sqlite_session
from databricks_forwarder.batchers._sqlite_errors import crossed as batcher_crossed
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts._copy import _crossed as copy_crossed
from databricks_forwarder.counts._sqlite_file import crossed as counts_crossed
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import BatcherFullError, SetupError
from databricks_forwarder.model import EventKind, Lease, LoadId, TableName
from databricks_forwarder.testing.payloads import make_event, make_payload


class Usage(NamedTuple):
    """
    What `shutil.disk_usage` gives.
    """

    total: int
    used: int
    free: int


KIND = EventKind("session_start")
DAY = date(2026, 3, 31)

# What is done with a lease that is out, when there is no room.
CALLS: dict[str, Callable[[SqliteBatcher, Lease], object]] = {
    "append": lambda batcher, _: batcher.append(
        [payload(50, 9_000)], at=NOON, checkpoint={"p": "50"}
    ),
    "note": lambda batcher, lease: batcher.note(
        lease.load_id, "routes", "x" * 9_000, at=NOON
    ),
    "commit": lambda batcher, lease: batcher.commit(
        lease.load_id, report(lease, dead={1: "unfit"}), at=NOON
    ),
    "park": lambda batcher, lease: batcher.park(
        lease.load_id, report(lease, parked="a column is text"), at=NOON
    ),
}


@pytest.mark.parametrize("room", [0, 24, 2_000])
@pytest.mark.parametrize("call", CALLS)
def test_a_call_without_room_has_no_effect(
    call: str, room: int, tmp_path: Path
) -> None:
    """
    A call that the disk has no room for says so; with room again it is done.
    """
    path = tmp_path / "spool.db"
    with recorded() as disk, opened(path) as batcher:
        batcher.append([payload(number) for number in range(4)], at=NOON)
        lease = leased(batcher)
        before = state(copied(path, tmp_path / "before"))
        disk.room = room
        with pytest.raises(BatcherFullError, match="the disk is full; nothing was"):
            CALLS[call](batcher, lease)
        disk.room = None
        after = state(copied(path, tmp_path / "after"))
        CALLS[call](batcher, lease)

    assert before == after
    assert state(path) != after


def test_a_lease_without_room_is_none(tmp_path: Path) -> None:
    """
    A load that can't be handed out for lack of room is handed out later.
    """
    with recorded() as disk, opened(tmp_path / "spool.db") as batcher:
        batcher.append([payload(1)], at=NOON)
        disk.room = 0
        with pytest.raises(BatcherFullError):
            leased(batcher)
        disk.room = None

        assert 1 == leased(batcher).attempt


def test_the_limit_of_sqlite_itself_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A file that may have no more pages is full, and goes on when it may.
    """
    path = tmp_path / "spool.db"
    connect = _sqlite_session.connect

    def limited(path: Path) -> sqlite3.Connection:
        database = connect(path)
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages + 2}")
        return database

    opened(path).__enter__().close()
    with monkeypatch.context() as patch:
        patch.setattr(_sqlite_session, "connect", limited)
        with opened(path) as batcher:
            batcher.append([payload(0)], at=NOON)
            with pytest.raises(BatcherFullError):
                batcher.append([payload(1, 60_000)], at=NOON)
            batcher.append([payload(2)], at=NOON)
    with opened(path) as batcher:
        batcher.append([payload(3, 60_000)], at=NOON)
        result = carried(batcher)

    stored = [payload(0), payload(2), payload(3, 60_000)]

    assert [each.document for each in stored] == list(result.payloads.values())


def fill_up(disk: Disk, forwarder: Forwarder) -> int:
    """
    Hand in batches until there is no room, and say how many were taken.
    """
    disk.room = 100_000
    event = make_payload(make_event("screen_view", screen_name="x"))
    with suppress(BatcherFullError):
        for _ in range(1000):
            forwarder.submit(event)
    disk.room = 0
    return forwarder.status().account.received


def test_a_forwarder_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """
    Full in the middle of a load, the load stays open, is not parked, and goes on.
    """
    with (
        recorded() as disk,
        Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "spool.db") as forwarder,
    ):
        count = fill_up(disk, forwarder)
        for _ in range(6):
            with pytest.raises(BatcherFullError):
                forwarder.flush()
        waiting = forwarder.status().account
        disk.room = None
        (done,) = forwarder.flush()
        account = forwarder.status().account

    assert (count, count) == (waiting.received, waiting.pending)
    assert not done.is_parked
    assert (count, 0) == (account.loaded, account.pending)


def test_counts_without_room_are_for_a_person(tmp_path: Path) -> None:
    """
    Counts that the disk has no room for are not counted, and are counted later.
    """
    with recorded() as disk:
        counts = SqliteEventCounts(tmp_path / "counts.db")
        counts.add(LoadId("one"), {KIND: 1}, on=DAY)
        disk.room = 0
        with pytest.raises(SetupError, match=r"the disk is full; make room$"):
            counts.add(LoadId("two"), {KIND: 2}, on=DAY)
        with pytest.raises(SetupError, match=r"the disk is full; make room$"):
            counts.give({"owner": [TableName("name")]})
        disk.room = None
        counts.add(LoadId("two"), {KIND: 2}, on=DAY)

        assert {KIND: 3} == counts.totals([KIND], since=DAY)
        assert {"owner": "name"} == counts.give({"owner": [TableName("name")]})


PROGRAM = """
import json, sys
from datetime import datetime, timezone
from pathlib import Path
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import Payload
NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
batcher = SqliteBatcher(sys.argv[1])
taken = []
def append():
    document = b"{" + b" " * 5000 + b"}"
    taken.append(batcher.append([Payload(document, 1)], at=NOON).first)
error = None
"""

FILLING = """
while error is None:
    try:
        append()
    except BatcherError as refused:
        error = f"{type(refused).__name__}: {refused}"
make_room()
for _ in range(3):
    append()
account = batcher.status().account
batcher.close()
print(json.dumps([error, taken, account.pending]))
"""


def on_a_small_disk(program: str, folder: Path) -> str:
    """
    Run a program with a file system of 1 MiB in *folder*; what it printed.
    """
    mount = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1/spool.db"'
    unshare = shutil.which("unshare") or "unshare"
    command = [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    arguments = ["sh", str(folder), sys.executable, program]
    try:
        ran = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no unshare to mount a small file system with")
    if ran.returncode and "Error" not in ran.stderr:
        pytest.skip(f"no small file system can be mounted here: {ran.stderr.strip()}")
    assert not ran.returncode, ran.stderr
    return ran.stdout


def test_a_small_file_system_fills_up(tmp_path: Path) -> None:
    """
    On a real file system without room the spool is full, and goes on with room.
    """
    room = """
ballast = Path(sys.argv[1]).with_name("ballast")
ballast.write_bytes(bytes(300_000))
def make_room():
    ballast.unlink()
"""
    printed = on_a_small_disk(PROGRAM + room + FILLING, tmp_path)
    error, taken, pending = json.loads(printed)

    assert "BatcherFullError" == error.partition(":")[0]
    assert list(range(len(taken))) == taken
    assert len(taken) == pending > 5


# Even to read SQLite makes an index of its log, for which there is no room.
COUNTING = """
import sys
from contextlib import suppress
from pathlib import Path
from databricks_forwarder.counts._copy import CountsCopy
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import SetupError
folder = Path(sys.argv[1]).parent
counts = SqliteEventCounts(folder / "counts.db")
copy = CountsCopy(folder / "copy.db")
ballast = folder / "ballast"
with suppress(OSError), ballast.open("wb", buffering=0) as file:
    while True:
        file.write(bytes(4096))
def names():
    return counts.names()
for read in (names, copy.all_names):
    try:
        read()
    except SetupError as error:
        print(error)
ballast.unlink()
print(len(names()), len(copy.all_names()))
"""


def test_counts_that_cant_even_be_read_name_the_full_disk(tmp_path: Path) -> None:
    """
    What SQLite calls an I/O error on a full disk is told as a full disk.
    """
    first, second, goes_on = on_a_small_disk(COUNTING, tmp_path).splitlines()

    for told, name in ((first, "counts.db"), (second, "copy.db")):
        assert told.startswith("could not read names from ")
        assert told.endswith(f"{name}: the disk is full; make room")
    assert "0 0" == goes_on


MOVING = """
import shutil, sys, tempfile
from contextlib import suppress
from pathlib import Path
from databricks_forwarder import Forwarder
from databricks_forwarder.errors import BatcherError, BatcherFullError
from databricks_forwarder.testing.payloads import make_event, make_payload
spool, outside = Path(sys.argv[1]), Path(tempfile.mkdtemp())
event = make_payload(make_event("screen_view", screen_name="x" * 5000))
taken = 0
forwarder = Forwarder.for_lake(outside / "lake", spool=spool)
with suppress(BatcherFullError):
    while True:
        forwarder.submit(event)
        taken += 1
with suppress(OSError), spool.with_name("ballast").open("wb", buffering=0) as file:
    while True:
        file.write(bytes(512))
try:
    forwarder.flush()
except BatcherError as error:
    print("the disk is full" in str(error))
with suppress(BatcherError):
    forwarder.close()
for each in (spool, spool.with_name("spool.db-wal")):
    if each.exists():
        shutil.move(each, outside)
with Forwarder.for_lake(outside / "lake", spool=outside / "spool.db") as forwarder:
    forwarder.flush()
    print(taken > 10, forwarder.status().account.loaded == taken)
    print(forwarder.reconcile().agrees)
shutil.rmtree(outside)
"""


def test_a_spool_leaves_the_disk_that_it_has_filled(tmp_path: Path) -> None:
    """
    It can't empty itself there; moved with its log, it is carried whole.
    """
    printed = on_a_small_disk(MOVING, tmp_path)

    assert ["True", "True True", "True"] == printed.splitlines()


# What SQLite says, the room that there is, the limit of a file's size if there is
# one, and what is said of it.
TOLD = {
    "full": ("database or disk is full", 2**40, None, "the disk is full; make room"),
    "i/o, no room": ("disk I/O error", 4096, None, "the disk is full; make room"),
    "i/o, no file": ("unable to open database file", 0, None, "the disk is full; "),
    "i/o, room": ("disk I/O error", 2**40, None, None),
    "i/o, far from the limit": ("disk I/O error", 2**40, 2**30, None),
    "i/o, at the limit": ("disk I/O error", 2**40, 2**17, "its limit (ulimit -f)"),
    "something else": ("database disk image is malformed", 0, None, None),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_sqlite_calls_an_io_error_may_be_want_of_room(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Room and limits as they are now tell what SQLite keeps to itself.
    """
    resource = pytest.importorskip("resource")
    reason, free, limit, expected = TOLD[case]
    path = tmp_path / "counts.db"
    path.write_bytes(b"x")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 0, free))
    most = resource.RLIM_INFINITY if limit is None else limit
    monkeypatch.setattr(resource, "getrlimit", lambda _: (most, most))
    told = room_lacking(reason, path)

    assert (told is None) if expected is None else (expected in str(told))


@pytest.mark.parametrize("cross", [batcher_crossed, counts_crossed, copy_crossed])
def test_want_of_room_is_told_alike_by_spool_and_counts(
    cross: Callable[[sqlite3.Error, str, Path], Exception],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Each names the full disk, and nobody is sent to remove a file.
    """
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 0))
    error = sqlite3.OperationalError("disk I/O error")
    told = str(cross(error, "read", tmp_path / "some.db"))

    assert "the disk is full; make room" in told
    assert "removed" not in told


def test_nobody_can_say_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    """
    Where the room can't be asked for, SQLite's own words stand.
    """
    assert room_lacking("disk I/O error", tmp_path / "gone" / "counts.db") is None


def test_without_limits_of_file_sizes_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A system that has no such limits, as Windows, is asked for none.
    """
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 0, 2**40))

    assert room_lacking("disk I/O error", tmp_path / "counts.db") is None


def test_a_file_that_may_not_grow_stores_nothing_more(tmp_path: Path) -> None:
    """
    At the process's limit of file sizes a call is refused, and goes on above it.
    """
    resource = pytest.importorskip("resource")
    room = """
import resource
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, most))
def make_room():
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
"""
    assert resource.RLIMIT_FSIZE is not None
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM + room + FILLING, tmp_path / "spool.db"],
        capture_output=True,
        text=True,
        check=True,
    )
    error, taken, pending = json.loads(ran.stdout)

    assert "BatcherError" == error.partition(":")[0]
    assert "raise its limit (ulimit -f)" in error
    assert list(range(len(taken))) == taken
    assert len(taken) == pending > 5
