"""
Counts and names that all hosts of a schema share: two small Delta tables.

Layout, beside the event tables::

    _forwarder_event_counts(kind, day, messages, load_id)
        kind, day, n, ''            n messages of a kind were counted on a day
        '', day, n, load_id         a load of n messages was counted on a day
        '', 9999-12-31, n, ''       the guard: n writes so far
    _forwarder_tables(owner, table_name, generation)
        owner, name, g              a name, given in step g
        '', '', g                   the guard: the last step

A kind is spelled as in `counts.sqlite`. So there are as many rows as kinds come
on a day, and as loads are carried on it, times the 401 days that are kept; and
one row for each name. 200 kinds and 100 loads a day make 120 000 rows.

Each write is one MERGE, which does all or nothing and changes the guard:

1. Two writes at once change the same row, so one of them fails with a conflict
   and looks again. Of rows that both insert the platform promises no conflict;
   that is why there is a guard. It is made by an insert, so two of them may be
   there: every write then changes both, and nothing depends on their number.
2. Of a write that follows another, the query that it merges sees what that one
   did, for it reads the very version that is changed: a load that is counted
   already, or a step that is over, gives no rows, and nothing happens. So a
   write may be repeated after a lost answer.
3. A name is chosen from what was given up to a step, and given only if that
   step is still the last: nobody else has got it, or got another, meanwhile.
   Names and steps only ever come, so a copy of them stays right.

What a death leaves at each point: before the commit nothing, after it all. A
table without its guard takes no write until somebody has inserted that.

Sources: Databricks, "Row-level concurrency" (MERGE against MERGE "can conflict
when modifying the same row", under both isolation levels; the same without
row-level concurrency, for then whole files are compared), "Isolation levels"
(WriteSerializable: writes are serializable among each other) and "MERGE INTO";
Delta Lake, ``PrepareDeltaScan`` ("if this rule is invoked within an active
OptimisticTransaction, then the scans are generated using the transaction"); read
2026-11-25.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_forwarder._databricks.count_statements import AddCounts
from databricks_forwarder._databricks.name_statements import GiveNames
from databricks_forwarder.counts._copy import CountsCopy
from databricks_forwarder.counts._giving import newly_given
from databricks_forwarder.counts._kept import kept_days, kept_names
from databricks_forwarder.counts._moving import Joining
from databricks_forwarder.counts._shared_rows import (
    is_counted,
    learn_names,
    read_totals,
)
from databricks_forwarder.counts._shared_tables import SharedTables
from databricks_forwarder.counts._texts import by_kind, kind_text
from databricks_forwarder.errors import TransientError

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder.counts._moving import Earlier
    from databricks_forwarder.model import EventKind, LoadId, TableName

__all__ = ["WarehouseEventCounts"]

_log = logging.getLogger("databricks_forwarder")

_KEPT = timedelta(days=400)

# Each try but the last lost against a host that got on.
_TRIES = 10


class WarehouseEventCounts:
    """
    Event counts that all hosts of a schema share, kept by a SQL warehouse.

    A load costs two queries and one MERGE: names and counts are read when it
    begins, each once, and it is counted at its end. Names are read once more
    where views are maintained. A name that is given costs one MERGE and one
    query more.

    While the workspace is away, totals and names are those last read; on a host
    that never read any, there are none to go by. A name is given, and a load
    counted, in the workspace or not at all: both raise `TransientError`, and the
    walk repeats them.

    Days that lie more than 400 days before the day of a load are forgotten
    when it is added.

    Args:
        client: The workspace; the loader's.
        copy: File of what was last read; made when needed. The processes of
            one machine may share it.
        earlier: Counts that this host kept for itself before; they are added to
            the shared ones once.

    Raises:
        ConfigurationError: The file of the copy is another one.
        SetupError: The file can't be made or opened.
    """

    def __init__(
        self,
        client: DatabricksClient,
        copy: str | os.PathLike[str],
        *,
        earlier: Earlier | None = None,
    ) -> None:
        self._tables = SharedTables(client)
        self._copy = CountsCopy(copy)
        self._joining = Joining(self, self._copy, earlier)
        self._writing = threading.Lock()
        self._is_fresh = False

    def __repr__(self) -> str:
        table, copy = str(self._tables.counts), str(self._copy.path)
        return f"WarehouseEventCounts({table!r}, {copy!r})"

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Sum the days of each kind from *since* on, as they are now (C2).
        """
        kinds_by_text = {kind_text(kind): kind for kind in kinds}
        if not kinds_by_text:
            return {}
        try:
            self._joining.join()
            totals = read_totals(self._tables, self._copy, kinds_by_text, since)
        except TransientError as error:
            self._fall_back(error)
            totals = self._copy.totals(kinds_by_text, since=since)
        # What is asked next is asked for another load, or to give a name.
        self._is_fresh = False
        return {kinds_by_text[text]: total for text, total in totals.items()}

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count a load's messages, once a load id (C1).

        Raises:
            TransientError: It may be counted or not: add it again.
        """
        self._joining.join()
        if self._joining.has_counted(load_id):
            return
        days = [(kind_text(kind), on, messages) for kind, messages in counts.items()]
        self.add_days(load_id, days, on=on)
        # What is asked next is asked for another load.
        self._is_fresh = False

    def add_days(
        self, load_id: str, days: Sequence[tuple[str, date, int]], *, on: date
    ) -> None:
        """
        Count what was counted elsewhere: kind as text, day, messages.

        Args:
            load_id: The name under which it is counted once.
            days: Each kind and day once.
            on: The day from which the 400 days count.
        """
        statement = AddCounts(
            table=self._tables.counts,
            load_id=load_id,
            days=days,
            on=on,
            since=on - _KEPT,
        )
        # Threads take turns: they would only meet as conflicts.
        with self._writing:
            for _ in range(_TRIES):
                if is_counted(self._tables, statement):
                    return
        msg = f"counting load {load_id} in {self._tables.counts} failed; try again"
        raise TransientError(msg)

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        Tell the names already given to *owners*.
        """
        if not owners:
            return {}
        known = self._copy.names(owners)
        if len(known) == len(set(owners)):
            return known
        self._look_once()
        return self._copy.names(owners)

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Give each owner a name of its own (C3).

        Raises:
            TransientError: The workspace is away, or other hosts came first
                again and again. All of them were given, or none.
        """
        known = self._copy.names(wishes)
        if len(known) == len(wishes):
            return known
        self._joining.join()
        with self._writing:
            for _ in range(_TRIES):
                # Before the choice: what is learnt while it is made undoes it.
                generation = self._copy.generation() or 0
                new = self._chosen(wishes)
                if not new:
                    return self._copy.names(wishes)
                self._tables.run(GiveNames(self._tables.names, generation, new))
                self._look()
        msg = (
            f"giving names in {self._tables.names} failed: other hosts came first; "
            "try again"
        )
        raise TransientError(msg)

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Answer as `give` would now.
        """
        if not wishes:
            return {}
        self._look_once()
        return {**self._copy.names(wishes), **self._chosen(wishes)}

    def kept(self, *, since: date) -> Mapping[EventKind, Mapping[date, int]]:
        """
        Tell the messages of every kind by day, or as last read (C6).
        """
        try:
            return by_kind(kept_days(self._tables, self._joining.awaited, since))
        except TransientError as error:
            self._fall_back(error)
            return by_kind(self._copy.days(since=since))

    def names(self) -> Mapping[str, TableName]:
        """
        All names given, by their owners, or as last read (C6).
        """
        try:
            return kept_names(self._tables, self._joining.awaited)
        except TransientError as error:
            self._fall_back(error)
            return self._copy.all_names()

    def close(self) -> None:
        """
        Do nothing: the client is its maker's to close.
        """

    def _chosen(
        self, wishes: Mapping[str, Sequence[TableName]]
    ) -> Mapping[str, TableName]:
        given = self._copy.names(wishes)
        wished = (name for names in wishes.values() for name in names)
        return newly_given(wishes, given=given, taken=self._copy.taken(wished))

    def _look_once(self) -> None:
        """
        Look, if nobody has since the last totals, or since a load was counted.
        """
        if self._is_fresh:
            return
        try:
            self._joining.join()
            self._look()
        except TransientError as error:
            self._fall_back(error)
        self._is_fresh = True

    def _look(self) -> None:
        learn_names(self._tables, self._copy)

    def _fall_back(self, error: TransientError) -> None:
        """
        Go on with what was last read, if anything was.
        """
        if self._copy.generation() is None:
            raise error
        _log.warning("shared event counts are as last read: %s", error)
