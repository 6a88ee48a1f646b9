"""
S12: payloads → typed Parquet tables by Spark in local mode, beside the walk.

Both read the same file of payloads, route by the threshold, and write one folder
or file a table. No target: it is told where Spark begins to pay.

* Spark: local mode on two cores, which are two Python workers and the JVM; rows
  are kept between counting and writing; four tables are written at once. Starting
  Spark is not counted, nor is a first run of the same size: a query lives long, and
  the JVM compiles what it runs while it runs.
* Processor time counts all that takes part: the driver, the JVM, the workers.
  It says what a cluster costs, also on a machine that does more besides.
* The walk: one process, as in S1: payloads wait in memory, nobody loads the files.
* Two hosts: two such processes at once, each with half the payloads, as hosts side
  by side would have it: what two cores do without Spark.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks._figures import Outcome, figure, missing
from benchmarks._hosts import EVENTS_THRESHOLD, SCHEMA_NAME, lines, seconds_of
from benchmarks._inputs import Input, clean
from benchmarks._running import Bench, in_rounds
from benchmarks.parquet import to_parquet

__all__ = ["by_spark", "measure"]

_ROWS = ("S12.walk", "S12.hosts", "S12.cpu")
_WHY = "PySpark is not installed: nox -s spark brings it"


def measure(bench: Bench) -> Outcome:
    """
    Measure, all three in turn.
    """
    if find_spec("pyspark") is None:
        return Outcome([missing(row, _WHY) for row in _ROWS])
    source = clean(bench, bench.size(20_000, 40))
    halves = bench.once(f"halves of {source.path}", partial(_halves, source))
    contenders: list[Callable[[], dict[str, Any]]] = [
        partial(_spark, bench, source),
        partial(_walk, bench, source),
        partial(_hosts, bench, halves),
    ]
    rounds = in_rounds(bench.rounds(3), *contenders)
    note = f"{rounds[0][0]['tables']} tables"
    return Outcome(
        [
            _told("S12.walk", rounds, 1, note),
            _told("S12.hosts", rounds, 2, ""),
            figure("S12.cpu", [(_cost(each[0]), _cost(each[1])) for each in rounds]),
        ]
    )


def _told(row: str, rounds: list[Any], place: int, note: str) -> dict[str, Any]:
    events = [rounds[0][0]["events"], rounds[0][place]["events"]]
    paces = [(_pace(each[0]), _pace(each[place])) for each in rounds]
    return figure(row, paces, events=events, note=note)


def _pace(came: dict[str, Any]) -> float:
    return float(came["events"] / came["seconds"])


def _cost(came: dict[str, Any]) -> float:
    return float(1e6 * came["cpu_seconds"] / came["events"])


def _halves(source: Input) -> list[Input]:
    return [
        Input(
            source.path.with_name(f"half-{first}-{source.path.name}"),
            islice(lines(source.path), first, None, 2),
        )
        for first in (0, 1)
    ]


def _spark(bench: Bench, source: Input) -> dict[str, Any]:
    place = bench.place()
    return bench.ours(by_spark, cores=2, source=source.path, folder=place)


def _walk(bench: Bench, source: Input) -> dict[str, Any]:
    place = bench.place()
    return bench.ours(to_parquet, few=source.few, source=source.path, folder=place)


def _hosts(bench: Bench, halves: list[Input]) -> dict[str, Any]:
    with ThreadPoolExecutor(len(halves)) as hosts:
        came = list(hosts.map(partial(_walk, bench), halves))
    return {
        "events": sum(each["events"] for each in came),
        "seconds": max(each["seconds"] for each in came),
    }


def by_spark(source: str, folder: str) -> dict[str, Any]:
    """
    Spark's, in a process of its own: warmed by all payloads, then measured.
    """
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.parquet.compression.codec", "zstd")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    # A file of lines is cut for both cores whatever its size.
    payloads = spark.read.text(source).repartition(2)
    for name in ("warm", "all"):
        came = _one_batch(payloads, Path(folder) / name)
    spark.stop()
    return came


def _one_batch(payloads: Any, folder: Path) -> dict[str, Any]:
    from databricks_forwarder.counts.memory import MemoryEventCounts
    from databricks_forwarder.routers.default import default_router
    from databricks_forwarder.spark import FolderTables, event_rows, write_tables

    router = default_router(
        MemoryEventCounts(),
        schema_name=SCHEMA_NAME,
        events_threshold=EVENTS_THRESHOLD,
    )
    reports: list[Any] = []
    write = write_tables(
        router,
        FolderTables(str(folder / "tables"), "parquet"),
        str(folder / "notes"),
        schema_name=SCHEMA_NAME,
        app_id="benchmark",
        observe=reports.append,
    )
    before = _family_seconds()
    seconds = seconds_of(lambda: write(event_rows(payloads), 0))
    (report,) = reports
    return {
        "seconds": seconds,
        "cpu_seconds": _family_seconds() - before,
        "events": report.account.loaded,
        "tables": len(report.tables),
    }


def _family_seconds() -> float:
    """
    Processor time of this process, of the JVM, and of the workers, which stay.
    """
    seconds: dict[int, float] = {}
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            _, _, rest = stat.read_text().rpartition(")")
            fields = rest.split()
            parents[int(stat.parent.name)] = int(fields[1])
            ticks = sum(map(int, fields[11:15]))
            seconds[int(stat.parent.name)] = ticks / os.sysconf("SC_CLK_TCK")
    family = {os.getpid()}
    while more := {pid for pid, up in parents.items() if up in family} - family:
        family |= more
    return sum(seconds[pid] for pid in family)
