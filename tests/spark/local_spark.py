"""
A Spark in this process, and the tables that it leaves.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

__all__ = ["NEEDS_SPARK", "local_session", "put_payloads", "spark_tables"]


def _missing() -> str:
    if find_spec("pyspark") is None:
        return "PySpark is not installed: nox -s spark brings it"
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        return "there is no Java, which Spark runs on"
    return ""


NEEDS_SPARK = [
    pytest.mark.skipif(bool(_missing()), reason=_missing() or "it is there"),
    # It asks for pandas, and rows never go through it.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas"),
]
"""The marks of tests with Spark."""


def local_session(folder: Path) -> Any:
    """
    Start Spark in local mode on two cores, in a time zone far from UTC.
    """
    from pyspark.sql import SparkSession  # noqa: PLC0415  # may not be there

    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        # A short life gains nothing by the second compiler, nor by threads that
        # collect garbage: it takes half the time without.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "America/New_York",
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    builder = SparkSession.builder.master("local[2]").appName("tests")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def put_payloads(
    folder: Path,
    groups: Sequence[Sequence[bytes]],
    offsets: Sequence[int | None],
    received_at: Any,
) -> None:
    """
    Lay each group of payloads into a file, in the order of time.
    """
    folder.mkdir()
    first = 0
    for number, group in enumerate(groups):
        last = first + len(group)
        table = pa.table(
            {
                "value": pa.array(group, pa.binary()),
                "at": pa.array([received_at] * len(group), pa.timestamp("us", "UTC")),
                "place": pa.array(offsets[first:last], pa.int64()),
            }
        )
        path = folder / f"{number:04d}.parquet"
        pq.write_table(table, path)
        # A stream of files reads the oldest first.
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))
        first = last


def spark_tables(root: Path, schemas: Mapping[str, pa.Schema]) -> dict[str, pa.Table]:
    """
    Read the tables that lie in folders with another reader than Spark.
    """
    return {
        folder.name: _read(folder, schemas.get(folder.name))
        for folder in sorted(root.iterdir())
    }


def _read(folder: Path, schema: pa.Schema | None) -> pa.Table:
    files = sorted(map(str, folder.glob("*/*.parquet")))
    tables = [ds.dataset(file, format="parquet").to_table() for file in files]
    if schema is not None:
        tables = [table.cast(schema) for table in tables]
    return pa.concat_tables(tables).combine_chunks()
