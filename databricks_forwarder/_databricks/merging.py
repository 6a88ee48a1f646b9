"""
How the tables are written that all hosts of a schema share: MERGE of a few rows.

Sources: Databricks, "MERGE INTO", "VALUES clause", "BIGINT type" and "DATE
type", read 2026-11-25.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from databricks_forwarder._databricks.statements import literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from databricks_forwarder._databricks.statements import Name

__all__ = ["guarded", "insert", "merge", "spelled"]


def guarded(
    table: Name,
    columns: Iterable[str],
    guard: Sequence[object],
    key: Sequence[str],
) -> str:
    """
    Insert the row *guard*, unless one with the same *key* is there.
    """
    on = " AND ".join(f"held.{name} = new.{name}" for name in key)
    return f"{merge(table, columns, [guard])}\nON {on}\n{insert(columns)}"


def merge(
    table: Name,
    columns: Iterable[str],
    rows: Iterable[Sequence[object]],
    only_if: str = "",
) -> str:
    """
    Begin a MERGE of *rows*, or of none unless *only_if* holds.
    """
    values = ",\n    ".join(f"({', '.join(map(spelled, row))})" for row in rows)
    condition = f"\n  WHERE {only_if}" if only_if else ""
    return (
        f"MERGE INTO {table} AS held\n"  # noqa: S608
        f"USING (\n  SELECT * FROM VALUES\n    {values}\n"
        f"  AS new ({', '.join(columns)}){condition}\n) AS new"
    )


def insert(columns: Iterable[str]) -> str:
    """
    The end of a MERGE that inserts the rows which are not there.
    """
    values = ", ".join(f"new.{name}" for name in columns)
    return f"WHEN NOT MATCHED THEN INSERT ({', '.join(columns)})\n  VALUES ({values})"  # noqa: S608


def spelled(value: object) -> str:
    """
    Spell a day, a number or a text.
    """
    if isinstance(value, date):
        return f"DATE'{value.isoformat()}'"
    return f"{value}L" if isinstance(value, int) else literal(str(value))
