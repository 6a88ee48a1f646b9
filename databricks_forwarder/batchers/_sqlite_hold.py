"""
How a process has a spool open, and stores in it what its threads append.
"""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

from databricks_forwarder.batchers._group_commit import GroupCommit
from databricks_forwarder.batchers._sqlite_arrivals import MOST_ROWS, arrival
from databricks_forwarder.batchers._sqlite_records import Entry, counted, insert
from databricks_forwarder.batchers._sqlite_session import Session
from databricks_forwarder.batchers.rules import say_full
from databricks_forwarder.errors import BatcherError, BatcherFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from databricks_forwarder.model import OffsetRange

__all__ = ["SqliteHold", "SqliteHolds"]

_STORING = "storing payloads"


class SqliteHold:
    """
    A process's session, and the group commit that appends through it.
    """

    def __init__(self, path: Path, max_spool_bytes: int | None) -> None:
        self._max_spool_bytes = max_spool_bytes
        # What it was when this process last stored something.
        self._next_offset = 0
        self.session = Session(path)
        self.appends = GroupCommit[Entry, "OffsetRange | None"](self._store)

    def _store(
        self,
        entries: Sequence[Entry],
        tell: Callable[[Sequence[OffsetRange | BatcherError | None]], None],
    ) -> None:
        if not self._store_at_once(entries, tell):
            self._store_in_turn(entries, tell)

    def _store_at_once(
        self,
        entries: Sequence[Entry],
        tell: Callable[[Sequence[OffsetRange | BatcherError | None]], None],
    ) -> bool:
        """
        Store a few payloads without a checkpoint; tell whether that was done.
        """
        rows = [row for entry in entries for row in entry.rows]
        if not 0 < len(rows) <= MOST_ROWS or any(entry.checkpoint for entry in entries):
            return False
        following = self._next_offset
        statement, values = arrival(rows, following, self._max_spool_bytes)
        outcomes = []
        for entry in entries:
            outcomes.append(entry.offsets(following))
            following += len(entry.rows)

        def settle() -> None:
            self._next_offset = following
            tell(outcomes)

        return self.session.write_at_once(_STORING, statement, values, settle)

    def _store_in_turn(
        self,
        entries: Sequence[Entry],
        tell: Callable[[Sequence[OffsetRange | BatcherError | None]], None],
    ) -> None:
        """
        Store all payloads for which there is room, in one transaction.
        """

        def settle() -> None:
            self._next_offset = first
            tell(outcomes)

        with self.session.write(_STORING) as database:
            outcomes: list[OffsetRange | BatcherError | None] = []
            first, stored_bytes = map(
                counted,
                database.execute(
                    "SELECT next_offset, stored_bytes FROM spool"
                ).fetchone()
                or (None, None),
            )
            received = 0
            for entry in entries:
                refusal = self._refusal(entry, stored_bytes)
                if refusal is not None:
                    outcomes.append(refusal)
                    continue
                outcomes.append(insert(database, entry, first))
                first += len(entry.rows)
                stored_bytes += entry.size_bytes
                received += entry.message_count
            database.execute(
                "UPDATE spool SET next_offset = ?, stored_bytes = ?,"
                " received = received + ?",
                (first, stored_bytes, received),
            )
            self.session.do_after_commit(settle)

    def _refusal(self, entry: Entry, stored_bytes: int) -> BatcherFullError | None:
        most = self._max_spool_bytes
        if most is None or not entry.rows or stored_bytes + entry.size_bytes <= most:
            return None
        return BatcherFullError(say_full(stored_bytes, entry.size_bytes, most))


class SqliteHolds:
    """
    A batcher's holds: one for the process that uses it, also after a fork.

    Attributes:
        are_closed: Whether a process that comes new finds the spool closed.
    """

    def __init__(self, path: Path, max_spool_bytes: int | None) -> None:
        self.are_closed = False
        self._path = path
        self._max_spool_bytes = max_spool_bytes
        self._by_process: dict[int, SqliteHold] = {}

    @property
    def mine(self) -> SqliteHold:
        """
        The hold of this process.
        """
        return self._by_process.get(os.getpid()) or self._new()

    def _new(self) -> SqliteHold:
        """
        Open the file for this process, and leave a parent's hold behind.
        """
        process_id = os.getpid()
        fresh = SqliteHold(self._path, self._max_spool_bytes)
        if self.are_closed:
            fresh.session.close()
        # Several threads of a child may come here at once: the first one's
        # stays, nothing of the others was opened.
        hold = self._by_process.setdefault(process_id, fresh)
        weakref.finalize(self, hold.session.close_forgotten)
        for other_id in self._by_process.keys() - {process_id}:
            self._by_process.pop(other_id).session.leave_behind()
        return hold
