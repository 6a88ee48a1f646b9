"""
dlt: payloads → one Delta table on the local disk.

``python dlt_delta.py ROAD FEW SOURCE COLUMNS FOLDER [NAME=VALUE ...]`` prints a
line of JSON. The run with few payloads warms the process and is not counted. Roads:

* ``items``: payloads are parsed (orjson), events are handed over as dictionaries
  with their batch's fields, in pages; nested objects become JSON text.
* ``arrow``: DuckDB reads and unnests the payloads into typed Arrow batches, which
  are handed over as they are.

What is given as ``NAME=VALUE`` are settings of dlt in its environment variables.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

_SETTINGS = {
    # Nobody is told of the run.
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "ERROR",
    # Files between the stages are written as they are: compressing costs time.
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "10000",
}
_PAGE = 2000


def main() -> None:
    """
    Run both, and print the figures of the second.
    """
    road, *paths = sys.argv[1:6]
    few, source, columns, folder = map(Path, paths)
    os.environ.update(_SETTINGS)
    for setting in sys.argv[6:]:
        name, _, value = setting.partition("=")
        os.environ[name] = value
    # All its own state goes with the folder.
    os.environ["DLT_DATA_DIR"] = str(folder / "dlt")
    os.environ["HOME"] = str(folder)
    tempfile.tempdir = str(folder)
    for name, path in (("warm", few), ("all", source)):
        typed = json.loads(columns.read_text(encoding="utf-8"))
        rows = _items(path) if road == "items" else _arrow(path, typed)
        seconds, events = _loaded(folder, name, rows)
    names = ("dlt", "deltalake", "pyarrow", "duckdb")
    versions = {each: version(each) for each in names}
    print(json.dumps({"seconds": seconds, "events": events, "versions": versions}))


def _loaded(folder: Path, name: str, rows: Iterator[Any]) -> tuple[float, int]:
    import dlt
    from deltalake import DeltaTable
    from dlt.destinations import filesystem

    lake = folder / f"lake-{name}"
    pipeline = dlt.pipeline(
        pipeline_name=f"beside_{name}",
        pipelines_dir=str(folder / "pipelines"),
        destination=filesystem(bucket_url=lake.as_uri()),
        dataset_name="events",
        progress=None,
    )
    resource = dlt.resource(
        rows,
        name="events",
        table_format="delta",
        write_disposition="append",
        max_table_nesting=0,
    )
    begin = time.perf_counter()
    pipeline.run(resource).raise_on_failed_jobs()
    seconds = time.perf_counter() - begin
    table = DeltaTable(str(lake / "events" / "events"))
    return seconds, table.to_pyarrow_dataset().count_rows()


def _items(source: Path) -> Iterator[list[dict[str, Any]]]:
    import orjson

    page: list[dict[str, Any]] = []
    with source.open("rb") as file:
        for line in file:
            batch = orjson.loads(line)
            page += [{**batch, **event} for event in batch.pop("events")]
            if len(page) >= _PAGE:
                yield page
                page = []
    if page:
        yield page


def _arrow(source: Path, typed: dict[str, str]) -> Iterator[Any]:
    import duckdb

    columns = ", ".join(f"{name}: '{type_}'" for name, type_ in typed.items())
    batch = ", ".join(name for name in typed if name != "events")
    relation: Any = duckdb.sql(
        f"SELECT {batch}, unnest(events, max_depth := 1) AS event "
        f"FROM read_json('{source}', format = 'newline_delimited', "
        f"columns = {{{columns}}})"
    )
    yield from relation.to_arrow_reader(50_000)


if __name__ == "__main__":
    main()
