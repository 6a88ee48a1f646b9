"""
A host that lives for a while at a steady rate keeps to its size, and to its word.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from killed_world import Destination, world
from soaked_world import soaked


@pytest.mark.parametrize("destination", ["lake", "workspace"])
def test_a_steady_rate_costs_nothing(destination: Destination, tmp_path: Path) -> None:
    """
    Files and threads do not add up while loads come and go, and each event arrives.
    """
    with world(destination, tmp_path, seed=11) as a_world:
        came = soaked(
            a_world, seconds=6.0, rate=20.0, load_seconds=0.5, sample_seconds=0.25
        )

    assert [] == list(came.violations)
    assert came.acknowledged > 60
    for name, room in (("open_files", 8), ("threads", 8)):
        early, late = came.most(name)
        assert late <= early + room, name
