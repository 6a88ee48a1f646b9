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

from databricks_forwarder._disk import sync
from databricks_forwarder.batchers._holder_lock import use_lock
from databricks_forwarder.batchers._repair_report import RepairReport
from databricks_forwarder.batchers._sqlite_errors import crossed, foreign
from databricks_forwarder.batchers._sqlite_file import (
    APPLICATION_ID,
    FORMAT,
    make,
    mended_name,
)
from databricks_forwarder.batchers._sqlite_pages import Pages
from databricks_forwarder.batchers._sqlite_rebuild import Rebuilding, Rebuilt
from databricks_forwarder.batchers._sqlite_salvage import Salvage, salvage
from databricks_forwarder.batchers._sqlite_verdict import judge
from databricks_forwarder.batchers._sqlite_whole import look_over
from databricks_forwarder.errors import BatcherError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator


__all__ = ["RepairReport", "repair"]


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
            whole = look_over(path)
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
