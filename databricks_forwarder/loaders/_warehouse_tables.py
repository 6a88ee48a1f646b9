"""
The tables of a schema as a loader sees them: what columns there are, and more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from databricks_forwarder._databricks.fates import AlreadyThereError
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder._databricks.schema_statements import SelectColumns
from databricks_forwarder._databricks.statements import (
    AddColumns,
    CreateTable,
    identifier,
)
from databricks_forwarder._databricks.types import told_type
from databricks_forwarder._table_columns import column_comments
from databricks_forwarder.errors import ForwarderError, SetupError
from databricks_forwarder.loaders._schemas import added, covers, widened
from databricks_forwarder.loaders._warehouse_relations import PLAIN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Statement
    from databricks_forwarder.loaders._warehouse_views import WarehouseViews
    from databricks_forwarder.model import TableName

__all__ = ["WarehouseTables"]

_CLUSTERED_ON = "_event_timestamp"


class WarehouseTables:
    """
    What columns tables have; asked once, and then remembered.

    Args:
        client: The workspace.
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

    def held(self, table: TableName) -> pa.Schema | None:
        """
        The columns of *table* as last seen; None if it was not, or not there.
        """
        return self._held.get(table)

    def survey(self, tables: Collection[TableName]) -> None:
        """
        Look at those of *tables* that were not seen yet.
        """
        unseen = [table for table in tables if self._held.get(table) is None]
        if unseen:
            self.look(unseen)

    def look(
        self, tables: Collection[TableName]
    ) -> Mapping[TableName, pa.Schema | None]:
        """
        Look at *tables* again; the columns of each, None for one that is not there.
        """
        return repeated(lambda: self._look(tables), self._client.clock)

    def preparation(
        self, table: TableName, schema: pa.Schema
    ) -> tuple[bool | None, CreateTable | AddColumns | None]:
        """
        Tell what `prepare` would run now for a table as last seen.

        Returns:
            Whether it is there, None if nobody has looked; and the statement, if
            there is anything to run.

        Raises:
            SetupError: A view has this name.
        """
        self._require_no_view(table)
        held = self._held.get(table)
        views = self._views
        comment = PLAIN if views is None else views.foreseen_comment()
        _, statement = self._step(table, held, schema, comment)
        return held is not None if table in self._held else None, statement

    def prepare(
        self, table: TableName, schema: pa.Schema, *, is_shown: bool = True
    ) -> None:
        """
        See that *table* is there and has at least the fields of *schema*.

        Args:
            table: The table.
            schema: What is about to be loaded into it.
            is_shown: Whether views learn of new columns at once.

        Raises:
            SetupError: A view has this name.
        """
        self._require_no_view(table)
        self._wanted[table] = schema
        held = self._held.get(table)
        if held is None or not covers(held, schema, table):
            repeated(
                lambda: self._widen(table, schema, is_shown=is_shown),
                self._client.clock,
            )

    def prepare_anew(self, table: TableName) -> bool:
        """
        Prepare a table that changed since it was looked at, as it was wanted.

        Returns:
            Whether it was ever prepared; else nothing is done.
        """
        if table not in self._wanted:
            return False
        self._held.pop(table, None)
        self.prepare(table, self._wanted[table])
        return True

    def is_made(self, table: TableName, schema: pa.Schema) -> bool:
        """
        Prepare a table, not shown by views yet; whether that was possible.
        """
        # Why not is told when it is prepared, where its rows depend on it.
        try:
            self.prepare(table, schema, is_shown=False)
        except ForwarderError:
            return False
        return True

    def _require_no_view(self, table: TableName) -> None:
        if self._views is not None and self._views.have(table):
            msg = (
                f"a view is called {self._client.table(table)}, so that no table can "
                "be; have the router name it otherwise, or drop the view and say "
                "maintain_views=False"
            )
            raise SetupError(msg)

    def _look(
        self, tables: Collection[TableName]
    ) -> Mapping[TableName, pa.Schema | None]:
        client = self._client
        statement = SelectColumns(
            client.settings.catalog_name, client.settings.schema_name, tables
        )
        columns: dict[str, list[pa.Field]] = {table: [] for table in tables}
        for table, column, type_ in self._run(statement):
            columns[table].append(pa.field(column, told_type(type_)))
        seen = {
            table: pa.schema(columns[table]) if columns[table] else None
            for table in tables
        }
        self._held.update(seen)
        return seen

    def _widen(self, table: TableName, schema: pa.Schema, *, is_shown: bool) -> None:
        if table not in self._held:
            self._look([table])
        held = self._held.pop(table, None)
        views = self._views if held is None else None
        # It may have to be asked for.
        comment = PLAIN if views is None else views.table_comment()
        grown, statement = self._step(table, held, schema, comment)
        if isinstance(statement, CreateTable):
            self._create(table, statement)
        elif statement is not None:
            self._run(statement)
        self._held[table] = grown
        is_new = held is None or not grown.equals(held)
        if self._views is not None and is_shown and is_new:
            self._views.grown(table, grown)

    def _step(
        self,
        table: TableName,
        held: pa.Schema | None,
        schema: pa.Schema,
        comment: str,
    ) -> tuple[pa.Schema, CreateTable | AddColumns | None]:
        """
        All columns that a table is to have, and what gives it those it has not.
        """
        name = self._client.table(table)
        grown = widened(held or pa.schema([]), schema, table)
        if held is not None:
            new = added(held, grown, table)
            return grown, AddColumns(name, new) if new else None
        statement = CreateTable(
            table=name,
            columns=grown,
            comments=column_comments(),
            comment=comment,
            cluster_by=_CLUSTERED_ON if _CLUSTERED_ON in grown.names else None,
        )
        return grown, statement

    def _create(self, table: TableName, statement: CreateTable) -> None:
        name = statement.table
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

    def _run(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        return self._client.warehouse.run(statement.to_sql())
