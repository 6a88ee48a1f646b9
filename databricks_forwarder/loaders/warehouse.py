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

from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder._databricks.fates import MissingTableError
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.answers import Described
from databricks_forwarder.errors import SchemaError
from databricks_forwarder.loaders._each_table import of_each
from databricks_forwarder.loaders._small_files import SmallFileTally
from databricks_forwarder.loaders._warehouse_backfill import Move, kinds_in
from databricks_forwarder.loaders._warehouse_check import findings
from databricks_forwarder.loaders._warehouse_copying import copied, copy_of, thousands
from databricks_forwarder.loaders._warehouse_counting import counted
from databricks_forwarder.loaders._warehouse_erasing import (
    delete_places,
    placed_tables,
    places_in,
)
from databricks_forwarder.loaders._warehouse_layout import done_to, layouts_of, spell
from databricks_forwarder.loaders._warehouse_tables import WarehouseTables
from databricks_forwarder.model import LoadResult

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder.erasure import Place
    from databricks_forwarder.loaders._warehouse_views import WarehouseViews
    from databricks_forwarder.maintenance import Done, SmallFiles, TableLayout, Work
    from databricks_forwarder.model import (
        EventKind,
        Finding,
        LoadId,
        RowCount,
        StagedFile,
        TableName,
    )
    from databricks_forwarder.mparticle.person import Person

__all__ = ["WarehouseLoader"]


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
        self._tables = WarehouseTables(client, views)
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
        self._tables.survey(tables)

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
            if self._tables.held(table) is None
        }
        made = of_each(
            lambda table: self._tables.is_made(table, new[table]),
            new,
            breadth=self.breadth,
        )
        shown = {
            table: self._tables.held(table)
            for table, is_made in made.items()
            if is_made
        }
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
        self._tables.prepare(table, schema)

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Load *files* into a prepared table, all at once up to a thousand.

        A load whose first answer was lost is told as a repeat.
        """
        was_repeat = True
        row_count = 0
        for some in thousands(files):
            was_there = self._load_prepared(load_id, table, some, row_count)
            self._small.add(table, () if was_there else some)
            was_repeat &= was_there
            row_count += sum(file.row_count for file in some)
        return LoadResult(row_count, was_repeat=was_repeat and bool(files))

    def describe(
        self,
        load_id: LoadId,
        table: TableName,
        schema: pa.Schema,
        files: Sequence[StagedFile],
        /,
    ) -> Described:
        """
        Give the statements as they would be sent; nobody is asked.

        What is known of *table* is what was last seen of it: see `survey`.
        """
        is_there, statement = self._tables.preparation(table, schema)
        copies = (
            copy_of(self._client, load_id, table, some) for some in thousands(files)
        )
        return Described(
            is_there=is_there,
            preparing=() if statement is None else (statement.to_sql(),),
            loading=tuple(copy.to_sql() for copy in copies),
        )

    def count_rows(
        self, batcher_id: str, tables: Collection[TableName], /
    ) -> Mapping[TableName, Mapping[LoadId, RowCount]]:
        """
        Count the rows of a batcher's loads: a query a table, side by side.
        """
        return counted(self._client, batcher_id, tables, breadth=self.breadth)

    def places(self, person: Person, /) -> Mapping[TableName, Sequence[Place]]:
        """
        Ask for the tables of the schema, then each of them, side by side.
        """
        client = self._client
        found = of_each(
            lambda table: places_in(client, table, person),
            placed_tables(client),
            breadth=self.breadth,
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
        return kinds_in(self._client, common)

    def move(self, kind: EventKind, common: TableName, own: TableName, /) -> int:
        """
        Move a kind's rows out of the common table into its own, by steps.

        While a step is taken, the views show the rows of its loads twice.
        """
        self.prepare(own, schema_of(kind.event_type))
        # Not `held`, which a load that widens the table forgets for a moment.
        seen = self._tables.look([common, own])
        held, columns = seen[common], seen[own]
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

    def layouts(
        self, tables: Collection[TableName] | None = None, /, *, at: datetime
    ) -> Sequence[TableLayout]:
        """
        Ask for each table's details, two statements a table, side by side.
        """
        mark = self._small.mark()
        seen = layouts_of(self._client, tables)
        self._small.learn(seen, mark, tables, at=at)
        return seen

    def statement(self, table: TableName, work: Work, /) -> str | None:
        """
        Spell the SQL.
        """
        return spell(self._client, table, work)

    def maintain(self, table: TableName, work: Work, /) -> Done:
        """
        Run the statement; it is found by its mark in the query history.
        """
        return done_to(self._client, table, work)

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
        views = None if self._views is None or self._views.is_off else self._views
        yield from findings(self._client, with_views=views is not None)
        if views is not None:
            yield from views.problems()

    def _load_prepared(
        self,
        load_id: LoadId,
        table: TableName,
        files: Sequence[StagedFile],
        earlier_count: int,
    ) -> bool:
        def copy() -> bool:
            return copied(self._client, load_id, table, files, earlier_count)

        try:
            return repeated(copy, self._client.clock)
        except (MissingTableError, SchemaError):
            # Dropped, or made anew by somebody, since it was looked at.
            if not self._tables.prepare_anew(table):
                raise
            return repeated(copy, self._client.clock)
