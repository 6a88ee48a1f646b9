"""
The tables and views of a schema in a workspace, as its catalog tells of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa

from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder._databricks.types import to_sql_type, told_type
from databricks_forwarder._databricks.view_statements import (
    SEPARATOR,
    SelectRelations,
    SelectTypes,
)
from databricks_forwarder._table_columns import MARKS
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Statement

__all__ = ["LOOK_SECONDS", "PLAIN", "SHOWN", "Relation", "Relations"]

LOOK_SECONDS = 60.0
"""How long the catalog may take over a view, while rows wait for it."""

PLAIN = "Events forwarded from mParticle, one row each."
"""What a table says of itself where there are no views."""

SHOWN = f"{PLAIN} The schema's views show it."
"""What it says where there are."""


@attrs.frozen
class Relation:
    """
    A table or view.

    Attributes:
        definition: A view's query; None if somebody else owns it.
    """

    name: TableName
    type: str
    owner: str
    comment: str | None
    definition: str | None

    @property
    def is_view(self) -> bool:
        """
        Whether it has no rows of its own.
        """
        return self.type.endswith("VIEW")


class Relations:
    """
    What there is in a client's schema; columns are asked for once.
    """

    def __init__(self, client: DatabricksClient) -> None:
        self._client = client
        self._schemas: dict[TableName, pa.Schema] = {}

    def know(self, table: TableName, schema: pa.Schema) -> None:
        """
        Take note of the columns that a table has now.
        """
        self._schemas[table] = schema

    def look(self) -> Mapping[TableName, Relation]:
        """
        All that there is now, by name.
        """
        settings = self._client.settings
        statement = SelectRelations(settings.catalog_name, settings.schema_name)
        found = (Relation(*row) for row in self._run(statement))
        return {each.name: each for each in found}

    def tables_of_events(
        self, found: Mapping[TableName, Relation]
    ) -> Mapping[TableName, pa.Schema]:
        """
        The tables that events are loaded into, with their columns.

        A table is one by what it says of itself, or by who made it, and by its
        columns: so a copy that somebody made of one is none. Columns of types
        that are not written here are others' additions, and left out.
        """
        names = [name for name, each in found.items() if self._is_ours(each)]
        if not self._schemas.keys() >= set(names):
            # What is made here meanwhile is known better than by this look.
            for name, schema in self._look_at_columns().items():
                self._schemas.setdefault(name, schema)
        held = {name: _known(self._schemas.get(name, ())) for name in names}
        return {name: each for name, each in held.items() if set(each.names) >= MARKS}

    def _is_ours(self, each: Relation) -> bool:
        is_made_here = each.owner == self._client.settings.client_id
        says_so = (each.comment or "").startswith(PLAIN)
        return not each.is_view and (says_so or is_made_here)

    def _look_at_columns(self) -> dict[TableName, pa.Schema]:
        settings = self._client.settings
        fields: dict[TableName, list[pa.Field]] = {}
        statement = SelectTypes(settings.catalog_name, settings.schema_name)
        for column, type_, tables in self._run(statement):
            field = pa.field(column, told_type(type_))
            for table in tables.split(SEPARATOR):
                fields.setdefault(TableName(table), []).append(field)
        return {table: pa.schema(each) for table, each in fields.items()}

    def _run(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        client = self._client
        sql = statement.to_sql()
        return repeated(
            lambda: client.warehouse.run(sql, seconds=LOOK_SECONDS), client.clock
        )


def _known(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field for field in schema if _is_known(field.type)])


def _is_known(type_: pa.DataType) -> bool:
    try:
        return bool(to_sql_type(type_))
    except KeyError:
        return False
