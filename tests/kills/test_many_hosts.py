"""
Hosts with spools of their own and one schema: they count and name as one.
"""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import attrs
import pytest
from killed_host import SCHEMA, SPOOL, THRESHOLD, Kill
from killed_hosts import Hosts
from shells import export, place

from databricks_forwarder import Forwarder
from databricks_forwarder._cli import main
from databricks_forwarder.errors import TransientError
from databricks_forwarder.mparticle.names import common_name
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.payloads import make_event, make_payload
from databricks_forwarder.testing.workspace import Fault, Workspace

HOSTS = 4
KILLS = 4
COMMON = common_name(SCHEMA)
FEED = "parcelpost"

# On a machine that has much else to do many lives take their time.
pytestmark = pytest.mark.timeout(600)


def test_killed_hosts_count_and_name_as_one(tmp_path: Path) -> None:
    """
    Four hosts, killed at random: each event once, counts are rows, a kind one table.
    """
    with Workspace(schema=SCHEMA, events_threshold=THRESHOLD) as workspace:
        hosts = Hosts.of(tmp_path, workspace, HOSTS, seed=20)
        hosts.kill_often(KILLS, whole_lives=2)
        violations = hosts.settle()
        own = [names - {COMMON, FEED} for names in hosts.tables_of().values()]
        given = workspace.query(
            "SELECT table_name FROM _forwarder_tables WHERE owner <> ''"
        )

    assert [] == violations
    assert HOSTS * KILLS <= sum(world.figures.kills.total() for world in hosts.worlds)
    names = [name for each in own for name in each]
    assert {1} == {len(each) for each in own if each}
    assert len(names) == len(set(names))
    assert set(names) <= set(given.column("table_name").to_pylist())


def test_the_threshold_is_crossed_by_all_together(tmp_path: Path) -> None:
    """
    A kind gets its table with the load that reaches the threshold for all hosts.
    """
    tables = []
    with Workspace(schema=SCHEMA, events_threshold=HOSTS) as workspace:
        for number in range(HOSTS + 1):
            with Forwarder.for_databricks(
                workspace.settings,
                endpoint=workspace.endpoint,
                spool=tmp_path / f"host-{number}.db",
                clock=FakeClock(),
            ) as forwarder:
                forwarder.submit(make_payload(make_event("session_start")))
                (report,) = forwarder.flush()
                tables += [table.table for table in report.tables]

    assert [COMMON] * (HOSTS - 1) + ["session_start"] * 2 == tables


def test_loads_wait_while_the_workspace_is_away(tmp_path: Path) -> None:
    """
    What every host has received waits, and goes on when the workspace is back.
    """
    away = [
        Fault(on=point, drop=True, times=10_000)
        for point in ("token", "open_session", "statement", "upload", "list")
    ]
    with Workspace(schema=SCHEMA, events_threshold=2) as workspace:
        hosts = [
            Forwarder.for_databricks(
                workspace.settings,
                endpoint=workspace.endpoint,
                spool=tmp_path / f"host-{number}.db",
                clock=FakeClock(),
            )
            for number in range(2)
        ]
        for host in hosts:
            host.submit(make_payload(make_event("session_start")))
            host.flush()
        for fault in away:
            workspace.fail(fault)
        for host in hosts:
            host.submit(make_payload(make_event("session_start")))
            with pytest.raises(TransientError):
                host.flush()
        pending = [host.status().account.pending for host in hosts]
        workspace.faults.clear()
        for host in hosts:
            host.flush()
            host.close()
        rows = Counter(
            workspace.query(
                f"SELECT _load_id FROM {COMMON} UNION ALL"
                " SELECT _load_id FROM session_start"
            )
            .column("_load_id")
            .to_pylist()
        )

    assert [1, 1] == pending
    assert {1} == set(rows.values())
    assert 4 == rows.total()


@pytest.mark.parametrize(
    "kill",
    [
        Kill("stager", "stage", 1, "after"),
        Kill("loader", "load", 1, "after"),
        Kill("router", "loaded", 1, "after"),
        Kill("batcher", "commit", 1, "before"),
    ],
    ids=str,
)
def test_the_spool_of_a_host_that_is_gone_is_carried(
    kill: Kill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Wherever a host died for good, another machine carries on, and nothing doubles.
    """
    with Workspace(schema=SCHEMA, events_threshold=THRESHOLD) as workspace:
        hosts = Hosts.of(tmp_path, workspace, 2, seed=5)
        gone, other = hosts.worlds
        other.live()
        was_killed = gone.live(kill)
        new_home = tmp_path / "another-machine"
        new_home.mkdir()
        for suffix in ("", "-wal"):
            shutil.move(gone.folder / f"{SPOOL}{suffix}", new_home)
        for name in ("tried", "got"):
            shutil.copy(gone.folder / name, new_home)
        gone.folder = new_home
        export(
            attrs.evolve(workspace.settings, events_threshold=THRESHOLD), monkeypatch
        )
        there = place(workspace.endpoint)
        main(["carry", *there, "--spool", str(new_home / SPOOL), "--quiet"])
        violations = hosts.seen()

    assert was_killed
    assert [] == violations
