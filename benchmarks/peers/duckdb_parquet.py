"""
DuckDB: payloads → one typed Parquet file, in one thread.

``python duckdb_parquet.py FEW SOURCE COLUMNS FOLDER`` prints a line of JSON. The
first file of payloads warms the process and is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb


def main() -> None:
    """
    Run both, and print the figures of the second.
    """
    few, source, columns, folder = map(Path, sys.argv[1:])
    connection = duckdb.connect(config={"threads": 1})
    for name, path in (("few", few), ("all", source)):
        typed = json.loads(columns.read_text(encoding="utf-8"))
        statement = _statement(path, typed, folder / f"{name}.parquet")
        begin = time.perf_counter()
        ((events,),) = connection.execute(statement).fetchall()
        seconds = time.perf_counter() - begin
    print(
        json.dumps(
            {
                "seconds": seconds,
                "events": events,
                "versions": {"duckdb": duckdb.__version__},
            }
        )
    )


def _statement(source: Path, typed: dict[str, str], target: Path) -> str:
    columns = ", ".join(f"{name}: '{type_}'" for name, type_ in typed.items())
    batch = ", ".join(name for name in typed if name != "events")
    return (
        f"COPY (SELECT {batch}, unnest(events, max_depth := 1) AS event "
        f"FROM read_json('{source}', format = 'newline_delimited', "
        f"columns = {{{columns}}})) "
        f"TO '{target}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )


if __name__ == "__main__":
    main()
