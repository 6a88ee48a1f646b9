"""
Tables that Spark appends to, each load once.

Sources: Databricks, "Enable idempotent writes across jobs" (a write whose
``txnVersion`` is not above the last one of its ``txnAppId`` is passed over),
read 2026-11-25; Apache Spark, `DataFrameWriter`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from databricks_forwarder._databricks.statements import Name
from databricks_forwarder.loaders._delta_files import folder_name
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, DataFrameWriter

    from databricks_forwarder._spark.loads import SparkLoad

__all__ = ["DeltaTables", "FolderTables", "SparkTables"]


class SparkTables(Protocol):
    """
    Where `write_tables` appends rows.
    """

    def append(self, table: TableName, rows: DataFrame, load: SparkLoad, /) -> None:
        """
        Have *rows* in *table* when it returns; again with one load is once.

        May be called for several tables at once.
        """


@attrs.frozen
class DeltaTables:
    """
    Delta tables of a schema in a catalog, made when they are not there.

    A load is told apart by ``txnAppId`` and ``txnVersion``: Delta passes over a
    write whose version the table has already. Columns that a table lacks are
    added (``mergeSchema``).
    """

    catalog_name: str
    schema_name: str

    def append(self, table: TableName, rows: DataFrame, load: SparkLoad, /) -> None:
        """
        Append *rows*, in one transaction.
        """
        name = Name(self.catalog_name, self.schema_name, table)
        _delta(rows, load).saveAsTable(str(name))


@attrs.frozen
class FolderTables:
    """
    A folder for each table, under a root that Spark can write.

    As ``delta`` each is a Delta table, and a load is told apart as in
    `DeltaTables`. In any other format the rows of a load lie in a folder of its
    own in the table's, which is written anew when the load is repeated: rows are
    there once when the load is done, but a reader may see half of one in between.

    Args:
        root: A path or URI.
        format: ``delta``, ``parquet``, or what else Spark can write.
    """

    root: str
    format: str = "delta"

    def append(self, table: TableName, rows: DataFrame, load: SparkLoad, /) -> None:
        """
        Append *rows* to the table's folder.
        """
        place = f"{self.root.rstrip('/')}/{folder_name(table)}"
        if self.format == "delta":
            _delta(rows, load).save(place)
        else:
            folder = f"{place}/{folder_name(TableName(load.id))}"
            rows.write.format(self.format).mode("overwrite").save(folder)


def _delta(rows: DataFrame, load: SparkLoad) -> DataFrameWriter:
    return (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", load.app_id)
        .option("txnVersion", str(load.version))
        .option("mergeSchema", "true")
    )
