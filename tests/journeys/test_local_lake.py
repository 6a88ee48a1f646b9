"""
Batches through the command line into a lake, read back by two readers.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import duckdb
import duckdb_extension_delta
import pytest
from deltalake import DeltaTable

from databricks_forwarder._cli import main
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.testing.payloads import sample_paths

REAL_SAMPLES = Path(__file__).parents[3] / "shared" / "samples"


def read_by_delta_rs(path: Path) -> list[dict[str, Any]]:
    """
    All rows of a table as deltalake reads them.
    """
    rows = DeltaTable(path).to_pyarrow_table().to_pylist(maps_as_pydicts="strict")
    return sorted(rows, key=lambda row: (row["_offset"], row["_position"]))


def read_by_duckdb(path: Path) -> list[dict[str, Any]]:
    """
    All rows of a table as DuckDB's own reader of Delta tables reads them.
    """
    extension = Path(duckdb_extension_delta.__path__[0], "extensions")
    [file] = extension.glob(f"v{duckdb.__version__}/delta.duckdb_extension")
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"LOAD '{file}'")
        found = connection.sql(
            f"SELECT * FROM delta_scan('{path}') ORDER BY _offset, _position"
        )
        rows = found.to_arrow_table().to_pylist(maps_as_pydicts="strict")
    return list(rows)


def forwarded(lake: Path, files: list[Path], *options: str) -> dict[str, Any]:
    """
    Forward *files* into *lake*, all of them loaded, and give back the tables' rows.
    """
    assert 0 == main(["forward", *map(str, files), "--lake", str(lake), *options])
    loader = DeltaLoader(lake)
    return {table: loader.path(table) for table in loader.tables()}


def event_count(path: Path) -> int:
    """
    Rows that a file of one batch is worth.
    """
    return len(json.loads(path.read_bytes()).get("events") or [None])


@pytest.mark.skipif(
    not REAL_SAMPLES.is_dir() and os.environ.get("CI") != "true",
    reason="the real batches are not beside this checkout",
)
@pytest.mark.parametrize("threshold", ["1", "10000"])
def test_real_batches_read_the_same_by_two_readers(
    tmp_path: Path, threshold: str
) -> None:
    """
    Every real batch is in the lake, one row an event, for two readers alike.
    """
    files = sorted(REAL_SAMPLES.glob("*.json"))
    tables = forwarded(tmp_path / "lake", files, "--events-threshold", threshold)
    rows = {table: read_by_delta_rs(path) for table, path in tables.items()}

    assert sum(map(event_count, files)) == sum(map(len, rows.values())) > 0
    for table, path in tables.items():
        assert rows[table] == read_by_duckdb(path)


def test_shipped_samples_read_the_same_by_two_readers(tmp_path: Path) -> None:
    """
    The samples that are shipped come through whole, into tables of their own too.
    """
    tables = forwarded(tmp_path / "lake", sample_paths(), "--events-threshold", "100")
    rows = {table: read_by_delta_rs(path) for table, path in tables.items()}

    assert sum(map(len, rows.values())) >= 2000
    assert len(tables) >= 5
    for table, path in tables.items():
        assert rows[table] == read_by_duckdb(path)
