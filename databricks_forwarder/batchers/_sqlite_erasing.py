"""
Erasing from a spool file: what is somebody's is found, emptied, and wiped.

Finding reads the file a few records at a time and holds nobody up. Emptying is
one transaction, together with what is kept of the erasure: a record keeps its
place, without bytes and messages. Wiping writes the whole file anew and empties
its log, for in free pages, and between the rows of others, bytes stay that no
row has any more: those of payloads that were loaded long ago as well.
"""

from __future__ import annotations

from contextlib import closing
from glob import escape
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.batchers._sqlite_erasures import keep
from databricks_forwarder.batchers._sqlite_errors import crossing
from databricks_forwarder.batchers._sqlite_file import connect
from databricks_forwarder.batchers._sqlite_loads import kept_loads
from databricks_forwarder.batchers._sqlite_notes import put_note
from databricks_forwarder.batchers._sqlite_reading import payloads
from databricks_forwarder.batchers._sqlite_records import counted
from databricks_forwarder.batchers._sqlite_removals import go_on
from databricks_forwarder.batchers.rules import ERASED
from databricks_forwarder.erasure import SpoolErasure
from databricks_forwarder.errors import TransientError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from databricks_forwarder.batchers._sqlite_loads import KeptLoad
    from databricks_forwarder.batchers._sqlite_session import Session
    from databricks_forwarder.erasure import ErasureNote

    IsTheirs = Callable[[bytes], bool | None]

__all__ = ["erase"]


@attrs.define
class _Found:
    """
    What is somebody's in a spool file.

    Attributes:
        theirs: Offsets of records and dead letters.
        unread: Offsets of those that nobody can read.
        beyond: The first offset that was not looked at.
    """

    theirs: set[int] = attrs.field(factory=set)
    unread: set[int] = attrs.field(factory=set)
    beyond: int = 0

    def add(self, rows: Iterable[tuple[int, bytes]], is_theirs: IsTheirs) -> None:
        """
        Look at some more.
        """
        for offset, payload in rows:
            verdict = is_theirs(payload)
            if verdict is None:
                self.unread.add(offset)
            elif verdict:
                self.theirs.add(offset)
            self.beyond = max(self.beyond, offset + 1)


def erase(  # noqa: PLR0913  # where, whose, and what is kept of it
    session: Session,
    path: Path,
    note: ErasureNote,
    *,
    is_theirs: IsTheirs,
    mark: tuple[str, str],
    at_micros: int,
) -> ErasureNote:
    """
    Find, empty and wipe what is somebody's, and keep the note of it.

    Raises:
        TransientError: Somebody has a load out, or reads the file.
    """
    found = _look(path, is_theirs)
    with session.write("erasing payloads") as database:
        session.require_alone(database, at_micros)
        note = note.with_spool(_empty(database, found, is_theirs, mark, copies(path)))
        keep(database, note)
        session.release_after_commit()
    _wipe(path)
    return note


def copies(path: Path) -> tuple[str, ...]:
    """
    Name what a repair has kept beside a spool, or a crash has left of one.
    """
    kept = (
        *path.parent.glob(f"{escape(path.name)}.damaged-*"),
        *path.parent.glob(f"{escape(path.name)}.*.new"),
    )
    return tuple(sorted(each.name for each in kept))


def _look(path: Path, is_theirs: IsTheirs) -> _Found:
    """
    Find what is somebody's, while others append.
    """
    found = _Found()
    with crossing("looking for what is to be erased", path):
        # A replayed dead letter gets an offset that is not looked at yet.
        for table in ("dead_letters", "records"):
            with closing(connect(path)) as database:
                found.add(payloads(database, table, 0), is_theirs)
    return found


