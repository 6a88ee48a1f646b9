"""
S10: what a host pays before its first payload is durable, cold.

Each figure is of a fresh interpreter, not warmed. An import is told without what
the interpreter takes by itself: two interpreters run in turn, one with it and one
without. Compiled modules are there already, as after an installation.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._figures import Outcome, figure
from benchmarks._running import ROOT, Bench, in_rounds

__all__ = ["first_submit", "measure"]

# Of which the import must bring none: the engine, the columns, the driver.
_HEAVY = ("pyarrow", "deltalake", "databricks")

_IMPORT = "import databricks_forwarder"
_PAYLOAD = b'{"events":[{"event_type":"screen_view","data":{"screen_name":"Home"}}]}'


def measure(bench: Bench) -> Outcome:
    """
    Measure the import, and the first payload of both destinations.
    """
    # The first one compiles what is not compiled yet.
    heavy = [name for name in _HEAVY if name in _modules_after(_IMPORT)]
    imports = in_rounds(
        bench.rounds(15), partial(_lived, _IMPORT), partial(_lived, "pass")
    )

    def first(destination: str) -> Callable[[], dict[str, Any]]:
        def run() -> dict[str, Any]:
            place = bench.place()
            return bench.ours(first_submit, destination=destination, folder=place)

        return run

    firsts = in_rounds(bench.rounds(7), first("lake"), first("workspace"))
    lake, workspace = zip(*firsts, strict=True)
    return Outcome(
        [
            figure(
                "S10.import",
                [
                    ((one["seconds"] - bare["seconds"]) * 1000, None)
                    for one, bare in imports
                ],
            ),
            figure("S10.heavy", [(len(heavy), None)], note=", ".join(heavy)),
            figure("S10.lake", _milliseconds(lake), events=[1]),
            figure("S10.workspace", _milliseconds(workspace), events=[1]),
        ]
    )


def _milliseconds(runs: Sequence[dict[str, Any]]) -> list[tuple[float, None]]:
    return [(came["seconds"] * 1000, None) for came in runs]


def _lived(statement: str) -> dict[str, Any]:
    """
    Tell how long a fresh interpreter lives.
    """
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True, cwd=ROOT)
    return {"seconds": time.perf_counter() - begin}


def _modules_after(statement: str) -> set[str]:
    told = f"{statement}\nimport json, sys; print(json.dumps(list(sys.modules)))"
    listed = subprocess.run(
        [sys.executable, "-c", told], check=True, cwd=ROOT, capture_output=True
    )
    return set(json.loads(listed.stdout))


def first_submit(destination: str, folder: str) -> dict[str, Any]:
    """
    Open and submit in a process of its own: from after the package's import on.
    """
    import databricks_forwarder as package

    begin = time.perf_counter()
    spool = Path(folder) / "spool.db"
    if destination == "lake":
        forwarder = package.Forwarder.for_lake(Path(folder) / "lake", spool=spool)
    else:
        settings = package.DatabricksSettings(
            deployment_name="loopback",
            warehouse_id="0123456789abcdef",
            client_id="client",
            client_secret="secret",
            catalog_name="main",
            schema_name="mparticle",
        )
        forwarder = package.Forwarder.for_databricks(settings, spool=spool)
    forwarder.submit(_PAYLOAD)
    seconds = time.perf_counter() - begin
    forwarder.close()
    return {"seconds": seconds}
