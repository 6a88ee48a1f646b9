"""
The example that reads a replayable source, killed again and again.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from walking import event_ids, lake_tables

from databricks_forwarder import Forwarder
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import Account, LoadId
from databricks_forwarder.testing.payloads import make_event, make_payload

EXAMPLE = Path(__file__).parents[2] / "examples" / "segments.py"

PARTITIONS, SEGMENTS, LINES, EVENTS = 4, 4, 150, 2
EVENT_COUNT = PARTITIONS * SEGMENTS * LINES * EVENTS

KILLS = 6

# The spool is what each step of the program goes through: a death a little
# after it was asked for something may fall anywhere.
DRIVER = """
import os, random, runpy, signal, sys, threading
from databricks_forwarder import Forwarder
from databricks_forwarder.batchers._sqlite_session import Session

example, source, lake, where, count, seconds = sys.argv[1:]
left = [int(count)]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def counted(inner, then):
    def call(*args):
        left[0] -= 1
        if not left[0]:
            then()
        return inner(*args)
    return call

if where == "anywhere":
    timer = threading.Timer(float(seconds), die)
    timer.daemon = True
    Session._transaction = counted(Session._transaction, timer.start)
else:
    Forwarder.tick = counted(Forwarder.tick, die)
sys.argv = [example, source, lake]
runpy.run_path(example, run_name="__main__")
"""


def fill(source: Path) -> None:
    """
    Write the segments; each event has a number of its own.
    """
    numbers = iter(range(EVENT_COUNT))
    for partition in range(PARTITIONS):
        folder = source / f"events-{partition}"
        folder.mkdir(parents=True)
        for segment in range(SEGMENTS):
            payloads = [
                make_payload(
                    *(make_event(event_id=next(numbers)) for _ in range(EVENTS))
                )
                for _ in range(LINES)
            ]
            (folder / f"{segment:03}").write_bytes(b"\n".join(payloads) + b"\n")


def run(source: Path, lake: Path, *how: object) -> int:
    """
    Run the example as a process, with a driver that kills it; its exit code.
    """
    command = [sys.executable, "-c", DRIVER, str(EXAMPLE), str(source), str(lake)]
    return subprocess.run(
        [*command, *map(str, how)],
        env={**os.environ, "PYTHONPATH": str(EXAMPLE.parents[1])},
        capture_output=True,
        timeout=60,
        check=False,
    ).returncode


def left_open(lake: Path) -> set[LoadId]:
    """
    Look which loads were in the making when the host died.
    """
    with closing(SqliteBatcher(lake / "_forwarder" / "spool.db")) as batcher:
        return set(batcher.status().open_load_ids)


@pytest.mark.parametrize("seed", [20261125, 20261126])
def test_a_source_is_in_the_tables_once_however_often_its_host_is_killed(
    tmp_path: Path, seed: int
) -> None:
    """
    A host that goes on from its checkpoint loses nothing and repeats nothing.

    It is killed at moments drawn by chance, and between handing in and ticking.
    """
    source, lake = tmp_path / "source", tmp_path / "lake"
    fill(source)
    chance = random.Random(seed)
    codes, open_loads = [], set()
    for number in range(KILLS):
        where = ("tick", chance.randint(1, 4)) if number % 2 else ("anywhere", 16)
        codes.append(run(source, lake, *where, chance.uniform(0.0, 0.2)))
        open_loads |= left_open(lake)
    last = run(source, lake, "nowhere", 0, 0)

    assert ([-signal.SIGKILL] * KILLS, 0) == (codes, last)
    assert open_loads
    with Forwarder.for_lake(lake, spool=lake / "_forwarder" / "spool.db") as forwarder:
        assert {
            f"events-{partition}": f"{SEGMENTS - 1:03}:{LINES}"
            for partition in range(PARTITIONS)
        } == forwarder.checkpoint()
        assert (
            Account(received=EVENT_COUNT, loaded=EVENT_COUNT)
            == forwarder.status().account
        )
    assert Counter(dict.fromkeys(range(EVENT_COUNT), 1)) == event_ids(lake_tables(lake))
