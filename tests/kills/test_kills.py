"""
A host that is killed again and again: nothing is lost, nothing is there twice.
"""

from __future__ import annotations

import random
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from killed_by import REFUSAL, kills_of
from killed_host import Host, Life, open_forwarder, open_parts
from killed_ledger import Ledger
from killed_world import Destination, killed_often, world

from databricks_forwarder.testing.faults import faulty
from databricks_forwarder.testing.journal import Journal, journaled

KILLS = 30
SEEDS = {"lake": 7, "workspace": 8}

# On a machine that has much else to do many lives take their time.
pytestmark = pytest.mark.timeout(600)

# They change nothing that outlives the process.
HARMLESS = {("batcher", "close"), ("loader", "state")}


@pytest.mark.parametrize("destination", ["lake", "workspace"])
def test_kills_cost_nothing(destination: Destination, tmp_path: Path) -> None:
    """
    After many kills each acknowledged event is in one table once, and all adds up.
    """
    seed = SEEDS[destination]
    with world(destination, tmp_path, seed) as a_world:
        figures = killed_often(a_world, KILLS)

    assert [] == figures.violations, f"with seed {seed}"
    assert figures.kills.total() >= KILLS
    assert figures.acknowledged > KILLS
    assert figures.kills["after batcher.park"] > 0
    assert (destination == "workspace") == (figures.faults > 0)


@pytest.mark.parametrize("destination", ["lake", "workspace"])
def test_a_host_is_killed_beside_each_call(
    destination: Destination, tmp_path: Path
) -> None:
    """
    The calls beside which a host is killed are all that it makes of its parts.
    """
    journal = Journal()
    with world(destination, tmp_path, seed=1) as a_world, ExitStack() as opened:
        life = Life(folder=tmp_path, number=0, seed=1, workspace=a_world.reached)
        forwarder = opened.enter_context(
            closing(
                open_forwarder(
                    open_parts(life, opened),
                    lambda name, part: journaled(faulty(part, REFUSAL), journal, name),
                )
            )
        )
        host = Host(life, forwarder, Ledger(tmp_path), random.Random(1))
        host.live()
        host.settle()

    called = {(entry.part, entry.method) for entry in journal}

    assert {(kill.part, kill.method) for kill in kills_of(destination)} == (
        called - HARMLESS
    )
