"""
The statements behind the Thrift calls that list what there is.

Source for the columns: observed with databricks-sql-connector 4.9.0; Java,
``java.sql.DatabaseMetaData``, whose names they have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STATEMENTS"]


def _catalogs(_: Any, __: str) -> str:
    return "SHOW CATALOGS"


def _schemas(req: Any, catalog: str) -> str:
    columns = {"schema_name": "TABLE_SCHEM", "catalog_name": "TABLE_CATALOG"}
    wanted = {"schema_name": req.schemaName}
    return _select(columns, f"{_schema(req, catalog)}.schemata", wanted)


def _tables(req: Any, catalog: str) -> str:
    columns = _TABLE | {"table_type": "TABLE_TYPE", "comment": "REMARKS"}
    wanted = {"table_schema": req.schemaName, "table_name": req.tableName}
    return _select(columns, f"{_schema(req, catalog)}.tables", wanted)


def _columns(req: Any, catalog: str) -> str:
    columns = _TABLE | {
        "ordinal_position": "ORDINAL_POSITION",
        "column_name": "COLUMN_NAME",
        "full_data_type": "TYPE_NAME",
        "comment": "REMARKS",
    }
    wanted = {
        "table_schema": req.schemaName,
        "table_name": req.tableName,
        "column_name": req.columnName,
    }
    return _select(columns, f"{_schema(req, catalog)}.columns", wanted)


STATEMENTS: dict[str, Callable[[Any, str], str]] = {
    "GetCatalogs": _catalogs,
    "GetSchemas": _schemas,
    "GetTables": _tables,
    "GetColumns": _columns,
}
"""Name of the call → its request and the session's catalog → the statement."""

_TABLE = {
    "table_catalog": "TABLE_CAT",
    "table_schema": "TABLE_SCHEM",
    "table_name": "TABLE_NAME",
}


def _select(columns: dict[str, str], source: str, wanted: dict[str, str | None]) -> str:
    """
    A query of some columns under other names, sorted by the first four of them.

    Args:
        columns: Name → name in the result.
        source: Where from.
        wanted: Column → pattern of ``LIKE``; None for all.
    """
    shown = ", ".join(f"{name} AS {alias}" for name, alias in columns.items())
    patterns = [
        f"{column} LIKE {_literal(pattern)}"
        for column, pattern in wanted.items()
        if pattern
    ]
    sorted_by = ", ".join(map(str, range(1, min(4, len(columns)) + 1)))
    where = ["WHERE", " AND ".join(patterns)] if patterns else []
    return " ".join(["SELECT", shown, "FROM", source, *where, "ORDER BY", sorted_by])


def _schema(req: Any, catalog: str) -> str:
    name = (req.catalogName or catalog).replace("`", "``")
    return f"`{name}`.information_schema"


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
