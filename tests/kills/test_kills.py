"""
A host that is killed again and again: nothing is lost, nothing is there twice.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from killed_world import Destination, killed_often, world

KILLS = 30


@pytest.mark.parametrize("destination", ["lake", "workspace"])
def test_kills_cost_nothing(destination: Destination, tmp_path: Path) -> None:
    """
    After many kills each acknowledged event is in one table once, and all adds up.
    """
    with world(destination, tmp_path, seed=7) as a_world:
        figures = killed_often(a_world, KILLS)

    assert [] == figures.violations
    assert KILLS == figures.kills.total()
    assert figures.acknowledged > KILLS
    assert (destination == "workspace") == (figures.faults > 0)
