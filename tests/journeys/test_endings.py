"""
Processes that end, each in its way: nothing is lost, nobody is kept waiting.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import ending_host
import pytest
from walking import event_ids, lake_tables

from databricks_forwarder import Forwarder
from databricks_forwarder.model import Account
from databricks_forwarder.testing.workspace import Fault, RefusedError, Workspace

# Longer than any of these takes, shorter than a hang may last.
PATIENCE_SECONDS = 100.0

COUNT = ending_host.EVENT_COUNT
EACH_ONCE = Counter(dict.fromkeys(range(COUNT), 1))
HANGS_IN_COPY = Fault(on="statement", matching="COPY INTO", hang=True, times=100)
HANGS_IN_UPLOAD = Fault(on="upload", matching=".parquet", hang=True, times=100)


@attrs.define
class Destination:
    """
    Where the events go, and a spool; both outlive hosts.
    """

    folder: Path
    workspace: Workspace | None

    def fail(self, fault: Fault | None) -> None:
        """
        Script a misfortune, if any.
        """
        if fault and self.workspace:
            self.workspace.fail(fault)

    def place(self) -> dict[str, Any] | None:
        """
        Say where the workspace is, for another process.
        """
        if self.workspace is None:
            return None
        return ending_host.place(self.workspace.settings, self.workspace.endpoint)

    def forwarder(self) -> Forwarder:
        """
        Open the forwarder, as the next process does.
        """
        return ending_host.opened(self.folder, self.place())

    def event_ids(self) -> Counter[int | None]:
        """
        Count the rows of all tables by the event's id.
        """
        if self.workspace is None:
            return event_ids(lake_tables(self.folder / "lake"))
        found: Counter[int | None] = Counter()
        for number in range(COUNT):
            with suppress(RefusedError):
                table = f"main.mparticle.event_search_e{number}"
                rows = self.workspace.query(f"SELECT data.event_id AS id FROM {table}")
                found.update(rows.column("id").to_pylist())
        return found


@attrs.define
class Host:
    """
    A process of `ending_host`.
    """

    process: subprocess.Popen[str]

    def heard(self) -> Any:
        """
        Wait for the next word that it says.
        """
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ended(self) -> tuple[int, str]:
        """
        Wait for its end: exit code, and what it complained of.
        """
        _, complaints = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, complaints


@pytest.fixture(name="destination", params=["lake", "workspace"])
def _destination(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Destination]:
    if request.param == "lake":
        yield Destination(tmp_path, None)
        return
    with Workspace(events_threshold=1) as workspace:
        yield Destination(tmp_path, workspace)


only_lake = pytest.mark.parametrize("destination", ["lake"], indirect=True)
only_workspace = pytest.mark.parametrize("destination", ["workspace"], indirect=True)


@pytest.fixture(name="hosts")
def _hosts() -> Iterator[list[subprocess.Popen[str]]]:
    hosts: list[subprocess.Popen[str]] = []
    yield hosts
    for host in hosts:
        with host:
            host.kill()


def start(
    hosts: list[subprocess.Popen[str]], destination: Destination, how: str, where: str
) -> Host:
    """
    Start a host that ends as *how* says when its load is beside the call *where*.
    """
    told = json.dumps(destination.place())
    command = [sys.executable, ending_host.__file__, str(destination.folder)]
    process = subprocess.Popen(
        [*command, how, where, told],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    hosts.append(process)
    return Host(process)


def carry_on(destination: Destination) -> tuple[int, Account]:
    """
    Carry what is left, as the next process does at once; attempt and account.
    """
    if destination.workspace:
        destination.workspace.faults.clear()
    with destination.forwarder() as forwarder:
        (report,) = forwarder.flush()
        return report.attempt, forwarder.status().account


LOADED = Account(received=COUNT, loaded=COUNT)


@pytest.mark.parametrize(
    ("destination", "where"),
    [
        ("lake", "loader.load"),
        ("workspace", "stager.stage"),
        ("workspace", "loader.load"),
    ],
    indirect=["destination"],
)
def test_a_process_that_is_terminated_loses_nothing(
    destination: Destination, hosts: list[subprocess.Popen[str]], where: str
) -> None:
    """
    Killed by SIGTERM right after an effect, the load is carried on at once.
    """
    host = start(hosts, destination, "killed", where)
    said = host.heard()
    host.process.terminate()

    assert ("carrying", (-signal.SIGTERM, "")) == (said, host.ended())
    assert (2, LOADED) == carry_on(destination)
    assert EACH_ONCE == destination.event_ids()


@pytest.mark.parametrize(
    ("destination", "fault"),
    [("lake", None), ("workspace", None), ("workspace", HANGS_IN_COPY)],
    indirect=["destination"],
)
def test_a_handler_that_exits_in_a_tick_waits_for_nothing(
    destination: Destination, hosts: list[subprocess.Popen[str]], fault: Fault | None
) -> None:
    """
    An exit that a signal handler raises leaves the load, however it hangs.
    """
    destination.fail(fault)
    host = start(hosts, destination, "raises_in_tick", "loader.load")
    host.heard()
    host.process.terminate()

    assert (3, "") == host.ended()
    assert (2, LOADED) == carry_on(destination)
    assert EACH_ONCE == destination.event_ids()


@only_lake
def test_a_handler_that_closes_in_a_tick_lets_the_load_end(
    destination: Destination, hosts: list[subprocess.Popen[str]]
) -> None:
    """
    A close in the middle of a tick returns at once, and the load goes on.
    """
    host = start(hosts, destination, "closes_in_tick", "loader.load")
    host.heard()
    host.process.terminate()
    in_tick, loaded, after = host.heard(), host.heard(), host.heard()

    assert (False, None) == (in_tick["is_stopped"], in_tick["pending"])
    assert COUNT == loaded
    assert (True, 0) == (after["is_stopped"], after["pending"])
    assert (0, "") == host.ended()
    assert EACH_ONCE == destination.event_ids()


@only_workspace
def test_a_close_that_gives_up_lets_the_process_end(
    destination: Destination, hosts: list[subprocess.Popen[str]]
) -> None:
    """
    While a statement hangs, a close with a deadline says what is pending.
    """
    destination.fail(HANGS_IN_COPY)
    host = start(hosts, destination, "gives_up", "loader.load")
    host.heard()
    report = host.heard()
    code, complaints = host.ended()
    (load_id,) = report["open_load_ids"]
    told = f"{COUNT} messages are pending, open loads: {load_id}, parked loads: none\n"

    assert {
        "is_stopped": False,
        "pending": COUNT,
        "open_load_ids": [load_id],
        "parked_load_ids": [],
    } == report
    assert (0, 2) == (code, complaints.count(told))
    assert (2, LOADED) == carry_on(destination)
    assert EACH_ONCE == destination.event_ids()


@pytest.mark.parametrize(
    ("destination", "where", "fault"),
    [
        ("lake", "stager.stage", None),
        ("workspace", "stager.stage", HANGS_IN_UPLOAD),
        ("workspace", "loader.load", HANGS_IN_COPY),
    ],
    indirect=["destination"],
)
def test_an_end_without_close_loses_nothing(
    destination: Destination,
    hosts: list[subprocess.Popen[str]],
    where: str,
    fault: Fault | None,
) -> None:
    """
    An interpreter that ends in the middle of a load does so quietly, and soon.
    """
    destination.fail(fault)
    host = start(hosts, destination, "forgets", where)
    host.heard()

    assert (0, "") == host.ended()
    assert (2, LOADED) == carry_on(destination)
    assert EACH_ONCE == destination.event_ids()


@only_lake
def test_an_end_waits_for_the_engine(
    destination: Destination, hosts: list[subprocess.Popen[str]]
) -> None:
    """
    A thread comes back from the engine before the interpreter ends, and leaves.
    """
    host = start(hosts, destination, "forgets_in_engine", "loader.load")

    assert ["carrying", "back"] == [host.heard(), host.heard()]
    assert (0, "") == host.ended()
    assert (2, LOADED) == carry_on(destination)
    assert EACH_ONCE == destination.event_ids()


def test_a_host_can_close_at_exit(
    destination: Destination, hosts: list[subprocess.Popen[str]]
) -> None:
    """
    A callback of the host's own, at the interpreter's end, waits for the load.
    """
    host = start(hosts, destination, "closes_at_exit", "stager.stage")
    host.heard()
    report = host.heard()

    assert (True, 0, []) == (
        report["is_stopped"],
        report["pending"],
        report["open_load_ids"],
    )
    assert (0, "") == host.ended()
    assert EACH_ONCE == destination.event_ids()
