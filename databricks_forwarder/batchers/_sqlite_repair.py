"""
Mending a spool file: a whole one is made of what can be read, beside it.

A kill, or a loss of power, at any moment leaves one of these:

1. The spool as it was; with it names that end in ``.new``, or a kept one that
   is the same file. Repairing begins anew.
2. ``.mended`` beside the spool: nobody opens the spool any more, since its log
   may be gone already. Repairing begins anew, from what was kept.
3. The mended spool in its place.
"""

from __future__ import annotations

import itertools
import os
import secrets
import sqlite3
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._disk import sync
from databricks_forwarder.batchers import _sqlite_loads as loads
from databricks_forwarder.batchers._holder_lock import use_lock
from databricks_forwarder.batchers._sqlite_account import read_spool, read_status
from databricks_forwarder.batchers._sqlite_erasures import read_erasures
from databricks_forwarder.batchers._sqlite_errors import crossed, crossing, foreign
from databricks_forwarder.batchers._sqlite_file import (
    APPLICATION_ID,
    FORMAT,
    connect,
    make,
    mended_name,
)
from databricks_forwarder.batchers._sqlite_log import require_log
from databricks_forwarder.batchers._sqlite_pages import Pages
from databricks_forwarder.batchers._sqlite_reading import DeadLetters
from databricks_forwarder.batchers._sqlite_rebuild import Rebuilding, Rebuilt
from databricks_forwarder.batchers._sqlite_records import read_checkpoint
from databricks_forwarder.batchers._sqlite_removals import removals
from databricks_forwarder.batchers._sqlite_salvage import Salvage, salvage
from databricks_forwarder.batchers._sqlite_verdict import judge
from databricks_forwarder.errors import BatcherError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databricks_forwarder.model import LoadId, Offset

__all__ = ["RepairReport", "repair"]


# Records that are in no load and don't wait, or say what can't be.
_ASTRAY = """
SELECT 1 FROM records INDEXED BY records_sizes, spool
WHERE NOT (
    (
        offset BETWEEN next_waiting AND next_offset - 1
        OR EXISTS (SELECT 1 FROM loads WHERE offset BETWEEN first AND last)
        OR EXISTS (SELECT 1 FROM removals WHERE offset BETWEEN first AND last)
    )
    AND message_count BETWEEN 0 AND 1 << 53
    AND abs(received_at) < 100000000000000000
)
"""


@attrs.frozen(kw_only=True)
class RepairReport:
    """
    What a repair has saved of a spool, and what is lost.

    Attributes:
        id: The spool's id.
        kept: Where the damaged file lies now; None when nothing was wrong and
            nothing was done.
        has_new_id: Whether the spool's own row could not be believed: the
            spool has another id then, and offsets may be given again.
        record_count: Records that wait or are in loads, and are whole.
        lost_offsets: Records whose bytes can't be read. They keep their places
            and become dead letters when they are carried.
        damaged_offsets: Records whose bytes are not what was stored; the same.
        dead_letter_count: Dead letters with what is left of their bytes.
        lost_dead_messages: Messages of dead letters that can't be read; they
            stay in the account as dead.
        set_aside_offsets: Records that became dead letters because nobody
            knows whether they were loaded.
        parked_load_ids: Loads that are parked because what was noted of them
            may be incomplete.
        is_checkpoint_whole: Whether all of the host's positions could be read.
        are_erasures_whole: Whether all that is kept of erasures could be read.
    """

    id: str
    kept: Path | None = None
    has_new_id: bool = False
    record_count: int
    lost_offsets: Sequence[Offset] = ()
    damaged_offsets: Sequence[Offset] = ()
    dead_letter_count: int
    lost_dead_messages: int = 0
    set_aside_offsets: Sequence[Offset] = ()
    parked_load_ids: Sequence[LoadId] = ()
    is_checkpoint_whole: bool = True
    are_erasures_whole: bool = True

    @property
    def is_whole(self) -> bool:
        """
        Whether nothing is lost, and nothing needs a person.
        """
        return (
            self.is_checkpoint_whole
            and self.are_erasures_whole
            and not (
                self.has_new_id
                or self.lost_offsets
                or self.damaged_offsets
                or self.lost_dead_messages
                or self.set_aside_offsets
                or self.parked_load_ids
            )
        )


def repair(path: str | os.PathLike[str]) -> RepairReport:
    """
    Make a whole spool of everything that can be read of a damaged one.

    The damaged file is kept beside it as ``<name>.damaged-1``, the next one as
    ``-2``. It may be killed at any moment and called again. A spool that is
    whole is left alone. It takes as much room on the disk as the spool has.

    Raises:
        ConfigurationError: There is no spool, or the file is none, or one of a
            newer format; it was not touched.
        BatcherError: A batcher has it open, here or in another process, or
            what can be read can't be written; the spool is as it was.
    """
    path = Path(path).resolve()
    with _alone(path):
        if not mended_name(path).exists():
            _require_ours(path)
            whole = _look(path)
            if whole is not None:
                return whole
            kept = _keep(path)
        else:
            kept = _kept(path)
        try:
            report = _mend(kept, mended_name(path))
            _put_in_place(path)
        except OSError as error:
            msg = f"repairing {path} failed: {error}; run it again"
            raise BatcherError(msg) from error
    return report


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """
    Keep everybody else from opening the spool for work.
    """
    lock = use_lock(path, is_shared=False)
    if path.parent.is_dir() and not lock.take():
        msg = (
            f"repairing {path} failed: somebody has it open, or its folder can't be "
            "written; it is as it was. Close the batchers and forwarders that use it, "
            "and run it again"
        )
        raise BatcherError(msg)
    try:
        yield
    finally:
        lock.release()


