"""
The benchmarks run; what they measure is for a quiet machine.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks import _figures, _targets, run
from benchmarks._plots import plots

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/explanation/performance.md"
FIGURES = PAGE.with_suffix(".json")


def needs(module: str) -> Any:
    """
    Skip where a peer is not in the tests' environment.
    """
    session = "spark" if module == "pyspark" else "benchmarks"
    reason = f"{module} is in the environments of nox -s {session} alone"
    return pytest.mark.skipif(find_spec(module) is None, reason=reason)


IS_LINUX = Path("/proc/self/status").exists()
ON_LINUX = pytest.mark.skipif(not IS_LINUX, reason="told by Linux alone")
ON_TWO_CORES = pytest.mark.skipif(
    not IS_LINUX or len(os.sched_getaffinity(0)) < 2, reason="there are no two cores"
)

# What one run measures, and the rows that it must have figures of.
RUNS = [
    pytest.param("S1", ["S1.duckdb", "S1.door"], id="S1 beside DuckDB"),
    pytest.param("S1", ["S1.floor"], id="S1 beside the floor", marks=needs("simdjson")),
    pytest.param("S2", ["S2.dlt", "S2.arrow"], id="S2", marks=needs("dlt")),
    pytest.param("S3", ["S3"], id="S3", marks=ON_TWO_CORES),
    pytest.param("S4", ["S4.some", "S4.all"], id="S4"),
    pytest.param("S5", ["S5.one", "S5.threads", "S5.many"], id="S5"),
    pytest.param("S6", ["S6.p50", "S6.p99", "S6.pause"], id="S6"),
    pytest.param(
        "S7,S8",
        ["S7.load", "S7.routed", "S7.large", "S7.tables", "S8.events", "S8.table"],
        id="S7 and S8",
        marks=ON_LINUX,
    ),
    pytest.param("S9", ["S9.known", "S9.new"], id="S9"),
    pytest.param(
        "S10", ["S10.import", "S10.heavy", "S10.lake", "S10.workspace"], id="S10"
    ),
    pytest.param("S11", ["S11.new", "S11.known"], id="S11"),
    pytest.param(
        "S12", ["S12.walk", "S12.hosts", "S12.cpu"], id="S12", marks=needs("pyspark")
    ),
    pytest.param(
        "S13",
        ["S13.load", "S13.cpu", "S13.within", "S13.submit"],
        id="S13",
    ),
    pytest.param("loop", ["loop.pause", "loop.large", "loop.rate"], id="loop"),
    pytest.param("stages", [], id="stages"),
]

# Rows whose contenders see different things on purpose: other numbers of events, or
# as many payloads as their pace is measured with.
UNLIKE = {"S7.large", "S8.events", "S8.tables", "S5.threads"}


@pytest.mark.timeout(300)  # a dozen processes, each with its imports
@pytest.mark.parametrize(("only", "rows"), RUNS)
def test_each_measurement_has_its_figures(
    only: str, rows: list[str], tmp_path: Path
) -> None:
    """
    Contenders see the same events, and what is told is computed from the rounds.
    """
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--only", only]
    done = subprocess.run(
        [*command, "--json", str(figures)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    told = json.loads(figures.read_text(encoding="utf-8"))
    measured = _figures.values(told["figures"])

    assert all(name in done.stdout for name in ("Python", "pyarrow", "deltalake"))
    assert only == "stages" or only.split(",", maxsplit=1)[0] in done.stdout
    for row in rows:
        each = measured[row]
        ours = [mine for mine, _ in each["rounds"]]
        middle = max if _targets.ROWS[row].is_worst else statistics.median

        assert middle(ours) == each["ours"], row
        assert row in UNLIKE or len(set(each["events"])) <= 1, row
        assert each["other"] is None or each["ratio"] == expected_ratio(each), row
    if only == "stages":
        assert {"load", "write Parquet"} <= told["series"]["stages"]["seconds"].keys()


def expected_ratio(each: dict[str, Any]) -> float:
    """
    The middle of the ratios of a figure's rounds, or the worst.
    """
    is_reversed = each["told"] == "other / ours"
    ratios = [
        other / mine if is_reversed else mine / other for mine, other in each["rounds"]
    ]
    middle = max if _targets.ROWS[each["row"]].is_worst else statistics.median
    return middle(ratios)


def test_each_target_is_in_the_table() -> None:
    """
    Each of S1 to S11, S13 and loop has a row with a target; all have their names.
    """
    wanted = {f"S{number}" for number in (*range(1, 12), 13)}
    with_target = {row.id for row in _targets.ROWS.values() if row.target}

    assert wanted | {"loop"} == with_target
    assert wanted | {"S12", "loop", "stages"} == set(run.MEASUREMENTS)


@pytest.mark.parametrize(
    ("row", "rounds", "told", "is_met"),
    [
        ("S1.duckdb", [(1.0, 1.3), (2.0, 2.2), (1.0, 1.2)], 1.2, True),
        ("S1.floor", [(1.0, 0.5), (3.0, 1.0), (2.6, 1.0)], 2.6, False),
        ("S6.pause", [(90.0, 1.0), (110.0, 1.0), (80.0, 1.0)], 110.0, False),
        ("S10.import", [(20.0, None), (30.0, None)], 20.0, True),
    ],
)
def test_a_target_is_met_by_the_middle_of_the_rounds_or_the_worst(
    row: str, rounds: list[tuple[float, float | None]], told: float, is_met: bool
) -> None:
    """
    Ratios are those of neighbours; of pauses the longest counts.
    """
    each = _figures.figure(row, rounds)

    assert is_met is each["is_met"]
    assert each["spread"][0] <= told <= each["spread"][1]


def test_a_peer_that_is_not_there_is_said() -> None:
    """
    A row that could not be measured is in the table, and meets nothing.
    """
    each = _figures.missing("S2.dlt", "dlt is not installed")
    (line,) = _figures.table([each])[2:]

    assert each["is_met"] is None
    assert "not measured" in line
    assert "met" not in line.replace("not measured", "")


def test_an_unknown_measurement_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A name that is none is a wrong usage, and the names are told.
    """
    with pytest.raises(SystemExit):
        run.main(["--only", "S99"])

    assert "S99 is none of S1, S2," in capsys.readouterr().err


def test_the_page_has_the_figures_of_its_file() -> None:
    """
    Table and notes on performance are what the file of figures renders to.
    """
    page = PAGE.read_text(encoding="utf-8")
    told = json.loads(FIGURES.read_text(encoding="utf-8"))

    assert page == run.page_with(page, told)


def test_the_plots_are_drawn_from_the_file_of_figures() -> None:
    """
    Each plot is what the file of figures draws, and the page shows it.
    """
    page = PAGE.read_text(encoding="utf-8")
    drawn = plots(json.loads(FIGURES.read_text(encoding="utf-8")))
    shown = set(re.findall(r"\(performance-(.+)\.svg\)", page))

    assert shown == drawn.keys()
    for name, picture in drawn.items():
        path = PAGE.with_name(f"performance-{name}.svg")
        assert picture == path.read_text(encoding="utf-8")
