"""
The walk, measured: payload → Parquet, payload → Delta, beside DuckDB.

Every contender runs in a process of its own, on the same file of batches, one
after another, after one small run that is not counted, and is told by its wall time
and by its peak memory above what it had before::

    python benchmarks/walk.py                    # 20 000 batches, about 100 000 events
    python benchmarks/walk.py --batches 2000 --repeat 1
    python benchmarks/walk.py --json figures.json

Contenders:

* ``parquet``: count the event keys, ask the threshold router, decode, build
  columns, write one Parquet file a table (zstd 1).
* ``delta``: the whole walk: a durable submit of 500 batches at a time into a
  SQLite spool, then one load into Delta tables on the local disk.
* ``duckdb``: one thread, ``read_json`` with all columns typed, ``unnest`` of the
  events, ``COPY`` to one Parquet file (zstd 1). Not its: routing, tables by
  event, rescue of what does not fit (one odd value fails the statement).
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

CONTENDERS = ("parquet", "delta", "duckdb")
EVENTS_THRESHOLD = 500


def main() -> int:
    options = _options()
    if options.only:
        print(json.dumps(_measured(options.only, Path(options.input))))
        return 0
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        source = Path(folder) / "batches.ndjson"
        _write_workload(source, options.batches)
        figures = {name: _best_of(name, source, options.repeat) for name in CONTENDERS}
    _print_table(figures)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--batches", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3, help="the median is told")
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--only", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--input", help=argparse.SUPPRESS)
    return parser.parse_args()


def _write_workload(path: Path, batch_count: int) -> None:
    from databricks_forwarder.testing.workload import workload

    with path.open("wb") as file:
        file.writelines(payload + b"\n" for payload in workload(batch_count))


def _best_of(name: str, source: Path, repeat: int) -> dict[str, Any]:
    runs = [_run(name, source) for _ in range(repeat)]
    return {
        "events": runs[0]["events"],
        "seconds": statistics.median(run["seconds"] for run in runs),
        "peak_mb": statistics.median(run["peak_mb"] for run in runs),
        "note": runs[0]["note"],
    }


def _run(name: str, source: Path) -> dict[str, Any]:
    command = [sys.executable, __file__, "--only", name, "--input", str(source)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


def _measured(name: str, source: Path) -> dict[str, Any]:
    prepare = {"parquet": _to_parquet, "delta": _to_delta, "duckdb": _duckdb}[name]
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        # Engines and their helpers are imported and set up by a first small run.
        few = Path(folder) / "few.ndjson"
        few.write_bytes(b"\n".join(islice(_lines(source), 20)) + b"\n")
        for path in (few, source):
            place = Path(folder) / path.stem
            place.mkdir()
            run = prepare(path, place)
            before = _peak_mb()
            begin = time.perf_counter()
            events, note = run()
            seconds = time.perf_counter() - begin
            peak = _peak_mb() - before
    return {"events": events, "seconds": seconds, "peak_mb": peak, "note": note}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _lines(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def _to_parquet(source: Path, folder: Path) -> Callable[[], tuple[int, str]]:
    from databricks_forwarder._chunks import count_keys, write_rows
    from databricks_forwarder._door import admit
    from databricks_forwarder._parquet import TableFiles
    from databricks_forwarder._routes import ask
    from databricks_forwarder.counts.memory import MemoryEventCounts
    from databricks_forwarder.model import (
        Lease,
        LoadId,
        Offset,
        OffsetRange,
        Record,
        Table,
        TableName,
    )
    from databricks_forwarder.mparticle.keys import KeyMaker
    from databricks_forwarder.routers.default import default_router

    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    records = [
        Record(
            offset=Offset(offset),
            received_at=at,
            message_count=admit(line, 2**23).message_count,
            payload=line,
        )
        for offset, line in enumerate(_lines(source))
    ]
    lease = Lease(
        load_id=LoadId(f"0123456789ab-0-{len(records) - 1}"),
        offsets=OffsetRange(Offset(0), Offset(len(records) - 1)),
        message_count=sum(record.message_count for record in records),
        attempt=1,
        notes={},
        records=records,
    )
    common = Table(TableName("mparticle_otherevents"))
    router = default_router(
        MemoryEventCounts(), schema_name="mparticle", events_threshold=EVENTS_THRESHOLD
    )

    def run() -> tuple[int, str]:
        keys = KeyMaker()
        routes = ask(router, count_keys(lease, keys), common, at=at)
        files = TableFiles(folder, lease.load_id)
        tally = write_rows(lease, keys, routes, common, files, beat=lambda: None)
        made = files.finish()
        size = sum(file.size_bytes for file in made) / 1e6
        return sum(tally.counts.values()), f"{len(made)} files, {size:.1f} MB"

    return run


def _to_delta(source: Path, folder: Path) -> Callable[[], tuple[int, str]]:
    from databricks_forwarder import Forwarder
    from databricks_forwarder.settings import UploadPolicy

    forwarder = Forwarder.for_lake(
        folder / "lake",
        spool=folder / "spool.db",
        events_threshold=EVENTS_THRESHOLD,
        policy=UploadPolicy(max_messages=10**9),
    )

    def run() -> tuple[int, str]:
        lines = _lines(source)
        submitting = time.perf_counter()
        while group := list(islice(lines, 500)):
            forwarder.submit_many(group)
        submitting = time.perf_counter() - submitting
        reports = forwarder.flush()
        loaded = sum(report.account.loaded for report in reports)
        tables = sum(len(report.tables) for report in reports)
        forwarder.close()
        return loaded, f"{tables} tables, of it submitting {submitting:.2f} s"

    return run


def _duckdb(source: Path, folder: Path) -> Callable[[], tuple[int, str]]:
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    target = folder / "events.parquet"
    columns, selected = _duckdb_columns()
    statement = (
        f"COPY (SELECT {selected}, unnest(events, max_depth := 1) AS event "
        f"FROM read_json('{source}', format = 'newline_delimited', "
        f"columns = {columns})) "
        f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )

    def run() -> tuple[int, str]:
        (count,) = connection.execute(statement).fetchone()
        return count, f"1 file, {target.stat().st_size / 1e6:.1f} MB"

    return run


def _duckdb_columns() -> tuple[str, str]:
    """
    The same columns with the same types, in DuckDB's words.
    """
    from databricks_forwarder._rows import OWN_COLUMNS, schema_of

    own = {name for name, _, _ in OWN_COLUMNS} | {"_rescued_data", "data", "event_type"}
    schema = schema_of(None)
    batch = {
        field.name: _duckdb_type(field.type)
        for field in schema
        if field.name not in own
    }
    # Its JSON reader knows one form of identities only: the workload's.
    batch["user_identities"] = "MAP(VARCHAR, VARCHAR)"
    data = _duckdb_type(schema.field("data").type)
    events = f"STRUCT(event_type VARCHAR, data {data})[]"
    typed = ", ".join(
        f"{name}: '{type_}'" for name, type_ in {**batch, "events": events}.items()
    )
    return "{" + typed + "}", ", ".join(batch)


def _duckdb_type(type_: Any) -> str:
    import pyarrow as pa

    if pa.types.is_struct(type_):
        fields = ", ".join(
            f'"{field.name}" {_duckdb_type(field.type)}' for field in type_
        )
        return f"STRUCT({fields})"
    if pa.types.is_map(type_):
        return f"MAP(VARCHAR, {_duckdb_type(type_.item_type)})"
    if pa.types.is_list(type_):
        return f"{_duckdb_type(type_.value_type)}[]"
    names = {
        "string": "VARCHAR",
        "int64": "BIGINT",
        "double": "DOUBLE",
        "bool": "BOOLEAN",
    }
    return names[str(type_)]


def _print_table(figures: dict[str, dict[str, Any]]) -> None:
    peer = figures["duckdb"]
    print(
        f"Python {platform.python_version()}, pyarrow {version('pyarrow')}, "
        f"deltalake {version('deltalake')}, msgspec {version('msgspec')}, "
        f"duckdb {version('duckdb')}"
    )
    print(
        f"{'':10}{'events':>9}{'seconds':>9}{'events/s':>10}{'peak MB':>9}{'duckdb':>8}"
    )
    for name, each in figures.items():
        rate = each["events"] / each["seconds"]
        ratio = rate / (peer["events"] / peer["seconds"])
        print(
            f"{name:10}{each['events']:>9}{each['seconds']:>9.2f}{rate:>10.0f}"
            f"{each['peak_mb']:>9.0f}{ratio:>7.2f}x  {each['note']}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