def _require_ours(path: Path) -> None:
    """
    See that it is, or was, a spool that this version can read.
    """
    if not path.exists():
        msg = f"there is no spool at {path}"
        raise ConfigurationError(msg)
    with path.open("rb") as file:
        header = file.read(100)
    version = int.from_bytes(header[60:64], "big")
    is_ours = int.from_bytes(header[68:72], "big") == APPLICATION_ID
    if is_ours and version > FORMAT:
        msg = (
            f"{path} is a spool of format {version}, this version of the library "
            f"reads up to {FORMAT}: repair it with the version that wrote it"
        )
        raise ConfigurationError(msg)
    if not is_ours:
        with closing(Pages(path)) as pages:
            if not _has_rows(salvage(pages)):
                raise foreign(path)


def _has_rows(read: Salvage) -> bool:
    return read.spool is not None or bool(read.records or read.loads)


def _look(path: Path) -> RepairReport | None:
    """
    Report on a spool that is whole; None when something is wrong with it.
    """
    try:
        with crossing("looking at the spool", path):
            require_log(path)
            with closing(connect(path)) as database:
                database.execute("BEGIN")
                return _looked_at(database, path)
    except (BatcherError, ConfigurationError):
        return None


def _looked_at(database: sqlite3.Connection, path: Path) -> RepairReport | None:
    if database.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        return None
    spool_id, _ = read_spool(database)
    is_balanced = read_status(database).account.is_balanced
    if not is_balanced or database.execute(_ASTRAY).fetchone() is not None:
        return None
    read_checkpoint(database)
    read_erasures(database)
    for _ in removals(database):
        pass
    for load in loads.kept_loads(database):
        loads.notes_of(database, load.load_id)
    for table in ("committed", "loads"):
        loads.read_reports(
            database.execute(
                f"SELECT load_id, report FROM {table} WHERE report IS NOT NULL"  # noqa: S608 (our own names)
            )
        )
    for _ in DeadLetters(path):
        pass
    counts = [
        database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 (our own names)
        for table in ("records", "dead_letters")
    ]
    return RepairReport(
        id=spool_id, record_count=counts[0], dead_letter_count=counts[1]
    )


def _keep(path: Path) -> Path:
    """
    Give the damaged file, and its log, a second name that stays.
    """
    kept = next(name for name in _kept_names(path) if not _is_taken(name))
    # The log first: a kept file without it would be an older spool.
    for suffix in ("-wal", ""):
        with suppress(FileNotFoundError):
            os.link(f"{path}{suffix}", f"{kept}{suffix}")
    sync(path.parent)
    return kept


def _kept(path: Path) -> Path:
    """
    Name what the repair kept that was broken off.
    """
    return max(
        itertools.takewhile(_is_taken, _kept_names(path)),
        key=lambda name: int(name.name.rpartition("-")[2]),
    )


def _kept_names(path: Path) -> Iterator[Path]:
    return (path.with_name(f"{path.name}.damaged-{n}") for n in itertools.count(1))


def _is_taken(name: Path) -> bool:
    return name.exists() or name.with_name(f"{name.name}-wal").exists()


def _mend(kept: Path, mended: Path) -> RepairReport:
    """
    Make the whole spool under the name that tells that it is whole.
    """
    fresh = mended.with_name(f"{mended.name}.{secrets.token_hex(4)}.new")
    was = kept.stat()
    reports: list[RepairReport] = []
    with closing(Pages(kept)) as pages:

        def fill(new: sqlite3.Connection) -> None:
            reports.append(_rebuild(pages, new, kept, was.st_mtime_ns // 1000))

        try:
            make(fresh, fill)
            if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(fresh, was.st_uid, was.st_gid)
            fresh.replace(mended)
        except sqlite3.Error as error:
            raise crossed(error, "repairing the spool", fresh) from error
        finally:
            fresh.unlink(missing_ok=True)
    sync(mended.parent)
    return reports[0]


def _rebuild(
    pages: Pages, new: sqlite3.Connection, kept: Path, at_micros: int
) -> RepairReport:
    read = salvage(pages)
    verdict = judge(read)
    rebuilt: Rebuilt = Rebuilding(
        read=read, verdict=verdict, pages=pages, new=new, at_micros=at_micros
    ).run()
    return RepairReport(
        id=verdict.id,
        kept=kept,
        has_new_id=verdict.totals is None,
        record_count=rebuilt.record_count,
        lost_offsets=tuple(rebuilt.lost_offsets),
        damaged_offsets=tuple(rebuilt.damaged_offsets),
        dead_letter_count=rebuilt.dead_count,
        lost_dead_messages=rebuilt.lost_dead_messages,
        set_aside_offsets=tuple(rebuilt.set_aside_offsets),
        parked_load_ids=tuple(rebuilt.parked_load_ids),
        is_checkpoint_whole=not read.is_checkpoint_lost,
        are_erasures_whole=not read.is_erasure_lost,
    )


def _put_in_place(path: Path) -> None:
    """
    Let the mended spool take the damaged one's name.
    """
    # SQLite would take a log that is there for the new file's own.
    for suffix in ("-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    sync(path.parent)
    mended_name(path).replace(path)
    sync(path.parent)
