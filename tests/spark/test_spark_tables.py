"""
Rows through Spark lie in the same tables as through the walk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pytest
from local_spark import NEEDS_SPARK, put_payloads, spark_tables
from streams import AT, Walked, compared, stream, walked
from walking import batch, custom

from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import Account, EventKey, Table, TableName
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.spark import (
    FolderTables,
    SparkLoad,
    SparkLoadReport,
    SparkTables,
    event_rows,
    write_tables,
)

pytestmark = NEEDS_SPARK

THRESHOLD = 30


@attrs.define
class Lake:
    """
    Folders for one query.
    """

    folder: Path
    reports: list[SparkLoadReport] = attrs.field(factory=list)

    @property
    def tables(self) -> FolderTables:
        """
        Its tables, in Parquet.
        """
        return FolderTables(str(self.folder / "tables"), "parquet")

    def router(self) -> Any:
        """
        The default router, with counts of its own.
        """
        counts = MemoryEventCounts()
        return default_router(counts, schema_name="shop", events_threshold=THRESHOLD)

    def writing(self, router: Any = None, **settings: Any) -> Any:
        """
        Make the function for ``foreachBatch``.
        """
        return write_tables(
            router or self.router(),
            settings.pop("tables", self.tables),
            str(self.folder / "notes"),
            schema_name="shop",
            observe=self.reports.append,
            **settings,
        )

    def run(self, rows: Any, writing: Any) -> str:
        """
        Run a streaming query until its source is read; give its id.
        """
        query = (
            rows.writeStream.foreachBatch(writing)
            .option("checkpointLocation", str(self.folder / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
        return str(query.id)

    def read(self, schemas: Mapping[str, pa.Schema]) -> dict[str, pa.Table]:
        """
        Read what was written.
        """
        return spark_tables(self.folder / "tables", schemas)


@pytest.fixture(name="lake")
def _lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def payload_stream(spark: Any, folder: Path) -> Any:
    """
    Read files of payloads, one a micro-batch.
    """
    return (
        spark.readStream.schema("value BINARY, at TIMESTAMP, place BIGINT")
        .option("maxFilesPerTrigger", 1)
        .parquet(str(folder))
    )


def schemas_of(truth: Walked) -> dict[str, pa.Schema]:
    """
    The columns of the walk's tables.
    """
    return {name: table.schema for name, table in truth.tables.items()}


def test_tables_are_those_of_the_walk(spark: Any, lake: Lake) -> None:
    """
    Three micro-batches make the tables of three loads: all rows, all columns.
    """
    payloads = stream(150)
    groups = [payloads[0::3], payloads[1::3], payloads[2::3]]
    truth = walked(groups, lake.folder / "walk", events_threshold=THRESHOLD)
    source = lake.folder / "source"
    put_payloads(source, groups, truth.offsets, truth.received_at)
    rows = event_rows(
        payload_stream(spark, source), received_at="at", offset="place"
    )
    query_id = lake.run(rows, lake.writing())
    tables = lake.read(schemas_of(truth))
    letters = tables.pop("shop_deadletters")

    assert len(truth.tables) > 5
    assert truth.tables.keys() == tables.keys()
    for name, table in truth.tables.items():
        assert compared(table) == compared(tables[TableName(name)]), name
        assert {f"{query_id}-{number}" for number in range(3)} >= set(
            tables[TableName(name)]["_load_id"].to_pylist()
        )
    assert truth.reasons == sorted(letters["reason"].to_pylist())
    assert truth.account.loaded == sum(each.account.loaded for each in lake.reports)
    assert all(each.account.is_balanced for each in lake.reports)
