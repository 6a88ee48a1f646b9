"""
Rows of a person in the tables of a schema: found, and deleted.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from databricks_forwarder._databricks.erasing import (
    DeletePlaces,
    SelectPlaces,
    SelectTables,
)
from databricks_forwarder._databricks.fates import MissingTableError
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder.erasure import Place
from databricks_forwarder.loaders._places import PLACED, some_places
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Statement
    from databricks_forwarder.mparticle.person import Person

__all__ = ["delete_places", "placed_tables", "places_in"]


def placed_tables(client: DatabricksClient) -> Sequence[TableName]:
    """
    The tables of the schema that have the columns to look for rows by.
    """
    settings = client.settings
    statement = SelectTables(settings.catalog_name, settings.schema_name, PLACED)
    return [TableName(name) for (name,) in _run(client, statement)]


def places_in(
    client: DatabricksClient, table: TableName, person: Person
) -> Sequence[Place]:
    """
    Find the rows of *person*; none in a table that was dropped meanwhile.
    """
    statement = SelectPlaces(client.table(table), person, secrets.token_hex(16))
    try:
        return [Place(*row) for row in _run(client, statement)]
    except MissingTableError:
        return []


def delete_places(
    client: DatabricksClient, table: TableName, places: Sequence[Place]
) -> Sequence[str]:
    """
    Delete the rows at *places*, and tell the marks of the statements.
    """
    marks = []
    for some in some_places(places):
        mark = f"erasure {secrets.token_hex(8)}"
        try:
            _run(client, DeletePlaces(client.table(table), some, mark))
        except MissingTableError:
            break
        marks.append(mark)
    return marks


def _run(client: DatabricksClient, statement: Statement) -> Sequence[tuple[Any, ...]]:
    return repeated(lambda: client.warehouse.run(statement.to_sql()), client.clock)
