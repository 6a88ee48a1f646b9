"""
One life of a streaming query: ``spark_life.py FOLDER [MICRO-BATCH:POINT]``.

At the point it says so, and waits to be killed. Counts, tables, notes and
checkpoint are in the folder, and outlive it.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from local_spark import local_session

from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.model import EventKey, LoadId, Table, TableName
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.spark import (
    FolderTables,
    SparkLoad,
    event_rows,
    write_tables,
)

THRESHOLD = 10


@attrs.define
class Life:
    """
    Where in its micro-batches a life is, and where it is to end.
    """

    end: str | None
    version: int = 0
    appended: int = 0

    def reach(self, point: str) -> None:
        """
        Wait for the end, if it is here.
        """
        if f"{self.version}:{point}" == self.end:
            print("reached", flush=True)
            sys.stdin.read()


@attrs.frozen
class Tables:
    """
    Tables in folders, before each of which a life may end.
    """

    life: Life
    tables: FolderTables

    def append(self, table: TableName, rows: Any, load: SparkLoad, /) -> None:
        """
        Append.
        """
        self.life.appended += 1
        self.life.reach(f"table {self.life.appended}")
        self.tables.append(table, rows, load)


@attrs.frozen
class Router:
    """
    A router around whose calls a life may end.
    """

    life: Life
    router: Any

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Route; the answer is not kept yet.
        """
        routes: Mapping[EventKey, Table | None] = self.router.route(counts, at=at)
        self.life.reach("routed")
        return routes

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        """
        Learn; Spark does not know yet that the micro-batch is done.
        """
        self.life.reach("written")
        self.router.loaded(load_id, counts, at=at)
        self.life.reach("learnt")


def main(folder: Path, end: str | None) -> None:
    """
    Read the source to its end.
    """
    warnings.simplefilter("ignore")
    spark = local_session(folder)
    life = Life(end)
    payloads = (
        spark.readStream.schema("value BINARY, at TIMESTAMP, place BIGINT")
        .option("maxFilesPerTrigger", 1)
        .parquet(str(folder / "source"))
    )
    with closing(SqliteEventCounts(folder / "counts.db")) as counts:
        router = default_router(counts, schema_name="shop", events_threshold=THRESHOLD)
        write = write_tables(
            Router(life, router),
            Tables(life, FolderTables(str(folder / "tables"), "parquet")),
            str(folder / "notes"),
            schema_name="shop",
            breadth=1,
        )

        def carry(rows: Any, version: int) -> None:
            life.version, life.appended = version, 0
            write(rows, version)

        query = (
            event_rows(payloads, received_at="at", offset="place")
            .writeStream.foreachBatch(carry)
            .option("checkpointLocation", str(folder / "checkpoint"))
            .trigger(availableNow=True)
            .start()
        )
        query.awaitTermination()
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
