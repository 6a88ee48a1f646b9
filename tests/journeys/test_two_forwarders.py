"""
Two forwarders with spools of their own, at the same time in one schema.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import attrs
import pytest
from schemas import new_schema, rows_of, workspace
from walking import batch, custom

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder.model import Account
from databricks_forwarder.testing.workspace import Fault

LOADS = 20
NEW_KINDS = 5

PROGRAM = """
import json, sys
from contextlib import suppress
from pathlib import Path

import attrs

from databricks_forwarder import DatabricksSettings, Endpoint, Forwarder
from databricks_forwarder.errors import TransientError

spool, port, ca_file = sys.argv[1:]
with Forwarder.for_databricks(
    DatabricksSettings.from_env(),
    spool=spool,
    endpoint=Endpoint("127.0.0.1", port=int(port), ca_file=Path(ca_file)),
) as forwarder:
    print("ready", flush=True)
    for payload in sys.stdin:
        forwarder.submit(payload)
        for _ in range(10):
            # Who lost against the other again and again comes again.
            with suppress(TransientError):
                forwarder.flush()
                break
    print(json.dumps(attrs.asdict(forwarder.status().account)))
"""
"""A forwarder in a process of its own: a load for each line that it is given."""


def payload(who: int, load: int) -> bytes:
    """
    Two events: one of a kind that is new every few loads, one of a kind that is not.
    """
    first = 2 * (who * LOADS + load)
    new = f"New{load * NEW_KINDS // LOADS}"
    return batch(custom(new, first), custom("Old", first + 1))


@pytest.fixture(name="shared")
def _shared() -> Iterator[DatabricksSettings]:
    """
    A schema where each kind of event has a table, and creating one takes a while.

    So whoever comes second has looked before the first was done.
    """
    settings = attrs.evolve(new_schema(), events_threshold=1)
    creating = f"CREATE TABLE `main`.`{settings.schema_name}`"
    workspace().fail(Fault(on="statement", matching=creating, seconds=0.1, times=1000))
    yield settings
    workspace().faults.clear()


def assert_all_is_there_once(settings: DatabricksSettings) -> None:
    """
    See that each event has one row, in its kind's table, and that none is staged.
    """
    kinds = ["old", *(f"new{each}" for each in range(NEW_KINDS))]
    found = {
        kind: Counter(
            row["data"]["event_id"]
            for row in rows_of(settings, f"event_navigation_{kind}")
        )
        for kind in kinds
    }
    everyone = range(2 * 2 * LOADS)
    volume = f"/Volumes/main/{settings.schema_name}/mparticle_staging"

    assert Counter(everyone[1::2]) == found.pop("old")
    assert Counter(everyone[::2]) == sum(found.values(), Counter())
    assert [4 * LOADS // NEW_KINDS // 2] * NEW_KINDS == list(map(len, found.values()))
    assert [] == list(workspace().volume_file(volume).iterdir())


@pytest.mark.timeout(300)  # each table takes its time, twice
def test_two_threads_load_the_same_new_tables(
    shared: DatabricksSettings, tmp_path: Path
) -> None:
    """
    Both load, neither host hears of the other, and every row is there once.
    """
    together = Barrier(2, timeout=60)

    def forwarded(who: int) -> Account:
        with Forwarder.for_databricks(
            shared, spool=tmp_path / f"{who}.db", endpoint=workspace().endpoint
        ) as forwarder:
            for load in range(LOADS):
                forwarder.submit(payload(who, load))
                together.wait()
                (report,) = forwarder.flush()
                assert not report.is_parked
            return forwarder.status().account

    with ThreadPoolExecutor(2) as pool:
        accounts = list(pool.map(forwarded, range(2)))

    assert [Account(received=2 * LOADS, loaded=2 * LOADS)] * 2 == accounts
    assert_all_is_there_once(shared)


@pytest.mark.timeout(300)  # each table takes its time, twice
def test_two_processes_load_the_same_new_tables(
    shared: DatabricksSettings, tmp_path: Path
) -> None:
    """
    What they have in common is the schema alone, and it is enough.
    """
    endpoint = workspace().endpoint
    given = attrs.asdict(shared, recurse=False)
    given["client_secret"] = shared.client_secret.reveal()
    environment = os.environ | {
        f"DATABRICKS_FORWARDER_{name.upper()}": str(value)
        for name, value in given.items()
    }

    def started(who: int) -> subprocess.Popen[str]:
        spool = tmp_path / f"{who}.db"
        return subprocess.Popen(
            [
                *(sys.executable, "-c", PROGRAM),
                *(str(spool), str(endpoint.port), str(endpoint.ca_file)),
            ],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def said(who: int, process: subprocess.Popen[str]) -> tuple[str, str]:
        lines = b"\n".join(payload(who, load) for load in range(LOADS))
        return process.communicate(lines.decode(), timeout=100)

    with started(0) as one, started(1) as other, ThreadPoolExecutor(2) as pool:
        for process in (one, other):
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
        outcomes = list(pool.map(said, range(2), (one, other)))
    expected = attrs.asdict(Account(received=2 * LOADS, loaded=2 * LOADS))

    assert ["", ""] == [complaints for _, complaints in outcomes]
    assert [expected] * 2 == [json.loads(account) for account, _ in outcomes]
    assert_all_is_there_once(shared)
