"""
Delta tables in Unity Catalog, loaded by a SQL warehouse: ``COPY INTO``.

A table remembers the paths of the files that it was loaded with, in the same
commit as their rows; a statement that names them again passes them over. So
every statement here may be repeated, and "was it done?" is answered by
repeating it.

What a death leaves at each point:

* before the commit: nothing; the statement is sent again;
* after the commit, the answer lost: all rows; the repeat inserts none;
* a repeat whose files are gone is settled by counting the rows of the load;
* while a table is made or widened: it is there with the columns, or it is not.

Sources: Databricks, "COPY INTO", "Clone and table history" and "Isolation
levels and write conflicts", read 2026-11-23.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa

from databricks_forwarder._breadth import side_by_side
from databricks_forwarder._databricks.fates import (
    AlreadyThereError,
    MissingPathError,
    MissingTableError,
)
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder._databricks.statements import (
    MAX_COPY_FILES,
    AddColumns,
    CopyInto,
    CountLoad,
    CountRows,
    SelectColumns,
)
from databricks_forwarder._databricks.types import from_sql_type
from databricks_forwarder.errors import PermanentError, SchemaError
from databricks_forwarder.loaders import _warehouse_layout
from databricks_forwarder.loaders._schemas import added, covers, widened
from databricks_forwarder.loaders._small_files import SmallFileTally
from databricks_forwarder.loaders._warehouse_check import findings
from databricks_forwarder.loaders._warehouse_creating import creation, unseen
from databricks_forwarder.loaders._warehouse_erasing import (
    delete_places,
    placed_tables,
    places_in,
)
from databricks_forwarder.model import LoadResult, RowCount

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Statement
    from databricks_forwarder.erasure import Place
    from databricks_forwarder.maintenance import Done, SmallFiles, TableLayout, Work
    from databricks_forwarder.model import Finding, LoadId, StagedFile, TableName
    from databricks_forwarder.mparticle.person import Person

__all__ = ["WarehouseLoader"]

_T = TypeVar("_T")

# How often the thread that waits for counts looks up; nothing depends on it.
_LOOK_SECONDS = 60.0


class WarehouseLoader:
    """
    A loader of files in a volume, as `VolumeStager` gives them.

    Tables of a load go side by side, each with one ``COPY INTO``; what columns
    there are is asked once for all of them, and then remembered. A file is
    loaded by its path: other bytes at a path that was loaded are passed over.

    Args:
        client: The workspace; the one that the stager has.
    """

    def __init__(self, client: DatabricksClient) -> None:
        self._client = client
        # As last seen, None for a table that is not there. A table only ever
        # gets more columns, so what was covered stays covered.
        self._held: dict[TableName, pa.Schema | None] = {}
        self._wanted: dict[TableName, pa.Schema] = {}
        self._small = SmallFileTally()

    @property
    def breadth(self) -> int:
        """
        How many tables at once are worth while.
        """
        return self._client.breadth

    def survey(self, tables: Collection[TableName], /) -> None:
        """
        Ask for the columns of those of *tables* that were not seen yet.
        """
        unseen = [table for table in tables if self._held.get(table) is None]
        if unseen:
            repeated(lambda: self._look(unseen), self._client.clock)

    def state(self) -> str | None:
        """
        How the SQL warehouse stands, if there is anything to tell.
        """
        return self._client.warehouse.state()

    def prepare(self, table: TableName, schema: pa.Schema, /) -> None:
        """
        See that *table* is there and has at least the fields of *schema*.

        The platform adds fields inside structs, not inside lists and maps.
        """
        self._wanted[table] = schema
        held = self._held.get(table)
        if held is None or not covers(held, schema, table):
            repeated(lambda: self._widen(table, schema), self._client.clock)

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Load *files* into a prepared table, all at once up to a thousand.

        A load whose first answer was lost is told as a repeat.
        """
        was_repeat = True
        row_count = 0
        for some in _thousands(files):
            was_there = self._load_prepared(load_id, table, some, row_count)
            if not was_there:
                self._small.add(table, some)
            was_repeat &= was_there
            row_count += sum(file.row_count for file in some)
        return LoadResult(row_count, was_repeat=was_repeat and bool(files))

    def count_rows(
        self, batcher_id: str, tables: Collection[TableName], /
    ) -> Mapping[TableName, Mapping[LoadId, RowCount]]:
        """
        Count the rows of a batcher's loads: a query a table, side by side.
        """
        counts = self._of_each(lambda table: self._count(batcher_id, table), tables)
        return {table: each for table, each in counts.items() if each is not None}

    def places(self, person: Person, /) -> Mapping[TableName, Sequence[Place]]:
        """
        Ask for the tables of the schema, then each of them, side by side.
        """
        client = self._client
        found = self._of_each(
            lambda table: places_in(client, table, person), placed_tables(client)
        )
        return {table: places for table, places in found.items() if places}

    def erase(self, table: TableName, places: Sequence[Place], /) -> Sequence[str]:
        """
        Delete rows; the table's earlier versions have them as long as it keeps those.
        """
        return delete_places(self._client, table, places)

    def layouts(
        self, tables: Collection[TableName] | None = None, /, *, at: datetime
    ) -> Sequence[TableLayout]:
        """
        Ask for each table's details, two statements a table, side by side.
        """
        client, mark = self._client, self._small.mark()
        look = _warehouse_layout.layout_of
        wanted = _warehouse_layout.tables_of(client) if tables is None else tables
        found = self._of_each(lambda table: look(client, table), wanted)
        seen = [each for each in found.values() if each is not None]
        self._small.learn(seen, mark, tables, at=at)
        return seen

    def statement(self, table: TableName, work: Work, /) -> str | None:
        """
        Spell the SQL.
        """
        return _warehouse_layout.spell(self._client, table, work)

    def maintain(self, table: TableName, work: Work, /) -> Done:
        """
        Run the statement; it is found by its mark in the query history.
        """
        return _warehouse_layout.done_to(self._client, table, work)

    def small_files(self) -> SmallFiles:
        """
        What is known of small files; nobody is called.
        """
        return self._small.told()

    def check(self) -> Sequence[Finding]:
        """
        Sign in, and do all that a load does under names that are thrown away.
        """
        return list(self.findings())

    def findings(self) -> Iterator[Finding]:
        """
        Check, and tell each thing as it was tried: a warehouse may have to start.
        """
        return findings(self._client)

    def _of_each(
        self, call: Callable[[TableName], _T], tables: Collection[TableName]
    ) -> Mapping[TableName, _T]:
        """
        Call for each table, side by side.
        """
        calls = side_by_side(
            call,
            list(tables),
            breadth=self.breadth,
            beat=_do_nothing,
            beat_seconds=_LOOK_SECONDS,
        )
        with closing(calls):
            return {table: future.result() for table, future in calls}

    def _count(
        self, batcher_id: str, table: TableName
    ) -> Mapping[LoadId, RowCount] | None:
        statement = CountRows(self._client.table(table), batcher_id)
        try:
            rows = repeated(lambda: self._run(statement), self._client.clock)
        except MissingTableError:
            return None
        return {load_id: RowCount(count, count - once) for load_id, count, once in rows}

    def _look(self, tables: Collection[TableName]) -> None:
        client = self._client
        statement = SelectColumns(
            client.settings.catalog_name, client.settings.schema_name, tables
        )
        columns: dict[str, list[pa.Field]] = {table: [] for table in tables}
        for table, column, type_ in self._run(statement):
            columns[table].append(pa.field(column, _type_of(type_)))
        for table in tables:
            self._held[table] = pa.schema(columns[table]) if columns[table] else None

    def _widen(self, table: TableName, schema: pa.Schema) -> None:
        if table not in self._held:
            self._look([table])
        held = self._held.pop(table)
        grown = widened(held or pa.schema([]), schema, table)
        if held is None:
            self._create(table, grown)
        elif new := added(held, grown, table):
            self._run(AddColumns(self._client.table(table), new))
        self._held[table] = grown

    def _create(self, table: TableName, columns: pa.Schema) -> None:
        name = self._client.table(table)
        try:
            self._run(creation(name, columns))
        except AlreadyThereError as error:
            self._look([table])
            if self._held[table] is not None:
                raise
            raise unseen(name, self._client.settings.client_id) from error

    def _load_prepared(
        self,
        load_id: LoadId,
        table: TableName,
        files: Sequence[StagedFile],
        earlier_count: int,
    ) -> bool:
        def copy() -> bool:
            return self._copy(load_id, table, files, earlier_count)

        try:
            return repeated(copy, self._client.clock)
        except (MissingTableError, SchemaError):
            # Dropped, or made anew by somebody, since it was looked at.
            if table not in self._wanted:
                raise
            self._held.pop(table, None)
            self.prepare(table, self._wanted[table])
            return repeated(copy, self._client.clock)

    def _copy(
        self,
        load_id: LoadId,
        table: TableName,
        files: Sequence[StagedFile],
        earlier_count: int,
    ) -> bool:
        """
        Load some files; whether the table held them already.

        Args:
            load_id: The load.
            table: Where to.
            files: At most a thousand.
            earlier_count: Rows of the load's files before these.
        """
        (folder,) = {str(PurePosixPath(file.uri).parent) for file in files}
        names = [PurePosixPath(file.uri).name for file in files]
        target = self._client.table(table)
        expected = sum(file.row_count for file in files)
        try:
            ((_, inserted, *_),) = self._run(CopyInto(target, load_id, folder, names))
        except MissingPathError:
            # Loaded and then removed, or never loaded: the rows tell.
            ((there,),) = self._run(CountLoad(target, load_id))
            if there < earlier_count + expected:
                raise
            return True
        if inserted not in {0, expected}:
            msg = (
                f"load {load_id} put {inserted} rows into table {table}, its files "
                f"have {expected}; compare them before it is carried on"
            )
            raise PermanentError(msg)
        return bool(inserted == 0)

    def _run(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        return self._client.warehouse.run(statement.to_sql())


def _do_nothing() -> None:
    """
    Keep nothing alive: no load is out.
    """


def _type_of(text: str) -> pa.DataType:
    # What can't be read fails its own table, when the rows want that column.
    try:
        return from_sql_type(text)
    except ValueError:
        return pa.opaque(pa.null(), text, "databricks")


def _thousands(files: Sequence[StagedFile]) -> Iterator[Sequence[StagedFile]]:
    for first in range(0, len(files), MAX_COPY_FILES):
        yield files[first : first + MAX_COPY_FILES]
