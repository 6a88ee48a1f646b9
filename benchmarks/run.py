"""
All measurements, one after another: a table, a file of figures, plots.

::

    nox -s benchmarks                             # all, with all peers
    python -m benchmarks --only S1,S5 --repeat 9  # some, with the peers that are here
    python -m benchmarks --tiny                   # whether the programs work

Each contender runs in a process of its own; ours and the other's run in turn on the
same input, and what is told is the middle of the ratios of neighbours. A process is
warmed by a small run that is not counted, unless a cold start is what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import (
    cores,
    delta,
    imports,
    latency,
    loads,
    loops,
    observing,
    odd,
    parquet,
    routing,
    spark,
    stages,
    submit,
    workspace,
)
from benchmarks._figures import Outcome, told_lines
from benchmarks._plots import plots
from benchmarks._running import Bench, PeerMissingError

__all__ = ["MEASUREMENTS", "main", "page_with"]

MEASUREMENTS: Mapping[str, Callable[[Bench], Outcome]] = {
    "S1": parquet.measure,
    "S2": delta.measure,
    "S3": cores.measure,
    "S4": odd.measure,
    "S5": submit.measure,
    "S6": latency.measure,
    "S7": loads.measure_memory,
    "S8": loads.measure_growth,
    "S9": routing.measure,
    "S10": imports.measure,
    "S11": workspace.measure,
    "S12": spark.measure,
    "S13": observing.measure,
    "loop": loops.measure,
    "stages": stages.measure,
}

_BEGIN, _END = "<!-- figures -->", "<!-- end of the figures -->"

_OURS = ("databricks-forwarder", "pyarrow", "deltalake", "msgspec")
_PEERS = {
    "duckdb": ("duckdb",),
    "dlt": ("dlt", "deltalake", "pyarrow", "duckdb"),
    "simdjson": ("pysimdjson", "pyarrow"),
}


def main(arguments: Sequence[str]) -> int:
    """
    Measure what is asked for, and tell it.
    """
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=options.work) as work:
        bench = Bench(
            folder=Path(work),
            is_tiny=options.tiny,
            repeat=options.repeat,
            peers=options.peers,
        )
        told = _measured(bench, options.only)
    print(*told_lines(told), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if options.plots:
        options.plots.mkdir(parents=True, exist_ok=True)
        for name, drawn in plots(told).items():
            path = options.plots / f"performance-{name}.svg"
            path.write_text(drawn, encoding="utf-8")
    if options.page:
        page = options.page.read_text(encoding="utf-8")
        options.page.write_text(page_with(page, told), encoding="utf-8")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.splitlines()[1]
    )
    parser.add_argument("--tiny", action="store_true", help="only try the programs")
    parser.add_argument(
        "--only", type=_names, default=[*MEASUREMENTS], help="such as S1,S5"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--plots", type=Path, help="write plots to this folder")
    parser.add_argument("--page", type=Path, help="put the table into this page")
    parser.add_argument("--peers", type=Path, help="an environment for each peer")
    parser.add_argument("--repeat", type=int, help="rounds, instead of their own")
    parser.add_argument("--work", type=Path, help="a folder on the disk to measure")
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in MEASUREMENTS:
            msg = f"{name} is none of {', '.join(MEASUREMENTS)}"
            raise argparse.ArgumentTypeError(msg)
    return names


def _measured(bench: Bench, names: Sequence[str]) -> dict[str, Any]:
    figures: list[dict[str, Any]] = []
    series: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for name in names:
        print(f"{name} …", end=" ", file=sys.stderr, flush=True)
        begin = time.monotonic()
        outcome = MEASUREMENTS[name](bench)
        seconds[name] = round(time.monotonic() - begin, 1)
        print(f"{seconds[name]} s", file=sys.stderr)
        figures += outcome.figures
        series |= outcome.series
    return {
        "machine": _machine(),
        "versions": _versions(bench),
        "is_tiny": bench.is_tiny,
        "seconds": seconds,
        "figures": figures,
        "series": series,
    }


def _machine() -> dict[str, Any]:
    page_count = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(page_count / 1e9),
        "python": platform.python_version(),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _versions(bench: Bench) -> dict[str, dict[str, str]]:
    found = {"ours": {name: version(name) for name in _OURS}}
    found["ours"]["SQLite"] = sqlite3.sqlite_version
    for peer, names in _PEERS.items():
        try:
            python = bench.python_of(peer)
        except PeerMissingError:
            continue
        program = (
            "import importlib.metadata as m, json; "
            f"print(json.dumps({{n: m.version(n) for n in {names!r}}}))"
        )
        said = subprocess.run(
            [python, "-c", program], check=True, capture_output=True, text=True
        )
        found[peer] = json.loads(said.stdout)
    return found


def page_with(page: str, told: Mapping[str, Any]) -> str:
    """
    Put the figures of *told* into a page, between its two marks.
    """
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    lines = "\n".join(told_lines(told))
    return f"{before}{_BEGIN}\n\n{lines}\n\n{_END}{after}"
