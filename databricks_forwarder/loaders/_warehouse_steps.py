"""
What a load of a table takes, as statements; pure, whether they are run or told.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder._databricks.statements import (
    MAX_COPY_FILES,
    AddColumns,
    CopyInto,
    CreateTable,
)
from databricks_forwarder._table_columns import column_comments
from databricks_forwarder.answers import Described
from databricks_forwarder.loaders._schemas import added, widened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder.model import LoadId, StagedFile, TableName

__all__ = ["copies", "described", "preparation"]

_CLUSTERED_ON = "_event_timestamp"
_COMMENT = "Events forwarded from mParticle, one row each."


def preparation(
    client: DatabricksClient,
    table: TableName,
    held: pa.Schema | None,
    wanted: pa.Schema,
) -> tuple[pa.Schema, CreateTable | AddColumns | None]:
    """
    Tell what a table is to be, and what makes it so.

    Args:
        client: The workspace.
        table: Its name.
        held: Its columns; None if it is not there.
        wanted: Those that it must have at least.

    Returns:
        All its columns afterwards, and the statement; None if it has them.

    Raises:
        SchemaError: Table and rows can't agree.
    """
    grown = widened(held or pa.schema([]), wanted, table)
    if held is None:
        return grown, _creation(client, table, grown)
    new = added(held, grown, table)
    return grown, AddColumns(client.table(table), new) if new else None


def copies(
    client: DatabricksClient,
    load_id: LoadId,
    table: TableName,
    files: Sequence[StagedFile],
) -> Iterator[tuple[CopyInto, Sequence[StagedFile]]]:
    """
    Give the statements that load *files*, each with its own, up to a thousand.
    """
    for first in range(0, len(files), MAX_COPY_FILES):
        some = files[first : first + MAX_COPY_FILES]
        (folder,) = {str(PurePosixPath(file.uri).parent) for file in some}
        names = [PurePosixPath(file.uri).name for file in some]
        yield CopyInto(client.table(table), load_id, folder, names), some


def described(  # noqa: PLR0913  # what a load is, and what is known of its table
    client: DatabricksClient,
    load_id: LoadId,
    table: TableName,
    wanted: pa.Schema,
    files: Sequence[StagedFile],
    *,
    seen: Mapping[TableName, pa.Schema | None],
) -> Described:
    """
    Tell the statements of a load of one table.

    Args:
        client: The workspace.
        load_id: The load.
        table: Its name.
        wanted: Columns that it must have at least.
        files: What is to be loaded.
        seen: Tables that were looked at → their columns; None for one that is
            not there.
    """
    held = seen.get(table)
    _, statement = preparation(client, table, held, wanted)
    return Described(
        is_there=held is not None if table in seen else None,
        preparing=() if statement is None else (statement.to_sql(),),
        loading=tuple(
            copy.to_sql() for copy, _ in copies(client, load_id, table, files)
        ),
    )


def _creation(
    client: DatabricksClient, table: TableName, columns: pa.Schema
) -> CreateTable:
    return CreateTable(
        table=client.table(table),
        columns=columns,
        comments=column_comments(),
        comment=_COMMENT,
        cluster_by=_CLUSTERED_ON if _CLUSTERED_ON in columns.names else None,
    )
