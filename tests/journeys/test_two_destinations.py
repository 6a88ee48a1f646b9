"""
The same batches into a local lake and into a workspace: the same tables.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from schemas import new_schema, workspace

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.payloads import sample_batches, sample_paths
from databricks_forwarder.testing.workload import workload

REAL_SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
KEY = ("_offset", "_position")
# The spool's id is in it.
LOAD_ID = "_load_id"


def shipped() -> list[Any]:
    """
    All batches of the shipped samples.
    """
    return [batch for path in sample_paths() for batch in sample_batches(path)]


def real() -> list[Any]:
    """
    All real batches.
    """
    return [path.read_bytes() for path in sorted(REAL_SAMPLES.glob("*.json"))]


@contextmanager
def forwarders(
    folder: Path, settings: DatabricksSettings
) -> Iterator[tuple[Forwarder, Forwarder]]:
    """
    One into a lake and one into a workspace, with the same settings and time.
    """
    clock = FakeClock()
    with (
        Forwarder.for_lake(
            folder / "lake",
            spool=folder / "lake.db",
            schema_name=settings.schema_name,
            events_threshold=settings.events_threshold,
            clock=clock,
        ) as lake,
        Forwarder.for_databricks(
            settings,
            endpoint=workspace().endpoint,
            spool=folder / "workspace.db",
            clock=clock,
        ) as there,
    ):
        yield lake, there


def sorted_rows(table: pa.Table) -> pa.Table:
    """
    The rows of a table by offset and position, without what differs by spool.
    """
    order = [(name, "ascending") for name in KEY]
    return table.drop_columns([LOAD_ID]).sort_by(order).combine_chunks()


def lake_tables(folder: Path) -> dict[str, pa.Table]:
    """
    The tables of the lake.
    """
    return {
        path.parent.name: DeltaTable(path.parent).to_pyarrow_table()
        for path in folder.glob("*/_delta_log")
    }


def workspace_tables(settings: DatabricksSettings) -> dict[str, pa.Table]:
    """
    The event tables of the schema, asked for over SQL.
    """
    names = workspace().query(
        "SELECT table_name FROM main.information_schema.tables "
        f"WHERE table_schema = '{settings.schema_name}' AND table_type <> 'VIEW'"
    )
    return {
        name: workspace().query(f"SELECT * FROM main.{settings.schema_name}.`{name}`")
        for name in names.column("table_name").to_pylist()
        if not name.startswith("_forwarder_")
    }


@pytest.mark.parametrize(
    ("batches", "threshold"),
    [
        (shipped, 100),
        pytest.param(
            real,
            1,
            marks=pytest.mark.skipif(
                not REAL_SAMPLES.is_dir() and os.environ.get("CI") != "true",
                reason="the real batches are not beside this checkout",
            ),
        ),
    ],
)
def test_both_have_the_same_rows(tmp_path: Path, batches: Any, threshold: int) -> None:
    """
    Table by table, row by row and value by value both hold the same.
    """
    settings = attrs.evolve(new_schema(), events_threshold=threshold)
    payloads: Sequence[Any] = batches()
    with forwarders(tmp_path, settings) as both:
        for forwarder in both:
            forwarder.submit_many(payloads)
            forwarder.flush()
        accounts = [forwarder.status().account for forwarder in both]
    lake, there = lake_tables(tmp_path / "lake"), workspace_tables(settings)

    assert accounts[0] == accounts[1]
    assert accounts[0].loaded > 0
    assert set(lake) == set(there)
    for name, table in lake.items():
        found = sorted_rows(there[name])
        expected = sorted_rows(table)
        assert expected.column_names == found.column_names
        assert expected.to_pylist() == found.to_pylist()


def test_loads_add_up_in_both(tmp_path: Path) -> None:
    """
    Three loads of the same traffic leave the same tables in both.
    """
    settings = attrs.evolve(new_schema(), events_threshold=20)
    payloads = list(workload(60))
    with forwarders(tmp_path, settings) as both:
        for first in (0, 20, 40):
            for forwarder in both:
                forwarder.submit_many(payloads[first : first + 20])
                forwarder.flush()
    lake, there = lake_tables(tmp_path / "lake"), workspace_tables(settings)

    assert {name: table.num_rows for name, table in lake.items()} == {
        name: table.num_rows for name, table in there.items()
    }
    for name, table in lake.items():
        assert sorted_rows(table).to_pylist() == sorted_rows(there[name]).to_pylist()
