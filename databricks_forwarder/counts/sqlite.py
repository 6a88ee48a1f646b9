"""
Counts and names in one SQLite file, shared by the processes of one machine.

Layout, format 1 (``application_id`` says whose file it is, ``user_version``
its format; the file is in WAL mode)::

    buckets(kind, day, messages)    messages of a kind on a day
    counted_loads(load_id)          loads that are in the buckets
    names(owner, name)              names given, for ever

A kind is the JSON list ``[event type, custom event type, event name]`` in
ASCII, a day is ``YYYY-MM-DD`` in UTC.

Invariants:

* a load is in ``counted_loads`` exactly if its messages are in ``buckets``,
  but for days that were forgotten;
* ``owner`` and ``name`` are both unique, and no row of ``names`` ever changes;
* no day in ``buckets`` lies more than 400 days before the latest load's.

Each call is one transaction, durable when it returns (``synchronous=FULL``). A
crash before its end leaves nothing of it: the walk counts the load again.

Each call opens its own connection and closes it: there are a few calls a load,
and so threads, forked children and forgotten objects share nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from databricks_forwarder.counts._giving import newly_given
from databricks_forwarder.counts._sqlite_file import LAYOUT, crossed, is_new
from databricks_forwarder.counts._texts import by_kind, kind_text, want
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from databricks_forwarder.model import EventKind, LoadId

__all__ = ["SqliteEventCounts"]

_KEPT = timedelta(days=400)
_BUSY_SECONDS = 30.0


class SqliteEventCounts:
    """
    Event counts that survive the loss of process and power.

    Days that lie more than 400 days before the day of a load are forgotten
    when it is added. A call waits up to 30 seconds for another process.

    Args:
        path: The file; made if it is absent, its folder is not.

    Raises:
        ConfigurationError: The file is not one of event counts, or of a newer
            format; it was not touched.
        SetupError: The file can't be made or opened.
        TransientError: Another process holds the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        # Absolute, so that it stays the same when the process changes folder.
        self.path: Path = Path(path).absolute()
        with self._connection("open", mode="rwc") as connection:
            if is_new(connection, self.path):
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in LAYOUT:
                    connection.execute(statement)
                connection.execute("COMMIT")

    def __repr__(self) -> str:
        return f"SqliteEventCounts({str(self.path)!r})"

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Sum the days of each kind from *since* on (C2).
        """
        kinds_by_text = {kind_text(kind): kind for kind in kinds}
        with self._transaction("read totals from", "DEFERRED") as connection:
            want(connection, kinds_by_text)
            # What was asked for, not what a row says that was found for it: on
            # a damaged page it may say something else.
            rows = connection.execute(
                "SELECT text, sum(messages) FROM wanted CROSS JOIN buckets"
                " ON kind = text WHERE day >= ? GROUP BY text",
                (since.isoformat(),),
            )
            return {kinds_by_text[text]: int(total) for text, total in rows}

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count a load's messages, once a load id (C1).
        """
        day = on.isoformat()
        rows = [(kind_text(kind), day, messages) for kind, messages in counts.items()]
        with self._transaction(f"count load {load_id} in", "IMMEDIATE") as connection:
            counted = connection.execute(
                "INSERT OR IGNORE INTO counted_loads VALUES (?)", (load_id,)
            )
            if counted.rowcount:
                connection.executemany(
                    "INSERT INTO buckets VALUES (?, ?, ?) ON CONFLICT (kind, day)"
                    " DO UPDATE SET messages = messages + excluded.messages",
                    rows,
                )
                connection.execute(
                    "DELETE FROM buckets WHERE day < ?", ((on - _KEPT).isoformat(),)
                )

    def has_counted(self, load_id: LoadId) -> bool:
        """
        Whether a load's messages are in here.
        """
        with self._transaction(f"look for {load_id} in", "DEFERRED") as connection:
            rows = connection.execute(
                "SELECT 1 FROM counted_loads WHERE load_id = ?", (load_id,)
            )
            return rows.fetchone() is not None

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        Tell the names already given to *owners*.
        """
        with self._transaction("read names from", "DEFERRED") as connection:
            return _given(connection, owners)

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Give each owner a name of its own (C3).
        """
        with self._transaction("give names in", "IMMEDIATE") as connection:
            given, new = _chosen(connection, wishes)
            connection.executemany("INSERT INTO names VALUES (?, ?)", new.items())
            return {**given, **new}

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Answer as `give` would now.
        """
        with self._transaction("propose names from", "DEFERRED") as connection:
            given, new = _chosen(connection, wishes)
            return {**given, **new}

    def kept(self, *, since: date) -> Mapping[EventKind, Mapping[date, int]]:
        """
        Tell the messages of every kind by day (C6).
        """
        return by_kind(each for each in self.days() if each[1] >= since)

    def names(self) -> Mapping[str, TableName]:
        """
        All names given, by their owners (C6).
        """
        with self._transaction("read names from", "DEFERRED") as connection:
            rows = connection.execute("SELECT owner, name FROM names ORDER BY owner")
            return {owner: TableName(name) for owner, name in rows}

    def days(self) -> Sequence[tuple[str, date, int]]:
        """
        All messages counted: kind as JSON, day, messages; by day and kind.
        """
        with self._transaction("read days from", "DEFERRED") as connection:
            rows = connection.execute(
                "SELECT kind, day, messages FROM buckets ORDER BY day, kind"
            )
            return [(kind, date.fromisoformat(day), count) for kind, day, count in rows]

    def close(self) -> None:
        """
        Do nothing: no connection outlives the call it was opened for.
        """

    @contextmanager
    def _transaction(
        self, doing: str, begin: Literal["DEFERRED", "IMMEDIATE"]
    ) -> Iterator[sqlite3.Connection]:
        with self._connection(doing, mode="rw") as connection:
            connection.execute(f"BEGIN {begin}")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _connection(self, doing: str, *, mode: str) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._connect(mode)) as connection:
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("PRAGMA temp_store = MEMORY")
                yield connection
        except sqlite3.Error as error:
            raise crossed(error, doing, self.path) from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        # Only the constructor may make a file: one that is lost later must be
        # an error and not an empty memory.
        return sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            uri=True,
        )


def _given(
    connection: sqlite3.Connection, owners: Iterable[str]
) -> dict[str, TableName]:
    """
    Read the names given, each as its index has it, too.

    Raises:
        sqlite3.DatabaseError: One is not as it was given: its rows would go to
            another table.
    """
    want(connection, owners)
    rows = connection.execute(
        "SELECT text, given.name, same.owner = text FROM wanted"
        " CROSS JOIN names AS given ON given.owner = text"
        " LEFT JOIN names AS same INDEXED BY sqlite_autoindex_names_2"
        " ON same.name = given.name"
    )
    names = {}
    for owner, name, is_same in rows:
        if not is_same:
            msg = "malformed: a name is not as it was given"
            raise sqlite3.DatabaseError(msg)
        names[owner] = TableName(name)
    return names


def _chosen(
    connection: sqlite3.Connection, wishes: Mapping[str, Sequence[TableName]]
) -> tuple[Mapping[str, TableName], Mapping[str, TableName]]:
    """
    Tell the names that the owners have, and choose those for the others.
    """
    given = _given(connection, wishes)
    taken = _taken(connection, wishes)
    return given, newly_given(wishes, given=given, taken=taken)


def _taken(
    connection: sqlite3.Connection, wishes: Mapping[str, Sequence[TableName]]
) -> set[TableName]:
    want(connection, (name for names in wishes.values() for name in names))
    rows = connection.execute("SELECT name FROM wanted CROSS JOIN names ON name = text")
    return {TableName(name) for (name,) in rows}
