"""
The rows that tables in a workspace hold, by load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._databricks.fates import MissingTableError
from databricks_forwarder._databricks.load_statements import CountRows
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder.loaders._each_table import of_each
from databricks_forwarder.model import RowCount

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder.model import LoadId, TableName

__all__ = ["counted"]


def counted(
    client: DatabricksClient,
    batcher_id: str,
    tables: Collection[TableName],
    *,
    breadth: int,
) -> Mapping[TableName, Mapping[LoadId, RowCount]]:
    """
    Count the rows of a batcher's loads; a table that is not there is left out.
    """
    counts = of_each(
        lambda table: _counted(client, batcher_id, table), tables, breadth=breadth
    )
    return {table: each for table, each in counts.items() if each is not None}


def _counted(
    client: DatabricksClient, batcher_id: str, table: TableName
) -> Mapping[LoadId, RowCount] | None:
    sql = CountRows(client.table(table), batcher_id).to_sql()
    try:
        rows = repeated(lambda: client.warehouse.run(sql), client.clock)
    except MissingTableError:
        return None
    return {load_id: RowCount(count, count - once) for load_id, count, once in rows}
