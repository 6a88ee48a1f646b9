"""
Rows through Spark lie in the same tables as through the walk.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pyarrow as pa
import pytest
from local_spark import NEEDS_SPARK, put_payloads, spark_tables
from streams import AT, Walked, compared, stream, walked
from walking import batch, custom

from databricks_forwarder._spark.frames import notes_at
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import Account, TableName
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.spark import (
    DeltaTables,
    FolderTables,
    SparkLoad,
    SparkLoadReport,
    SparkTables,
    event_rows,
    write_tables,
)

pytestmark = NEEDS_SPARK

THRESHOLD = 60

# With 20000 the stream has 100 000 events: `nox -s spark -- 20000`.
BATCHES = int(os.environ.get("SPARK_BATCHES", "60"))


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

    def sizes(self) -> dict[str, int]:
        """
        Count the rows of each table.
        """
        return {name: len(table) for name, table in self.read({}).items()}

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


def rows_of(spark: Any, payloads: Sequence[bytes], **settings: Any) -> Any:
    """
    Rows of payloads that are there, and not of a stream.
    """
    made = spark.createDataFrame([(payload,) for payload in payloads], "value BINARY")
    return event_rows(made, **settings)


@attrs.frozen
class Failing:
    """
    Tables of which one can't be written.
    """

    tables: SparkTables
    broken: str

    def append(self, table: TableName, rows: Any, load: SparkLoad, /) -> None:
        """
        Append, or fail.
        """
        if table == self.broken:
            raise RuntimeError("disk full")
        self.tables.append(table, rows, load)


def ids_of(table: pa.Table) -> list[str]:
    """
    The loads that brought rows of a table.
    """
    found: list[str] = table["_load_id"].unique().to_pylist()
    return found


def schemas_of(truth: Walked) -> dict[str, pa.Schema]:
    """
    The columns of the walk's tables.
    """
    return {name: table.schema for name, table in truth.tables.items()}


def test_tables_are_those_of_the_walk(spark: Any, lake: Lake) -> None:
    """
    Two micro-batches make the tables of two loads: all rows, all columns.
    """
    payloads = stream(BATCHES)
    groups = [payloads[0::2], payloads[1::2]]
    truth = walked(groups, lake.folder / "walk", events_threshold=THRESHOLD)
    source = lake.folder / "source"
    put_payloads(source, groups, truth.offsets, truth.received_at)
    rows = event_rows(payload_stream(spark, source), received_at="at", offset="place")
    query_id = lake.run(rows, lake.writing())
    tables = lake.read(schemas_of(truth))
    letters = tables.pop("shop_deadletters")

    assert truth.tables.keys() == tables.keys()
    assert 1 < len({table.schema.field("data").type for table in truth.tables.values()})
    for name, table in truth.tables.items():
        assert compared(table) == compared(tables[name]), name
    assert {f"{query_id}-0", f"{query_id}-1"} == {
        load_id for table in tables.values() for load_id in ids_of(table)
    }
    assert truth.reasons == sorted(letters["reason"].to_pylist())
    assert truth.account.loaded == sum(each.account.loaded for each in lake.reports)
    assert all(each.account.is_balanced for each in lake.reports)


def test_a_repeat_writes_nothing_new_whatever_the_router_has_learnt(
    spark: Any, lake: Lake
) -> None:
    """
    Routes are kept: a kind that was common stays so, though it has become frequent.
    """
    rows = rows_of(spark, [batch(*[custom("A")] * (THRESHOLD - 1))])
    write = lake.writing(app_id="app")
    write(rows, 0)
    write(rows, 0)

    assert {"shop_otherevents": THRESHOLD - 1} == lake.sizes()

    write(rows, 1)

    assert {
        "event_navigation_a": THRESHOLD - 1,
        "shop_otherevents": THRESHOLD - 1,
    } == lake.sizes()
    assert ["app-0", "app-0", "app-1"] == [each.load_id for each in lake.reports]


def test_a_table_that_fails_holds_up_no_other_and_is_written_in_the_end(
    spark: Any, lake: Lake
) -> None:
    """
    The others are written before the error is told; the repeat does what is left.
    """
    names = ("A", "B", "C")
    rows = rows_of(spark, [batch(*map(custom, names))])
    router = FunctionRouter(lambda key: str(key.event_name))
    failing = lake.writing(router, tables=Failing(lake.tables, "a"), app_id="app")
    with pytest.raises(RuntimeError, match="disk full"):
        failing(rows, 0)

    assert {"b": 1, "c": 1} == lake.sizes()
    assert [] == lake.reports

    lake.writing(router, app_id="app")(rows, 0)

    assert {"a": 1, "b": 1, "c": 1} == lake.sizes()


def test_what_is_dropped_and_what_is_dead_is_told(spark: Any, lake: Lake) -> None:
    """
    Each micro-batch has an account; a payload that is no batch is a row with its bytes.
    """
    rows = rows_of(spark, [batch(custom("A"), custom("B")), b"no JSON", b"7"])
    drop_a = FunctionRouter(
        lambda key: FunctionRouter.DROP if key.event_name == "A" else None
    )
    lake.writing(drop_a, app_id="app", is_kept=False, breadth=1)(rows, 3)
    (report,) = lake.reports
    letters = lake.read({})["shop_deadletters"].to_pylist()

    assert Account(received=4, loaded=1, dead=2, dropped=1) == report.account
    assert {"shop_deadletters": 2, "shop_otherevents": 1} == report.tables
    assert [("app-3", 1, b"7"), ("app-3", 1, b"no JSON")] == sorted(
        (letter["_load_id"], letter["message_count"], letter["payload"])
        for letter in letters
    )


def test_nothing_but_dead_letters_asks_no_router(spark: Any, lake: Lake) -> None:
    """
    A micro-batch without an event is carried, and so is one without a payload.
    """
    write = lake.writing(app_id="app")
    write(rows_of(spark, [b"7"]), 0)
    write(rows_of(spark, []), 1)

    assert {"shop_deadletters": 1} == lake.sizes()
    assert [{"shop_deadletters": 1}, {}] == [each.tables for each in lake.reports]


def test_text_is_read_as_bytes_are(spark: Any, lake: Lake) -> None:
    """
    A column of text is its UTF-8, and what a source does not say is null.
    """
    payloads = spark.createDataFrame([(batch(custom("Łódź")).decode(),)], "body STRING")
    lake.writing(app_id="app")(event_rows(payloads, payloads.body), 0)
    (row,) = lake.read({})["shop_otherevents"].to_pylist()

    assert "Łódź" == row["data"]["event_name"]
    assert None is row["_offset"]
    assert row["_received_at"] == row["_event_timestamp"]


def test_a_group_is_asked_for_on_executors(spark: Any, lake: Lake) -> None:
    """
    What the router's group says of a batch decides about its table.
    """
    payloads = [batch(custom("A"), mpid=7), batch(mpid=8)]
    # A function of this module would be looked for on the executors' own path.
    rows = rows_of(spark, payloads, group=lambda batch: f"tenant_{batch.mpid}")
    by_tenant = FunctionRouter(lambda key: key.group)
    lake.writing(by_tenant, app_id="app")(rows, 0)

    assert {"tenant_7": 1, "tenant_8": 1} == lake.sizes()


def test_the_moment_of_a_micro_batch_outlives_its_repeat(
    spark: Any, lake: Lake
) -> None:
    """
    Without a column for it, received is when Spark first began the micro-batch.
    """
    source = lake.folder / "source"
    put_payloads(source, [[batch(custom("A"))]], [None], AT)
    seen: list[datetime] = []

    def fail_once(rows: Any, _: int) -> None:
        seen.extend(row["_received_at"] for row in rows.collect())
        if len(seen) == 1:
            raise RuntimeError("killed")

    rows = event_rows(payload_stream(spark, source))
    with pytest.raises(Exception, match="killed"):
        lake.run(rows, fail_once)
    lake.run(rows, fail_once)

    assert 2 == len(seen)
    assert 1 == len(set(seen))


def test_without_a_streaming_query_an_app_id_is_asked_for(
    spark: Any, lake: Lake
) -> None:
    """
    The error says which argument tells it.
    """
    with pytest.raises(ConfigurationError, match="app_id"):
        lake.writing()(rows_of(spark, [batch()]), 0)


def test_notes_that_cannot_be_read_stop_the_query(spark: Any, lake: Lake) -> None:
    """
    Only a folder that is not there is taken for one in which nothing was kept.
    """
    write = write_tables(lake.router(), lake.tables, "nowhere://notes", app_id="app")

    with pytest.raises(Exception, match="nowhere"):
        write(rows_of(spark, [batch()]), 0)


def test_only_a_missing_folder_is_taken_for_no_note() -> None:
    """
    Another refusal of Spark's comes out as it is.
    """
    from pyspark.errors import AnalysisException  # noqa: PLC0415  # may not be there

    def refuse(_: str) -> Any:
        raise AnalysisException("no", errorClass="UNABLE_TO_INFER_SCHEMA")

    reader = SimpleNamespace(read=SimpleNamespace(text=refuse))
    with pytest.raises(AnalysisException):
        notes_at(SimpleNamespace(sparkSession=reader), "somewhere")  # type: ignore[arg-type]


def test_delta_tables_are_told_the_load(spark: Any, lake: Lake) -> None:
    """
    Delta's options name stream and micro-batch, in a catalog and in a folder.
    """
    rows = spark.range(1)
    load = SparkLoad("app", 7)
    writers = [
        (DeltaTables("main", "shop").append, "DELTA"),
        (FolderTables(str(lake.folder)).append, "DELTA"),
    ]
    for append, named in writers:
        with pytest.raises(Exception, match=f"(?i){named}"):
            append(TableName("events"), rows, load)
