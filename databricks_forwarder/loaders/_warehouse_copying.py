"""
Files copied into a table by a SQL warehouse, each once.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from databricks_forwarder._databricks.fates import MissingPathError
from databricks_forwarder._databricks.load_statements import (
    MAX_COPY_FILES,
    CopyInto,
    CountLoad,
)
from databricks_forwarder.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Statement
    from databricks_forwarder.model import LoadId, StagedFile, TableName

__all__ = ["copied", "copy_of", "thousands"]


def thousands(files: Sequence[StagedFile]) -> Iterator[Sequence[StagedFile]]:
    """
    Part files into as many as one statement takes.
    """
    for first in range(0, len(files), MAX_COPY_FILES):
        yield files[first : first + MAX_COPY_FILES]


def copy_of(
    client: DatabricksClient,
    load_id: LoadId,
    table: TableName,
    files: Sequence[StagedFile],
) -> CopyInto:
    """
    Give the statement that loads *files*, at most a thousand.
    """
    (folder,) = {str(PurePosixPath(file.uri).parent) for file in files}
    names = [PurePosixPath(file.uri).name for file in files]
    return CopyInto(client.table(table), load_id, folder, names)


def copied(
    client: DatabricksClient,
    load_id: LoadId,
    table: TableName,
    files: Sequence[StagedFile],
    earlier_count: int,
) -> bool:
    """
    Load some files; whether the table held them already.

    Args:
        client: The workspace.
        load_id: The load.
        table: Where to.
        files: At most a thousand.
        earlier_count: Rows of the load's files before these.

    Raises:
        PermanentError: Other rows were put there than the files have.
    """

    def run(statement: Statement) -> Sequence[tuple[Any, ...]]:
        return client.warehouse.run(statement.to_sql())

    statement = copy_of(client, load_id, table, files)
    expected = sum(file.row_count for file in files)
    try:
        ((_, inserted, *_),) = run(statement)
    except MissingPathError:
        # Loaded and then removed, or never loaded: the rows tell.
        ((there,),) = run(CountLoad(statement.table, load_id))
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
