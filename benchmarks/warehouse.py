"""
A load into many tables of a workspace whose statements take their time, measured.

The workspace runs on loopback in a process of its own, with the real connector
in between; each statement is made to take 50 ms longer than it does. What counts
is the number of statements, and how far they go side by side: what the delays
add to a load beside what they come to one after another::

    python benchmarks/warehouse.py                  # 100 000 events, 300 tables
    python benchmarks/warehouse.py --batches 2000 --tables 30
    python benchmarks/warehouse.py --json figures.json
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

from databricks_forwarder import (
    DatabricksSettings,
    Endpoint,
    Forwarder,
    UploadPolicy,
)
from databricks_forwarder.model import EventKey
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.workload import workload
from databricks_forwarder.testing.workspace import Fault, Workspace

# Without the remark that names the load.
_VERB = re.compile(r"(?:/\*.*?\*/\s*)?(\w+ \w+)", re.DOTALL)


def main() -> int:
    options = _options()
    if options.serve:
        _serve(options.milliseconds)
        return 0
    figures = []
    for milliseconds in sorted({0.0, options.milliseconds}):
        with tempfile.TemporaryDirectory(prefix="warehouse-") as folder:
            figures += _measured(Path(folder), milliseconds, options)
    _print_table(figures)
    if options.json:
        Path(options.json).write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("--batches", type=int, default=20_000)
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--milliseconds", type=float, default=50.0)
    parser.add_argument("--json", help="write the figures to this file")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _serve(milliseconds: float) -> None:
    """
    Be the workspace until standard input ends; tell what was asked, line by line.
    """
    with Workspace() as workspace:
        if milliseconds:
            seconds = milliseconds / 1000
            workspace.fail(Fault(on="statement", seconds=seconds, times=10**9))
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
def _served(milliseconds: float) -> Iterator[tuple[dict[str, Any], Callable[[], Any]]]:
    """
    Have a workspace in a process of its own; where it is, and what it was asked.
    """
    command = [sys.executable, __file__, "--serve", "--milliseconds", str(milliseconds)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:

        def asked() -> Any:
            server.stdin.write("requests\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        try:
            yield json.loads(server.stdout.readline()), asked
        finally:
            server.stdin.close()


def _measured(
    folder: Path, milliseconds: float, options: argparse.Namespace
) -> list[dict[str, Any]]:
    numbers: dict[EventKey, int] = {}

    def table(key: EventKey) -> str:
        return f"table_{numbers.setdefault(key, len(numbers) % options.tables):04d}"

    with _served(milliseconds) as (place, asked):
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
            spool=folder / "spool.db",
            router=FunctionRouter(table),
            policy=UploadPolicy(max_messages=10**9),
        ) as forwarder:
            return [
                {
                    "milliseconds": milliseconds,
                    **_one_load(forwarder, asked, name, options),
                }
                for name in ("first load, all tables new", "second load, none new")
            ]


def _one_load(
    forwarder: Forwarder,
    asked: Callable[[], Any],
    name: str,
    options: argparse.Namespace,
) -> dict[str, Any]:
    payloads = workload(options.batches, event_name_count=2 * options.tables)
    while group := list(islice(payloads, 500)):
        forwarder.submit_many(group)
    seen = len(asked())
    begin = time.perf_counter()
    (report,) = forwarder.flush()
    seconds = time.perf_counter() - begin
    requests = asked()[seen:]
    return {
        "name": name,
        "events": report.account.loaded,
        "tables": len(report.tables),
        "files": sum(each.file_count for each in report.tables),
        "uploads": sum(
            method == "PUT" and "/fs/files/" in path for method, path, _ in requests
        ),
        "statements": dict(_verbs([text for _, _, text in requests if text])),
        "seconds": seconds,
    }


def _verbs(statements: Sequence[str]) -> Counter[str]:
    return Counter(
        found.group(1).upper()
        for statement in statements
        if (found := _VERB.match(statement))
    )


def _print_table(figures: Sequence[dict[str, Any]]) -> None:
    names = ("databricks-sql-connector", "pyarrow", "deltalake", "duckdb")
    print(platform.platform(), "Python", platform.python_version())
    print(", ".join(f"{name} {version(name)}" for name in names))
    for prompt, slow in zip(figures[:2], figures[-2:], strict=True):
        statements = sum(slow["statements"].values())
        delays = statements * slow["milliseconds"] / 1000
        print(f"\n{slow['name']}:")
        print(f"  {slow['events']} events, {slow['tables']} tables", end=", ")
        print(f"{slow['files']} files, {slow['uploads']} uploads")
        print(f"  {statements} statements: {slow['statements']}")
        print(f"  {statements / slow['tables']:.3f} statements a table")
        print(f"  {prompt['seconds']:.1f} s without a delay", end=", ")
        print(f"{slow['seconds']:.1f} s with {slow['milliseconds']:g} ms a statement")
        print(f"  one after another the delays come to {delays:.1f} s", end=", ")
        print(f"they cost {slow['seconds'] - prompt['seconds']:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
