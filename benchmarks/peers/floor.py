"""
The floor: simdjson parses the payloads, pyarrow writes tables that are given.

``python floor.py FEW SOURCE TABLES FOLDER`` prints a line of JSON. Reading the
Parquet files of *TABLES* into memory is not counted, nor is the run with few
payloads that warms the process.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import simdjson


def main() -> None:
    """
    Parse and write twice, and print the figures of the second time.
    """
    few, source, tables_folder, folder = map(Path, sys.argv[1:])
    tables = [pq.read_table(path) for path in sorted(tables_folder.glob("*.parquet"))]
    for path, given in ((few, tables[:1]), (source, tables)):
        payloads = path.read_bytes().splitlines()
        begin = time.perf_counter()
        _parse(payloads)
        parsed = time.perf_counter()
        _write(given, folder)
        seconds = time.perf_counter() - begin
    print(
        json.dumps(
            {
                "seconds": seconds,
                "parse_seconds": parsed - begin,
                "events": sum(table.num_rows for table in tables),
                "versions": {
                    "pysimdjson": version("pysimdjson"),
                    "pyarrow": pa.__version__,
                },
            }
        )
    )


def _parse(payloads: list[bytes]) -> None:
    parser = simdjson.Parser()
    for payload in payloads:
        parser.parse(payload)


def _write(tables: list[pa.Table], folder: Path) -> None:
    for number, table in enumerate(tables):
        target = folder / f"{number}.parquet"
        pq.write_table(table, target, compression="zstd", compression_level=1)


if __name__ == "__main__":
    main()