def _empty(
    database: sqlite3.Connection,
    found: _Found,
    is_theirs: IsTheirs,
    mark: tuple[str, str],
    copies: Sequence[str],
) -> SpoolErasure:
    """
    Empty what was found, and what came since; nothing of it is in a load after.

    Args:
        database: In a transaction, while nobody has a load out.
        found: What was found before it.
        is_theirs: As for `erase`.
        mark: What is noted of loads that had any.
        copies: What is told of them.
    """
    # Records of committed loads are in no account, and go as they would.
    while go_on(database):
        pass
    # The number of dead letters that a commit has made meanwhile is small.
    found.add(payloads(database, "records", found.beyond), is_theirs)
    database.execute("UPDATE loads SET holder = NULL")
    opened = [
        each for each in kept_loads(database) if _open(database, each, found, mark)
    ]
    records = [_empty_record(database, offset) for offset in sorted(found.theirs)]
    dead = [_remove_dead(database, offset) for offset in sorted(found.theirs)]
    (first_waiting,) = database.execute("SELECT next_waiting FROM spool").fetchone()
    emptied = {
        offset
        for offset, messages in zip(sorted(found.theirs), records, strict=True)
        if messages is not None
    }
    waiting = sum(offset >= first_waiting for offset in emptied)
    return SpoolErasure(
        waiting=waiting,
        in_loads=len(emptied) - waiting,
        dead=sum(messages is not None for messages in dead),
        message_count=sum(messages or 0 for messages in (*records, *dead)),
        unread=len(found.unread),
        opened_load_ids=tuple(each.load_id for each in opened),
        copies=copies,
    )


def _open(
    database: sqlite3.Connection, load: KeptLoad, found: _Found, mark: tuple[str, str]
) -> bool:
    """
    Open a load that has any; all that is left of it is pending.
    """
    theirs = [each for each in found.theirs if load.first <= each <= load.last]
    messages = [_messages_of(database, offset) for offset in theirs]
    if all(each is None for each in messages):
        return False
    database.execute(
        "UPDATE spool SET loaded = loaded - ?, dropped = dropped - ?",
        (load.loaded, load.dropped),
    )
    database.execute(
        "UPDATE loads SET message_count = message_count - ?, attempt = 0,"
        " holder = NULL, loaded = 0, dropped = 0, report = NULL WHERE load_id = ?",
        (sum(each or 0 for each in messages), load.load_id),
    )
    put_note(database, load.load_id, *mark)
    return True


def _messages_of(database: sqlite3.Connection, offset: int) -> int | None:
    """
    The messages of a record by its index, where the account takes them.

    Returns:
        None if there is none, or it is emptied already.
    """
    row = database.execute(
        "SELECT s.message_count FROM records AS r"
        " JOIN records AS s INDEXED BY records_sizes ON s.offset = r.offset"
        " WHERE r.offset = ? AND r.crc != ?",
        (offset, ERASED),
    ).fetchone()
    return None if row is None else counted(row[0])


def _empty_record(database: sqlite3.Connection, offset: int) -> int | None:
    messages = _messages_of(database, offset)
    if messages is not None:
        database.execute(
            "UPDATE spool SET dropped = dropped + ?, stored_bytes = stored_bytes -"
            " (SELECT length(payload) FROM records WHERE offset = ?)",
            (messages, offset),
        )
        database.execute(
            "UPDATE records SET message_count = 0, crc = ?, payload = x''"
            " WHERE offset = ?",
            (ERASED, offset),
        )
    return messages


def _remove_dead(database: sqlite3.Connection, offset: int) -> int | None:
    row = database.execute(
        "SELECT message_count, length(payload) FROM dead_letters WHERE offset = ?",
        (offset,),
    ).fetchone()
    if row is None:
        return None
    messages, size_bytes = counted(row[0]), counted(row[1])
    database.execute(
        "UPDATE spool SET dead = dead - ?, dropped = dropped + ?,"
        " stored_bytes = stored_bytes - ?",
        (messages, messages, size_bytes),
    )
    database.execute("DELETE FROM dead_letters WHERE offset = ?", (offset,))
    return messages


def _wipe(path: Path) -> None:
    """
    Write the file anew, and empty its log; it takes as much room again.

    Source: SQLite, "VACUUM" and "Checkpoint a database", read 2026-11-25.

    Raises:
        TransientError: Somebody reads what was there before.
    """
    doing = "wiping what was erased"
    with crossing(doing, path), closing(connect(path)) as database:
        database.execute("VACUUM")
        busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        msg = f"{doing} in {path} failed: somebody reads it; erase again"
        raise TransientError(msg)
