"""
What a host last read of the shared counts, in one SQLite file.

Nothing is in it that is not in the tables: it may be removed at any time while
no forwarder uses it, and is filled again by the next load.

Layout, format 1 (``application_id`` says whose file it is, ``user_version``
its format; the file is in WAL mode)::

    days(kind, day, messages)   as last read; spelled as in `counts.sqlite`
    names(owner, name)          names given, up to a step
    reached(generation)         one row: that step; none before the first read
    moved(id)                   one row when earlier counts were brought along

What it says is never more than what is there: a day's messages only grow, a
name given stays, and no row of ``names`` is of a later step than ``reached``.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._disk import room_lacking
from databricks_forwarder.counts._texts import want
from databricks_forwarder.errors import (
    ConfigurationError,
    ForwarderError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

__all__ = ["CountsCopy"]

_BUSY_SECONDS = 30.0
_APPLICATION_ID = 0x6D706663
# Apart from the formats of counts that are no copy, which are small numbers.
_FORMAT = 1001

_LAYOUT = (
    """
    CREATE TABLE IF NOT EXISTS days (
        kind TEXT NOT NULL,
        day TEXT NOT NULL,
        messages INTEGER NOT NULL,
        PRIMARY KEY (kind, day)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS names (
        owner TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS reached (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        generation INTEGER NOT NULL
    )
    """,
    "CREATE TABLE IF NOT EXISTS moved (id INTEGER PRIMARY KEY CHECK (id = 0))",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_FORMAT}",
)


class CountsCopy:
    """
    A copy of the shared counts, for the processes of one machine.

    Args:
        path: The file; made if it is absent, its folder is not.

    Raises:
        ConfigurationError: The file is another one; it was not touched.
        SetupError: The file can't be made or opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Absolute, so that it stays the same when the process changes folder.
        self.path = Path(path).absolute()
        with self._connection("open") as connection:
            # One statement: another process may be making the file meanwhile.
            ((*found, table_count),) = connection.execute(
                "SELECT application_id, user_version,"
                " (SELECT count(*) FROM sqlite_master)"
                " FROM pragma_application_id, pragma_user_version"
            )
            if (*found, table_count) == (0, 0, 0):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in _LAYOUT:
                    connection.execute(statement)
                connection.execute("COMMIT")
            elif found != [_APPLICATION_ID, _FORMAT]:
                msg = f"{self.path} is no copy of event counts; choose another path"
                raise ConfigurationError(msg)

    def generation(self) -> int | None:
        """
        The step up to which names are known; None before the first read.
        """
        with self._transaction("read") as connection:
            row = connection.execute("SELECT generation FROM reached").fetchone()
            return row and int(row[0])

    def has_moved(self) -> bool:
        """
        Whether earlier counts were brought along already.
        """
        with self._transaction("read") as connection:
            return bool(connection.execute("SELECT id FROM moved").fetchone())

    def note_moved(self) -> None:
        """
        Note that earlier counts were brought along.
        """
        with self._transaction("note in", "IMMEDIATE") as connection:
            connection.execute("INSERT OR IGNORE INTO moved VALUES (0)")

    def names(self, owners: Collection[str]) -> Mapping[str, TableName]:
        """
        The names of those of *owners* that are known to have one.
        """
        with self._transaction("read names from") as connection:
            want(connection, owners)
            rows = connection.execute(
                "SELECT owner, name FROM wanted CROSS JOIN names ON owner = text"
            )
            return {owner: TableName(name) for owner, name in rows}

    def all_names(self) -> Mapping[str, TableName]:
        """
        All names that are known, by their owners.
        """
        with self._transaction("read names from") as connection:
            rows = connection.execute("SELECT owner, name FROM names")
            return {owner: TableName(name) for owner, name in rows}

    def days(self, *, since: date) -> Sequence[tuple[str, date, int]]:
        """
        All that is known from a day on: kind, day, messages.
        """
        with self._transaction("read days from") as connection:
            rows = connection.execute(
                "SELECT kind, day, messages FROM days WHERE day >= ?",
                (since.isoformat(),),
            )
            return [(kind, date.fromisoformat(day), count) for kind, day, count in rows]

    def taken(self, names: Iterable[TableName]) -> Collection[TableName]:
        """
        Those of *names* that are known to be somebody's.
        """
        with self._transaction("read names from") as connection:
            want(connection, names)
            rows = connection.execute(
                "SELECT name FROM wanted CROSS JOIN names ON name = text"
            )
            return {TableName(name) for (name,) in rows}

    def learn_names(
        self,
        names: Iterable[tuple[str, str]],
        *,
        generation: int,
        anew: bool = False,
    ) -> None:
        """
        Take in names that were given up to a step.

        Args:
            names: Owner and name.
            generation: The step.
            anew: Whether they are all that there are.

        Raises:
            SetupError: Two owners have one name, or an owner has two.
        """
        with self._transaction("learn names in", "IMMEDIATE") as connection:
            if anew:
                connection.execute("DELETE FROM names")
                connection.execute("DELETE FROM reached")
            connection.executemany(
                "INSERT INTO names VALUES (?, ?) ON CONFLICT (owner)"
                # The same again is nothing; another name breaks a rule.
                " DO UPDATE SET name = CASE name WHEN excluded.name THEN name END",
                names,
            )
            connection.execute(
                "INSERT INTO reached VALUES (0, ?) ON CONFLICT (id)"
                " DO UPDATE SET generation = max(generation, excluded.generation)",
                (generation,),
            )

    def totals(self, kinds: Collection[str], *, since: date) -> Mapping[str, int]:
        """
        Sum what is known of each kind from a day on.
        """
        with self._transaction("read totals from") as connection:
            want(connection, kinds)
            rows = connection.execute(
                "SELECT kind, sum(messages) FROM wanted CROSS JOIN days"
                " ON kind = text WHERE day >= ? GROUP BY kind",
                (since.isoformat(),),
            )
            return {kind: int(total) for kind, total in rows}

    def learn_days(
        self,
        kinds: Collection[str],
        days: Iterable[tuple[str, date, int]],
        *,
        kept_since: date,
    ) -> None:
        """
        Take in all that there is of *kinds*, and forget days before one.

        Args:
            kinds: Which were asked for.
            days: Kind, day and messages.
            kept_since: The first day of which anything is kept.
        """
        with self._transaction("learn days in", "IMMEDIATE") as connection:
            want(connection, kinds)
            connection.execute(
                "DELETE FROM days WHERE kind IN (SELECT text FROM wanted) OR day < ?",
                (kept_since.isoformat(),),
            )
            connection.executemany(
                "INSERT INTO days VALUES (?, ?, ?)",
                ((kind, day.isoformat(), messages) for kind, day, messages in days),
            )

    @contextmanager
    def _transaction(
        self, doing: str, begin: str = "DEFERRED"
    ) -> Iterator[sqlite3.Connection]:
        with self._connection(doing) as connection:
            connection.execute(f"BEGIN {begin}")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self, doing: str) -> Iterator[sqlite3.Connection]:
        try:
            with closing(
                sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA temp_store = MEMORY")
                yield connection
        except sqlite3.Error as error:
            raise _crossed(error, doing, self.path) from error


def _crossed(error: sqlite3.Error, doing: str, path: Path) -> ForwarderError:
    """
    Turn SQLite's error into ours.
    """
    if isinstance(error, sqlite3.IntegrityError):
        return SetupError(
            "the table of names given says one name of two owners, or two of one; "
            "somebody has written to it: take out the rows that are wrong, remove "
            f"{path}, and try again"
        )
    reason = str(error)
    if "lock" in reason or "busy" in reason:
        return TransientError(f"could not {doing} {path}: another process holds it")
    if lacking := room_lacking(reason, path):
        return SetupError(f"could not {doing} {path}: {lacking}")
    return SetupError(
        f"could not {doing} {path}: {reason}; see to its folder and disk; the file is "
        "a copy, and may be removed while no forwarder uses it"
    )
