"""
Counts and names in two small Delta tables on the local disk, for a whole lake.

Layout, in a folder of their own; what the columns hold is told in
`counts.warehouse`::

    _forwarder_event_counts(kind, day, messages, load_id)
    _forwarder_tables(owner, table_name, generation)

There is no guard: what a row is there, a transaction is here. Each write reads
a table, and replaces it in one commit that carries a transaction under a name
that is always the same. The engine refuses a commit whose name another one
carried after the table was read (and one that removes files that were removed):
so of two writes at once one fails, and looks again. Observed with deltalake
1.6.6, also for tables that have no file yet.

A table is one file, written anew by each load: 100 000 rows are less than a
megabyte. Files that no version of the last hour has are removed now and then.

What a death leaves at each point: before the commit a file that no commit names;
after it, all; a repeat sees to it that the log survives a loss of power.
"""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from databricks_forwarder._delta_fates import crossed
from databricks_forwarder._disk import make_folder, sync
from databricks_forwarder.counts._delta_folder import is_table, overtaken, sync_table
from databricks_forwarder.counts._rows import (
    COUNTS,
    NAMES,
    all_names,
    appended,
    chosen,
    days_since,
    names_of,
    summed,
)
from databricks_forwarder.counts._texts import by_kind, kind_text
from databricks_forwarder.errors import ForwarderError, MissingExtraError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import date
    from types import ModuleType

    from deltalake import DeltaTable

    from databricks_forwarder.counts._moving import Earlier
    from databricks_forwarder.model import EventKind, LoadId, TableName

__all__ = ["DeltaEventCounts"]

_KEPT = timedelta(days=400)

# Each try but the last lost against a writer that got on.
_TRIES = 50

_TRANSACTION = "databricks-forwarder"

# Versions of a table after which files are removed that nobody reads any more.
_VERSIONS = 50


