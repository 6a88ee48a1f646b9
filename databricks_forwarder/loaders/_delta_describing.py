"""
What a load of a Delta table takes, told and not done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder.answers import Described
from databricks_forwarder.loaders._schemas import widened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType

    from databricks_forwarder.loaders._delta_tables import DeltaTables
    from databricks_forwarder.model import LoadId, StagedFile, TableName

__all__ = ["commit_told", "described", "new_columns", "schema_told"]


def described(
    tables: DeltaTables,
    engine: ModuleType,
    table: TableName,
    wanted: pa.Schema,
    commit: Sequence[str],
) -> Described:
    """
    Tell what makes a table, or widens it, and the commit after that.

    Args:
        tables: Those of the lake.
        engine: ``deltalake``.
        table: The table.
        wanted: Columns that it must have at least.
        commit: What `commit_told` tells.

    Raises:
        SchemaError: Table and rows can't agree.
        SetupError: Something else is in the table's place.
    """
    held = tables.held(table)
    grown = widened(held or pa.schema([]), wanted, table)
    return Described(
        is_there=held is not None,
        preparing=schema_told(engine, tables.path(table), held, grown),
        loading=commit,
    )


def new_columns(held: pa.Schema, grown: pa.Schema) -> pa.Schema:
    """
    The columns of *grown* that *held* has not, or not so wide.
    """
    known = set(held)
    return pa.schema(column for column in grown if column not in known)


def schema_told(
    engine: ModuleType, folder: Path, held: pa.Schema | None, grown: pa.Schema
) -> Sequence[str]:
    """
    Tell the schema that is written into the log, as the log has it.

    Args:
        engine: ``deltalake``.
        folder: Of the table.
        held: Its columns; None if it is not there.
        grown: All that it is to have.
    """
    new = grown if held is None else new_columns(held, grown)
    if not len(new):
        return ()
    doing = f"create table {folder}" if held is None else f"add columns to {folder}"
    return (f"{doing}\n{engine.Schema.from_arrow(new).to_json()}",)


def commit_told(
    folder: Path, load_id: LoadId, files: Sequence[StagedFile]
) -> Sequence[str]:
    """
    Tell the commit that makes *files* the table's own.
    """
    if not files:
        return ()
    row_count = sum(file.row_count for file in files)
    what = f"{len(files)} files of {row_count} rows"
    return (f"commit {what} to {folder}, as transaction {load_id}",)
