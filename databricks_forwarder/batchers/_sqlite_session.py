"""
What belongs to one process that has a spool open: connection, locks, lease.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from databricks_forwarder.batchers._holder_lock import HolderLock, use_lock
from databricks_forwarder.batchers._sqlite_arrivals import prepare
from databricks_forwarder.batchers._sqlite_errors import crossing, malformed
from databricks_forwarder.batchers._sqlite_file import connect
from databricks_forwarder.batchers._sqlite_loads import next_open_load
from databricks_forwarder.batchers.rules import say_out
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    LeaseLostError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from databricks_forwarder.batchers._sqlite_loads import KeptLoad
    from databricks_forwarder.model import LoadId

__all__ = ["Session"]


class Session:
    """
    One process's hold on a spool file; a forked child makes its own.

    While it has a lease it has the lock file as well, so that others can tell
    whether it lives. The lock is given back under the same turn that settles
    the lease: later, another thread might have the next lease already.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process_id = os.getpid()
        self._turn = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_closed = False
        self._after_commit = _nothing
        self._holder = secrets.token_hex(8)
        self._guard = HolderLock(path.with_name(f"{path.name}.lock"))
        self._use = use_lock(path, is_shared=True)

    @contextmanager
    def write(self, doing: str) -> Iterator[sqlite3.Connection]:
        """
        Run one transaction that writes: all of it is on disk, or none.

        Args:
            doing: What is being done, for the error that says it failed.
        """
        with self._transaction("BEGIN IMMEDIATE", doing) as database:
            yield database

    @contextmanager
    def read(self, doing: str) -> Iterator[sqlite3.Connection]:
        """
        Run one transaction that reads: all of it sees the same moment.
        """
        with self._transaction("BEGIN", doing) as database:
            yield database

    def write_at_once(
        self,
        doing: str,
        statement: str,
        values: Sequence[Any],
        settle: Callable[[], None],
    ) -> bool:
        """
        Run one statement that is its own transaction.

        Args:
            doing: What is being done, for the error that says it failed.
            statement: What may fail for what is in the tables.
            values: Its parameters.
            settle: Is called once it is committed, also when an exception
                comes right after that, and then possibly twice.

        Returns:
            Whether it was done; False if what is in the tables forbids it.
        """
        with self._turn, crossing(doing, self._path):
            database = self._connected(doing)
            # One may be open still whose end was itself broken off.
            database.rollback()
            changes = database.total_changes
            try:
                database.execute(statement, values)
                settle()
            except sqlite3.IntegrityError:
                return False
            except BaseException as error:
                if database.total_changes != changes and _is_committed(database, error):
                    settle()
                raise
        return True

    def may_have(self, load: KeptLoad, at_micros: int) -> bool:
        """
        Tell whether the open *load* is free, ours, expired, or of a dead holder.
        """
        is_free = (
            load.holder in {None, self._holder}
            or load.expires_at <= at_micros
            or (bool(load.is_guarded) and self._guard.take())
        )
        if not is_free:
            # What is left of a load that this session lost is in the way.
            self._guard.release()
        return is_free

    def require_alone(self, database: sqlite3.Connection, at_micros: int) -> None:
        """
        See that nobody carries a load: a holder that lives, though its time is over.

        Raises:
            TransientError: Somebody does.
        """
        load = next_open_load(database)
        if load is None or load.holder in {None, self._holder}:
            return
        is_over = (
            self._guard.take() if load.is_guarded else load.expires_at <= at_micros
        )
        if not is_over:
            raise TransientError(say_out(load.load_id))

    def hand_out(
        self, database: sqlite3.Connection, load: KeptLoad, expires_at: int
    ) -> None:
        """
        Make this session the holder of *load*.

        The lock may still be with a holder whose time is over: then expiry
        alone decides about this one.
        """
        handed = database.execute(
            "UPDATE loads SET attempt = attempt + 1, holder = ?, is_guarded = ?,"
            " expires_at = ? WHERE load_id = ?",
            (self._holder, self._guard.take(), expires_at, load.load_id),
        )
        if handed.rowcount != 1:
            # The name it has is not the one that the index has of it.
            raise malformed("a load is not as it was made")

    def held(self, database: sqlite3.Connection, load_id: LoadId) -> KeptLoad:
        """
        Give the load if this session has it out.

        Raises:
            LeaseLostError: It has not.
        """
        load = next_open_load(database)
        is_ours = load is not None and load.holder == self._holder
        if not is_ours:
            self._guard.release()
        if load is None or not is_ours or load.load_id != load_id:
            raise LeaseLostError(load_id)
        return load

    def release_after_commit(self) -> None:
        """
        Give the lock back once the transaction that runs is committed.
        """
        self.do_after_commit(self._guard.release)

    def do_after_commit(self, action: Callable[[], None]) -> None:
        """
        Do *action* once the transaction that runs is committed.

        It is done also when an exception comes right after the commit, and
        then possibly twice.
        """
        self._after_commit = action

    def let_go(self) -> None:
        """
        Let the next holder have what this one has out.
        """
        with self.write("letting go of the lease") as database:
            database.execute(
                "UPDATE loads SET holder = NULL WHERE holder = ?", (self._holder,)
            )

    def close(self) -> None:
        """
        Close the connection for good, once no transaction runs.
        """
        with self._turn:
            self._let_go_of_file()

    def close_forgotten(self) -> None:
        """
        Close what nobody closed; a forked child leaves its parent's alone.
        """
        if os.getpid() != self._process_id:
            self.leave_behind()
        # A thread that the interpreter outlives may be in the file, and stuck.
        elif self._turn.acquire(blocking=False):
            try:
                self._let_go_of_file()
            finally:
                self._turn.release()

    def _let_go_of_file(self) -> None:
        self._is_closed = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._guard.release()
        self._use.release()

    def leave_behind(self) -> None:
        """
        In a forked child, let go of what is the parent's without touching it.

        SQLite forbids a child to use a connection from before the fork, even
        to close it, and another thread may have been inside it. So the
        connection gets a reference that nobody ever drops.
        """
        self._guard.forget()
        self._use.forget()
        if self._connection is not None:
            _keep_for_ever(self._connection)

    @contextmanager
    def _transaction(self, begin: str, doing: str) -> Iterator[sqlite3.Connection]:
        with self._turn, crossing(doing, self._path):
            database = self._connected(doing)
            self._after_commit = _nothing
            is_committing = False
            try:
                # One may be open still whose end was itself broken off.
                database.rollback()
                database.execute(begin)
                yield database
                is_committing = True
                database.execute("COMMIT")
                self._after_commit()
            except BaseException as error:
                if is_committing and _is_committed(database, error):
                    self._after_commit()
                database.rollback()
                raise

    def _connected(self, doing: str) -> sqlite3.Connection:
        if self._is_closed:
            msg = f"{doing} in {self._path} failed: it is closed; nothing was stored"
            raise BatcherClosedError(msg)
        if self._connection is None:
            # Who opened the file while it is put in place of another would
            # write to the one that is set aside.
            if not self._use.take() and self._use.is_refused:
                msg = f"{doing} in {self._path} failed: it is being repaired; wait"
                raise BatcherError(msg)
            connection = connect(self._path)
            prepare(connection)
            self._connection = connection
        return self._connection


def _is_committed(database: sqlite3.Connection, error: BaseException) -> bool:
    """
    Tell whether it is certain that a COMMIT went through before *error* came.
    """
    # SQLite says with errors of its own, or for lack of memory, that it may
    # have rolled back by itself; no other error comes from it.
    is_refusal = isinstance(error, (sqlite3.Error, MemoryError))
    return not is_refusal and not database.in_transaction


def _nothing() -> None:
    pass


def _keep_for_ever(connection: sqlite3.Connection) -> None:
    # Only a forked child pays for this import.
    import ctypes  # noqa: PLC0415

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