class DeltaEventCounts:
    """
    Event counts in Delta tables; they survive the loss of process and power.

    Any number of processes may use them. Days that lie more than 400 days
    before the day of a load are forgotten when it is added.

    Args:
        folder: Where the two tables are; made when needed.
        earlier: Counts of before, brought along at once.

    Raises:
        MissingExtraError: The engine is not installed.
        TransientError: Earlier counts were not brought along, or not wholly.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, earlier: Earlier | None = None
    ) -> None:
        self._engine = _engine()
        # Absolute, so that it stays the same when the process changes folder.
        self.folder: Path = Path(folder).absolute()
        self._counts = self.folder / "_forwarder_event_counts"
        self._names = self.folder / "_forwarder_tables"
        self._earlier = earlier
        if earlier is not None:
            earlier.move(self)

    def __repr__(self) -> str:
        return f"DeltaEventCounts({str(self.folder)!r})"

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Sum the days of each kind from *since* on (C2).
        """
        kinds_by_text = {kind_text(kind): kind for kind in kinds}
        rows = self._read(self._counts, COUNTS)
        wanted = pa.array(list(kinds_by_text), pa.string())
        is_wanted = pc.and_(
            pc.is_in(rows["kind"], wanted),
            pc.greater_equal(rows["day"], pa.scalar(since, pa.date32())),
        )
        sums = rows.filter(is_wanted).group_by("kind").aggregate([("messages", "sum")])
        return {
            kinds_by_text[row["kind"]]: row["messages_sum"] for row in sums.to_pylist()
        }

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count a load's messages, once a load id (C1).
        """
        if self._earlier is not None and self._earlier.has_counted(load_id):
            return
        days = [(kind_text(kind), on, messages) for kind, messages in counts.items()]
        self.add_days(load_id, days, on=on)

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
        total = sum(messages for _, _, messages in days)
        new = [("", on, total, load_id), *((*day, "") for day in days)]

        def added(rows: pa.Table) -> pa.Table | None:
            if pc.any(pc.equal(rows["load_id"], load_id)).as_py():
                return None
            is_kept = pc.greater_equal(rows["day"], pa.scalar(on - _KEPT, pa.date32()))
            return summed(appended(rows.filter(is_kept), new))

        self._change(self._counts, COUNTS, added, f"counting load {load_id}")

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        Tell the names already given to *owners*.
        """
        return names_of(self._read(self._names, NAMES), owners)

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Give each owner a name of its own (C3).
        """
        answer: Mapping[str, TableName] = {}

        def given(rows: pa.Table) -> pa.Table | None:
            nonlocal answer
            old, new = chosen(rows, wishes)
            answer = {**old, **new}
            step = (pc.max(rows["generation"]).as_py() or 0) + 1
            named = [(*each, step) for each in new.items()]
            return appended(rows, named) if named else None

        self._change(self._names, NAMES, given, "giving names")
        return answer

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Answer as `give` would now.
        """
        old, new = chosen(self._read(self._names, NAMES), wishes)
        return {**old, **new}

    def kept(self, *, since: date) -> Mapping[EventKind, Mapping[date, int]]:
        """
        Tell the messages of every kind by day (C6).
        """
        return by_kind(days_since(self._read(self._counts, COUNTS), since))

    def names(self) -> Mapping[str, TableName]:
        """
        All names given, by their owners (C6).
        """
        return all_names(self._read(self._names, NAMES))

    def close(self) -> None:
        """
        Do nothing: nothing is held between calls.
        """

    def _read(self, path: Path, schema: pa.Schema) -> pa.Table:
        with self._crossing(f"reading {path}"):
            for _ in range(_TRIES):
                if not is_table(path):
                    return schema.empty_table()
                # A file that was removed meanwhile is in no version of now.
                with suppress(FileNotFoundError):
                    return self._engine.DeltaTable(str(path)).to_pyarrow_table()
        raise overtaken("reading", path, _TRIES)

    def _change(
        self,
        path: Path,
        schema: pa.Schema,
        step: Callable[[pa.Table], pa.Table | None],
        doing: str,
    ) -> None:
        """
        Replace the rows of a table by what *step* makes of them, if it does.
        """
        with self._crossing(f"{doing} in {path}"):
            for _ in range(_TRIES):
                self._have(path, schema)
                found = self._engine.DeltaTable(str(path))
                with suppress(
                    FileNotFoundError, self._engine.exceptions.CommitFailedError
                ):
                    changed = step(found.to_pyarrow_table())
                    if changed is not None:
                        self._replace(found, changed)
                    sync_table(path, found)
                    return
        raise overtaken(doing, path, _TRIES)

    def _replace(self, found: DeltaTable, rows: pa.Table) -> None:
        # *found* is the object whose rows were read: the engine compares it
        # with what was committed since.
        last = found.transaction_version(_TRANSACTION)
        transaction = self._engine.Transaction(
            app_id=_TRANSACTION, version=(last or 0) + 1
        )
        self._engine.write_deltalake(
            found,
            rows,
            mode="overwrite",
            commit_properties=self._engine.CommitProperties(
                app_transactions=[transaction], max_commit_retries=0
            ),
        )
        if found.version() % _VERSIONS == 0:
            found.vacuum(
                retention_hours=1, dry_run=False, enforce_retention_duration=False
            )

    def _have(self, path: Path, schema: pa.Schema) -> None:
        """
        See that there is a table; of two that make it the rename lets one in.
        """
        if is_table(path):
            return
        make_folder(self.folder)
        unfinished = self.folder / f".{secrets.token_hex(8)}"
        try:
            made = self._engine.DeltaTable.create(
                str(unfinished), schema, name=path.name
            )
            sync_table(unfinished, made)
            with suppress(OSError):
                unfinished.rename(path)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        sync(self.folder)

    @contextmanager
    def _crossing(self, doing: str) -> Iterator[None]:
        try:
            yield
        except pa.ArrowException as error:
            raise crossed(error, doing) from error
        except (ForwarderError, ValueError):
            # An owner whose wishes are all others' is the caller's.
            raise
        except Exception as error:
            raise crossed(error, doing) from error


def _engine() -> ModuleType:
    try:
        import deltalake  # noqa: PLC0415 (only who makes a lake needs the extra)
    except ImportError as error:
        raise MissingExtraError("counts in Delta tables", "lake") from error
    return deltalake
