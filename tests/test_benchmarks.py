"""
The benchmarks run; what they measure is for a quiet machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
WALK = BENCHMARKS / "walk.py"


def test_the_walk_is_measured_beside_its_peer(tmp_path: Path) -> None:
    """
    All contenders see the same events, and each has its figures.
    """
    figures = tmp_path / "figures.json"
    command = [sys.executable, str(WALK), "--batches", "20", "--repeat", "1"]
    done = subprocess.run(
        [*command, "--json", str(figures)], check=True, capture_output=True, text=True
    )
    told = json.loads(figures.read_text(encoding="utf-8"))

    assert {"parquet", "delta", "duckdb"} == set(told)
    assert 1 == len({each["events"] for each in told.values()})
    assert all(each["seconds"] > 0 for each in told.values())
    assert all(name in done.stdout for name in told)


def test_a_load_into_a_workspace_is_measured_by_its_statements(tmp_path: Path) -> None:
    """
    One look for all new tables, one CREATE and one COPY INTO each; then one each.
    """
    figures = tmp_path / "figures.json"
    command = [sys.executable, str(BENCHMARKS / "warehouse.py"), "--batches", "20"]
    options = ["--tables", "5", "--milliseconds", "0", "--json", str(figures)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    first, second = json.loads(figures.read_text(encoding="utf-8"))[-2:]

    assert {
        "CREATE VOLUME": 1,
        "SELECT TABLE_NAME": 1,
        "CREATE TABLE": 5,
        "COPY INTO": 5,
    } == first["statements"]
    assert {"COPY INTO": 5} == second["statements"]
