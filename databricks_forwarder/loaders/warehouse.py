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
from databricks_forwarder._databricks.load_statements import (
    MAX_COPY_FILES,
    CopyInto,
    CountLoad,
    CountRows,
)
from databricks_forwarder._databricks.move_statements import SelectKinds
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder._databricks.schema_statements import SelectColumns
from databricks_forwarder._databricks.statements import (
    AddColumns,
    CreateTable,
    identifier,
)
from databricks_forwarder._databricks.types import told_type
from databricks_forwarder._table_columns import column_comments, schema_of
from databricks_forwarder.errors import (
    ForwarderError,
    PermanentError,
    SchemaError,
    SetupError,
)
from databricks_forwarder.loaders._said import kind_said
from databricks_forwarder.loaders._schemas import added, covers, widened
from databricks_forwarder.loaders._warehouse_backfill import Move
from databricks_forwarder.loaders._warehouse_check import findings
from databricks_forwarder.loaders._warehouse_erasing import (
    delete_places,
    placed_tables,
    places_in,
)
from databricks_forwarder.loaders._warehouse_relations import PLAIN
from databricks_forwarder.model import LoadResult, RowCount

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Statement
    from databricks_forwarder.erasure import Place
    from databricks_forwarder.loaders._warehouse_views import WarehouseViews
    from databricks_forwarder.model import (
        EventKind,
        Finding,
        LoadId,
        StagedFile,
        TableName,
    )
    from databricks_forwarder.mparticle.person import Person

__all__ = ["WarehouseLoader"]

_T = TypeVar("_T")

# How often the thread that waits for counts looks up; nothing depends on it.
_LOOK_SECONDS = 60.0

_CLUSTERED_ON = "_event_timestamp"


class WarehouseLoader:
    """
    A loader of files in a volume, as `VolumeStager` gives them.

    Tables of a load go side by side, each with one ``COPY INTO``; what columns
    there are is asked once for all of them, and then remembered. A file is
    loaded by its path: other bytes at a path that was loaded are passed over.

    Args:
        client: The workspace; the one that the stager has.
        views: The schema's views, kept up to date with its tables; None for
            none.
    """

    def __init__(
        self, client: DatabricksClient, views: WarehouseViews | None = None
    ) -> None:
        self._client = client
        self._views = views
        # As last seen, None for a table that is not there. A table only ever
        # gets more columns, so what was covered stays covered.
        self._held: dict[TableName, pa.Schema | None] = {}
        self._wanted: dict[TableName, pa.Schema] = {}

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

    def expect(
        self,
        common: TableName,
        own: Mapping[TableName, EventKind],
        coming: Mapping[TableName, pa.Schema],
        /,
    ) -> None:
        """
        Make tables that are not there, then views that show all of them at once.
        """
        if self._views is None or self._views.is_off:
            return
        new = {
            table: schema
            for table, schema in coming.items()
            if self._held.get(table) is None
        }
        made = self._of_each(lambda table: self._is_made(table, new[table]), new)
        shown = {table: self._held[table] for table, is_made in made.items() if is_made}
        self._views.expect(common, own, shown)

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
        self._prepare(table, schema)

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
            was_repeat &= self._load_prepared(load_id, table, some, row_count)
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

    def kinds(self, common: TableName, /) -> Collection[EventKind]:
        """
        The kinds that have rows in the common table: one query.
        """
        statement = SelectKinds(self._client.table(common))
        try:
            rows = repeated(lambda: self._run(statement), self._client.clock)
        except MissingTableError:
            return ()
        return {kind_said(*row) for row in rows}

    def move(self, kind: EventKind, common: TableName, own: TableName, /) -> int:
        """
        Move a kind's rows out of the common table into its own, by steps.

        While a step is taken, the views show the rows of its loads twice.
        """
        self.prepare(own, schema_of(kind.event_type))
        repeated(lambda: self._look([common, own]), self._client.clock)
        held, columns = self._held[common], self._held[own]
        moving = Move(
            client=self._client,
            kind=kind,
            common=common,
            own=own,
            held=pa.schema([]) if held is None else held,
            columns=schema_of(kind.event_type) if columns is None else columns,
        )
        moved = 0
        while (count := moving.step()) is not None:
            moved += count
        return moved

    def check(self) -> Sequence[Finding]:
        """
        Sign in, and do all that a load does under names that are thrown away.
        """
        return list(self.findings())

    def findings(self) -> Iterator[Finding]:
        """
        Check, and tell each thing as it was tried: a warehouse may have to start.
        """
        views = None if self._views is None or self._views.is_off else self._views
        yield from findings(self._client, with_views=views is not None)
        if views is not None:
            yield from views.problems()

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

    def _is_made(self, table: TableName, schema: pa.Schema) -> bool:
        # Why not is told when it is prepared, where its rows depend on it.
        try:
            self._prepare(table, schema, is_shown=False)
        except ForwarderError:
            return False
        return True

    def _prepare(
        self, table: TableName, schema: pa.Schema, *, is_shown: bool = True
    ) -> None:
        if self._views is not None and self._views.have(table):
            msg = (
                f"a view is called {self._client.table(table)}, so that no table can "
                "be; have the router name it otherwise, or drop the view and say "
                "maintain_views=False"
            )
            raise SetupError(msg)
        self._wanted[table] = schema
        held = self._held.get(table)
        if held is None or not covers(held, schema, table):
            repeated(
                lambda: self._widen(table, schema, is_shown=is_shown),
                self._client.clock,
            )

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
            columns[table].append(pa.field(column, told_type(type_)))
        for table in tables:
            self._held[table] = pa.schema(columns[table]) if columns[table] else None

    def _widen(self, table: TableName, schema: pa.Schema, *, is_shown: bool) -> None:
        if table not in self._held:
            self._look([table])
        held = self._held.pop(table)
        grown = widened(held or pa.schema([]), schema, table)
        if held is None:
            self._create(table, grown)
        elif new := added(held, grown, table):
            self._run(AddColumns(self._client.table(table), new))
        self._held[table] = grown
        is_new = held is None or not grown.equals(held)
        if self._views is not None and is_shown and is_new:
            self._views.grown(table, grown)

    def _create(self, table: TableName, columns: pa.Schema) -> None:
        name = self._client.table(table)
        views = self._views
        statement = CreateTable(
            table=name,
            columns=columns,
            comments=column_comments(),
            comment=PLAIN if views is None else views.table_comment(),
            cluster_by=_CLUSTERED_ON if _CLUSTERED_ON in columns.names else None,
        )
        try:
            self._run(statement)
        except AlreadyThereError as error:
            self._look([table])
            if self._held[table] is not None:
                raise
            principal = identifier(self._client.settings.client_id)
            msg = (
                f"creating table {name} failed: it is there, made by somebody else, "
                "and the service principal may not see it; run: "
                f"GRANT SELECT, MODIFY ON TABLE {name} TO {principal}"
            )
            raise SetupError(msg) from error

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


def _thousands(files: Sequence[StagedFile]) -> Iterator[Sequence[StagedFile]]:
    for first in range(0, len(files), MAX_COPY_FILES):
        yield files[first : first + MAX_COPY_FILES]
