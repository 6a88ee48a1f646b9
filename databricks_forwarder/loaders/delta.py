"""
A local lake: real Delta tables in folders, ``<root>/<table>``.

A staged file becomes a file of its table as it is: linked into the table's
folder (copied where links don't go) and committed with what its footer says,
no row decoded again. The commit carries a transaction named after the load id,
which is how a repeat is known.

What a death leaves at each point:

* before the commit: files in the table's folder that no commit names; readers
  don't see them, and the same load takes them up again;
* after the commit: all rows; the repeat finds the transaction and only sees to
  it that the log survives a loss of power, which the engine leaves to others;
* while a table is being created: a folder with a leading dot. A table gets its
  name when it is whole.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._disk import disk_error
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.errors import MissingExtraError
from databricks_forwarder.loaders._counting import counted
from databricks_forwarder.loaders._delta_backfill import Move
from databricks_forwarder.loaders._delta_describing import commit_told, described
from databricks_forwarder.loaders._delta_files import is_table, local_folder
from databricks_forwarder.loaders._delta_layout import call_of
from databricks_forwarder.loaders._delta_tables import DeltaTables
from databricks_forwarder.loaders._delta_whole import whole
from databricks_forwarder.loaders._kind_rows import kinds_in
from databricks_forwarder.loaders._places import places_in
from databricks_forwarder.loaders._small_files import SmallFileTally
from databricks_forwarder.loaders._trial import trial
from databricks_forwarder.model import (
    EventKind,
    Finding,
    LoadId,
    LoadResult,
    RowCount,
    StagedFile,
    TableName,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from types import ModuleType

    import pyarrow as pa
    from pyarrow.dataset import Dataset

    from databricks_forwarder.answers import Described
    from databricks_forwarder.erasure import Place
    from databricks_forwarder.maintenance import Done, SmallFiles, TableLayout, Work
    from databricks_forwarder.mparticle.person import Person

__all__ = ["DeltaLoader"]


class DeltaLoader:
    """
    A loader into Delta tables on the local disk.

    It reads staged files at absolute paths, as `DirectoryStager` gives them,
    and relies on their bytes staying as they are: a file at a URI may be
    removed or replaced, not written in its place.

    Args:
        root: Folder of the tables; made when needed.

    Raises:
        MissingExtraError: The engine is not installed.
        ConfigurationError: The root is no folder that a lake can be in.
    """

    breadth = 2
    """How many tables at once are worth while: most of a commit is waiting."""

    def __init__(self, root: Path | str) -> None:
        self._engine = _engine()
        self._root = local_folder(root)
        self._tables = DeltaTables(self._engine, self._root)
        self._small = SmallFileTally()

    def path(self, table: TableName) -> Path:
        """
        The folder of *table*, whether it is there or not.
        """
        return self._tables.path(table)

    def tables(self) -> Sequence[TableName]:
        """
        The names of the tables that are there, sorted.
        """
        return self._tables.names()

    def prepare(self, table: TableName, schema: pa.Schema, /) -> None:
        """
        See that *table* is there and has at least the fields of *schema*.
        """
        self._tables.prepare(table, schema)

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Make *files* the table's own in one commit; durable when it returns.

        A table or columns that *files* need and that are not there are made.
        """
        if not files:
            return LoadResult(0)
        was_repeat = self._tables.load(load_id, table, files)
        if not was_repeat:
            self._small.add(table, files)
        row_count = sum(file.row_count for file in files)
        return LoadResult(row_count, was_repeat=was_repeat)

    def describe(
        self,
        load_id: LoadId,
        table: TableName,
        schema: pa.Schema,
        files: Sequence[StagedFile],
        /,
    ) -> Described:
        """
        Tell the Delta schema to be written, and the commit; the log is read.
        """
        commit = commit_told(self.path(table), load_id, files)
        return described(self._tables, self._engine, table, schema, commit)

    def count_rows(
        self, batcher_id: str, tables: Collection[TableName], /
    ) -> Mapping[TableName, Mapping[LoadId, RowCount]]:
        """
        Count the rows of a batcher's loads; three columns of a table are read.
        """
        return {
            table: self._counted(batcher_id, table)
            for table in tables
            if is_table(self.path(table))
        }

    def places(self, person: Person, /) -> Mapping[TableName, Sequence[Place]]:
        """
        Look into every table of the lake; four columns of each are read.
        """
        found = {table: self._places(table, person) for table in self.tables()}
        return {table: places for table, places in found.items() if places}

    def erase(self, table: TableName, places: Sequence[Place], /) -> Sequence[str]:
        """
        Delete rows in one commit or a few; their files are written again.

        The earlier files stay in the table's folder, for who reads an earlier
        version, until the table is vacuumed.
        """
        return self._tables.erase(table, places)

    def read(
        self, kind: EventKind | None, common: TableName, own: TableName | None, /
    ) -> Dataset:
        """
        Read all events, or all of a kind, as one data set; files are read later.

        A table of the kind's own has rows of that kind alone, so others are not
        looked into when it is known.
        """
        names = self.tables() if kind is None else [common, *filter(None, [own])]

        def opened() -> Dataset:
            # The common table first: what leaves it meanwhile is shown as of then.
            return whole(
                {
                    name: self._tables.opened(name)
                    for name in sorted(names, key=lambda each: each != common)
                    if is_table(self.path(name))
                },
                common,
                kind,
            )

        return self._tables.retried(f"reading the tables in {self._root}", opened)

    def kinds(self, common: TableName, /) -> Collection[EventKind]:
        """
        The kinds that have rows in the common table; some columns are read.
        """
        path = self.path(common)
        if not is_table(path):
            return ()
        with self._tables.crossing(f"looking for kinds in table {common} in {path}"):
            return kinds_in(self._tables.opened(common).to_pyarrow_dataset())

    def move(self, kind: EventKind, common: TableName, own: TableName, /) -> int:
        """
        Move a kind's rows out of the common table into its own, by steps.
        """
        self.prepare(own, schema_of(kind.event_type))
        moving = Move(
            engine=self._engine,
            open=lambda path: self._engine.DeltaTable(str(path)),
            common=self.path(common),
            own=self.path(own),
            name=own,
            kind=kind,
        )
        doing = f"moving rows of table {common} into table {own} in {self._root}"
        moved = 0
        while (count := self._tables.retried(doing, moving.step)) is not None:
            moved += count
        return moved

    def layouts(
        self, tables: Collection[TableName] | None = None, /, *, at: datetime
    ) -> Sequence[TableLayout]:
        """
        Read the logs of the tables; no file of rows is opened.
        """
        mark = self._small.mark()
        found = map(self._tables.layout, self.tables() if tables is None else tables)
        seen = [each for each in found if each is not None]
        self._small.learn(seen, mark, tables, at=at)
        return seen

    def statement(self, table: TableName, work: Work, /) -> str | None:
        """
        Spell a call of ``deltalake``; rows are not clustered on a lake.
        """
        return call_of(self.path(table), work)

    def maintain(self, table: TableName, work: Work, /) -> Done:
        """
        Do it in one commit; a vacuum takes nothing that no log names.
        """
        return self._tables.maintain(table, work)

    def small_files(self) -> SmallFiles:
        """
        What is known of small files; no log is read.
        """
        return self._small.told()

    def check(self) -> Sequence[Finding]:
        """
        Create, load and remove a table beside the others.
        """
        place = next(
            folder for folder in (self._root, *self._root.parents) if folder.exists()
        )
        findings = []
        try:
            with tempfile.TemporaryDirectory(prefix=".check-", dir=place) as folder:
                findings.append(Finding(f"folder {place}"))
                lake = DeltaLoader(Path(folder) / "lake")
                findings += trial(lake, Path(folder))
        except OSError as error:
            problem = str(disk_error(error, f"making a table in {place}"))
            findings.append(Finding(f"folder {place}", problem))
        return findings

    def _counted(self, batcher_id: str, table: TableName) -> Mapping[LoadId, RowCount]:
        path = self.path(table)
        with self._tables.crossing(f"counting the rows of table {table} in {path}"):
            found = self._tables.opened(table)
            return counted(found.to_pyarrow_dataset(), batcher_id, table)

    def _places(self, table: TableName, person: Person) -> Sequence[Place]:
        path = self.path(table)
        with self._tables.crossing(f"looking for rows in table {table} in {path}"):
            found = self._tables.opened(table)
            return places_in(found.to_pyarrow_dataset(), person)


def _engine() -> ModuleType:
    try:
        import deltalake  # noqa: PLC0415 (only who makes a lake needs the extra)
    except ImportError as error:
        raise MissingExtraError("the local lake", "lake") from error
    return deltalake
