"""
The kill test sees each guarantee that is taken away.
"""

from __future__ import annotations

import shutil
from contextlib import closing
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from killed_host import LAKE, THRESHOLD, Kill
from killed_mutants import MUTANTS
from killed_world import World, world

from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.model import EventKind, LoadId

# Where it hurts, and what is then seen.
HURTS = {
    "commits before it loads": (Kill("loader", "load", 1, "before"), "lost"),
    "counts before it loads": (Kill("loader", "load", 1, "after"), "counts"),
    "forgets what is loaded": (Kill("loader", "load", 1, "after"), "doubled"),
    "gives receipts too soon": (Kill("stager", "staged", 1, "before"), "lost"),
}


def kinds(a_world: World) -> set[str]:
    """
    See what is wrong in the end.
    """
    return {violation.kind for violation in a_world.settle()}


@pytest.mark.parametrize("mutant", HURTS)
def test_a_guarantee_that_is_taken_away_is_missed(mutant: str, tmp_path: Path) -> None:
    """
    A host that breaks one guarantee, killed where that hurts, is found out.
    """
    kill, expected = HURTS[mutant]
    with world("lake", tmp_path, seed=3, mutant=mutant) as a_world:
        was_killed = a_world.live(kill)
        found = kinds(a_world)

    assert was_killed
    assert expected in found


@pytest.mark.parametrize("kill", dict(HURTS.values()), ids=str)
def test_a_whole_host_stands_the_same(kill: Kill, tmp_path: Path) -> None:
    """
    A host that keeps its guarantees, killed at the same place, is not found out.
    """
    with world("lake", tmp_path, seed=3) as a_world:
        was_killed = a_world.live(kill)
        found = kinds(a_world)

    assert was_killed
    assert set() == found


@pytest.mark.parametrize(
    ("mutant", "expected"),
    [(None, {"counts"}), ("does not note routes", {"lost", "unsettled"})],
)
def test_routes_that_are_not_noted_are_missed(
    mutant: str | None, expected: set[str], tmp_path: Path
) -> None:
    """
    Staged again after another host's counts, a load goes where it was to go at first.

    It dies when its files are staged, and these are gone when it goes on. What
    is counted then is the other host's, which had no rows here.
    """
    with world("lake", tmp_path, seed=3, mutant=mutant) as a_world:
        was_killed = a_world.live(Kill("batcher", "note", 2, "after"))
        own = tmp_path / LAKE / "_forwarder"
        shutil.rmtree(own / "staging")
        with closing(SqliteEventCounts(own / "counts.db")) as counts:
            counts.add(LoadId("of another host"), EVERY_KIND, on=_today())
        found = kinds(a_world)

    assert was_killed
    assert expected <= found
    assert (mutant is None) == (found == {"counts"})


EVERY_KIND = {
    EventKind(event_type): THRESHOLD
    for event_type in ("screen_view", "first_run", None)
} | {
    EventKind("custom_event", "other", name): THRESHOLD
    for name in ("Open", "Close", "Rare")
}


def _today() -> date:
    return datetime.now(timezone.utc).date()


def test_each_mutant_is_examined() -> None:
    """
    Every mutant that there is is killed by a test of this file.
    """
    assert set(MUTANTS) == {*HURTS, "does not note routes"}
