"""
Queries over several tables as if they were one.

The sides of a union go together by place, and structs only if they have the
same fields in the same order. So each side names its columns, and puts together
a struct that has fewer fields than another table's.

Sources: Databricks, "Set operators", "SQL data type rules" and "named_struct
function", read 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder._databricks.statements import identifier, literal
from databricks_forwarder._databricks.types import to_sql_type
from databricks_forwarder.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from databricks_forwarder._databricks.statements import Name

__all__ = ["all_rows", "shown"]


def all_rows(tables: Mapping[Name, pa.Schema], columns: pa.Schema) -> str:
    """
    A query of all rows of *tables*, with the same *columns*.

    Tables whose columns are alike are put together first, so that a query
    over hundreds of tables stays short.

    Args:
        tables: At least one, with the columns that it has.
        columns: What is shown: of each table all that it has, or more.

    Raises:
        SchemaError: A table's column can't be shown as *columns* wants it.
    """
    alike: dict[str, list[Name]] = {}
    schemas: dict[str, pa.Schema] = {}
    for table in sorted(tables, key=str):
        layout = _layout(tables[table])
        alike.setdefault(layout, []).append(table)
        schemas[layout] = tables[table]
    sides = []
    for layout in sorted(alike, key=lambda each: str(alike[each][0])):
        held = schemas[layout]
        names = _listed(identifier(name) for name in sorted(held.names))
        rows = _union(_plain(names, table) for table in alike[layout])
        sides.append(shown(f"(\n{rows}\n)", held, columns))
    return _union(sides)


def shown(rows: str, held: pa.Schema, columns: pa.Schema) -> str:
    """
    A query that shows *rows* with *columns*; what they lack is null.

    Args:
        rows: What stands behind FROM.
        held: The columns that the rows have.
        columns: The columns that are wanted, in their order.

    Raises:
        SchemaError: A column can't be shown so.
    """
    have = {field.name: field.type for field in held}
    terms = []
    for field in columns:
        name = identifier(field.name)
        term = _term(name, have.get(field.name), field.type)
        terms.append(term if term == name else f"{term} AS {name}")
    return f"SELECT {_listed(terms)}\nFROM {rows}"


def _term(path: str, held: pa.DataType | None, wanted: pa.DataType) -> str:
    if held is None:
        return f"CAST(NULL AS {to_sql_type(wanted)})"
    if to_sql_type(held) == to_sql_type(wanted):
        return path
    if not (pa.types.is_struct(held) and pa.types.is_struct(wanted)):
        msg = (
            f"column {path} can't be shown beside those of other tables: it is "
            f"{to_sql_type(held)[:80]}, theirs {to_sql_type(wanted)[:80]}"
        )
        raise SchemaError(msg)
    fields = {field.name: field.type for field in held}
    terms = _listed(
        f"{literal(field.name)}, "
        + _term(f"{path}.{identifier(field.name)}", fields.get(field.name), field.type)
        for field in wanted
    )
    return f"CASE WHEN {path} IS NULL THEN NULL ELSE named_struct({terms}) END"


def _plain(names: str, table: Name) -> str:
    return f"SELECT {names} FROM {table}"  # noqa: S608 (all quoted)


def _layout(schema: pa.Schema) -> str:
    return _listed(
        sorted(f"{field.name} {to_sql_type(field.type)}" for field in schema)
    )


def _union(queries: Iterable[str]) -> str:
    return "\nUNION ALL\n".join(queries)


def _listed(terms: Iterable[str]) -> str:
    return ", ".join(terms)
