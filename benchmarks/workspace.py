"""
S11: a load into a workspace whose statements and uploads take their time.

The workspace runs on loopback in a process of its own, with the real connector in
between; each statement takes 50 ms longer than it does, each uploaded file 20 ms.
The load must take little more than the larger of what it takes without delays and
of what the delays come to with as many side by side as the library has. The
workspace is on the same cores and does the work of a warehouse, which is most of it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks._figures import Outcome, figure
from benchmarks._hosts import ONE_LOAD, numbered_table, seconds_of, submit_all
from benchmarks._inputs import clean
from benchmarks._running import ROOT, Bench, in_rounds
from databricks_forwarder import DatabricksSettings, Endpoint, Forwarder
from databricks_forwarder.routers.function import FunctionRouter

__all__ = ["carried", "measure", "serve"]

_STATEMENT_SECONDS = 0.05
_FILE_SECONDS = 0.02

# How many statements, and uploads, a forwarder has side by side.
_BREADTH = 8

# Without the remark that names the load.
_VERB = re.compile(r"(?:/\*.*?\*/\s*)?(\w+ \w+)", re.DOTALL)


def measure(bench: Bench) -> Outcome:
    """
    Measure two loads, with and without delays in turn.
    """
    tables = bench.size(60, 5)
    source = clean(bench, bench.size(8_000, 100), names=2 * tables)

    def run(statement_seconds: float, file_seconds: float) -> dict[str, Any]:
        return bench.ours(
            carried,
            source=source.path,
            folder=bench.place(),
            tables=tables,
            statement_seconds=statement_seconds,
            file_seconds=file_seconds,
        )

    rounds = in_rounds(
        bench.rounds(1),
        lambda: run(_STATEMENT_SECONDS, _FILE_SECONDS),
        lambda: run(0.0, 0.0),
    )
    return Outcome([_told(row, rounds) for row in ("S11.new", "S11.known")])


def _told(row: str, rounds: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    load = row.partition(".")[2]
    pairs = []
    for slow, prompt in ((slow[load], prompt[load]) for slow, prompt in rounds):
        statements = sum(slow["statements"].values())
        least = max(
            prompt["seconds"],
            statements * _STATEMENT_SECONDS / _BREADTH,
            slow["uploads"] * _FILE_SECONDS / _BREADTH,
        )
        pairs.append((slow["seconds"], least))
    verbs = ", ".join(f"{count} {verb}" for verb, count in slow["statements"].items())
    note = (
        f"{slow['tables']} tables, {slow['uploads']} uploads, {verbs}; "
        f"{prompt['seconds']:.1f} s without delays"
    )
    events = [slow["events"], prompt["events"]]
    return figure(row, pairs, events=events, note=note)


def serve(statement_seconds: float, file_seconds: float) -> None:
    """
    Be the workspace until standard input ends; tell what was asked, line by line.
    """
    from databricks_forwarder.testing.workspace import Fault, Workspace

    with Workspace() as workspace:
        slow = partial(Fault, times=10**9)
        if statement_seconds:
            workspace.fail(slow(on="statement", seconds=statement_seconds))
        if file_seconds:
            workspace.fail(slow(on="upload", seconds=file_seconds))
        settings, endpoint = workspace.settings, workspace.endpoint
        place = {
            "port": endpoint.port,
            "ca_file": str(endpoint.ca_file),
            "warehouse_id": settings.warehouse_id,
            "client_id": settings.client_id,
            "client_secret": settings.client_secret.reveal(),
        }
        print(json.dumps(place), flush=True)
        for _ in sys.stdin:
            seen = [(r.method, r.path, r.statement) for r in workspace.requests]
            print(json.dumps(seen), flush=True)


@contextmanager
def _served(
    statement_seconds: float, file_seconds: float
) -> Iterator[tuple[dict[str, Any], Callable[[], Any]]]:
    """
    Have a workspace in a process of its own; where it is, and what it was asked.
    """
    delays = f"{statement_seconds}, {file_seconds}"
    call = f"from benchmarks.workspace import serve; serve({delays})"
    with subprocess.Popen(
        [sys.executable, "-c", call],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        asking, answers = server.stdin, server.stdout

        def asked() -> Any:
            asking.write("requests\n")
            asking.flush()
            return json.loads(answers.readline())

        try:
            yield json.loads(answers.readline()), asked
        finally:
            asking.close()


def carried(
    source: str,
    folder: str,
    tables: int,
    statement_seconds: float,
    file_seconds: float,
) -> dict[str, Any]:
    """
    Carry two loads: all tables are new to the first, none to the second.
    """
    with _served(statement_seconds, file_seconds) as (place, asked):
        endpoint = Endpoint("127.0.0.1", port=place["port"], ca_file=place["ca_file"])
        settings = DatabricksSettings(
            deployment_name="loopback",
            warehouse_id=place["warehouse_id"],
            client_id=place["client_id"],
            client_secret=place["client_secret"],
            catalog_name="main",
            schema_name="mparticle",
        )
        with Forwarder.for_databricks(
            settings,
            endpoint=endpoint,
            spool=Path(folder) / "spool.db",
            router=FunctionRouter(numbered_table(tables)),
            policy=ONE_LOAD,
        ) as forwarder:
            return {
                name: _one_load(forwarder, asked, Path(source))
                for name in ("new", "known")
            }


def _one_load(
    forwarder: Forwarder, asked: Callable[[], Any], source: Path
) -> dict[str, Any]:
    submit_all(forwarder, source)
    seen = len(asked())
    seconds = seconds_of(forwarder.flush)
    report = forwarder.loads(1)[0]
    requests = asked()[seen:]
    return {
        "seconds": seconds,
        "events": report.account.loaded,
        "tables": len(report.tables),
        "uploads": sum(
            method == "PUT" and "/fs/files/" in path for method, path, _ in requests
        ),
        "statements": _verbs([text for _, _, text in requests if text]),
    }


def _verbs(statements: Sequence[str]) -> dict[str, int]:
    return dict(
        Counter(
            found.group(1).upper()
            for statement in statements
            if (found := _VERB.match(statement))
        )
    )
