"""
A process that dies between any two calls of a step, and the next that goes on.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import pytest
from walking import (
    COMPOSITIONS,
    Composition,
    InMemory,
    OnDisk,
    batch,
    custom,
    event_ids,
    places,
)

from databricks_forwarder.errors import PermanentError
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.model import Account, EventKind, Payload
from databricks_forwarder.settings import ConnectionSettings
from databricks_forwarder.testing.faults import Fail, Killed, faulty
from databricks_forwarder.testing.journal import Journal, journaled

When = Literal["before", "after"]
Point = tuple[str, str, int, When]
"""Part, method, which of its calls, on which side of it."""

# In the order of a step, with how often it is called for three tables.
CALLS = {
    ("stager", "staged"): 1,
    ("batcher", "status"): 1,
    ("batcher", "lease"): 1,
    ("router", "route"): 1,
    ("batcher", "erasures"): 1,
    ("batcher", "note"): 5,
    ("stager", "stage"): 3,
    ("loader", "prepare"): 3,
    ("loader", "load"): 3,
    ("router", "loaded"): 1,
    ("batcher", "commit"): 1,
    ("stager", "discard"): 1,
}
WHENS: tuple[When, ...] = ("before", "after")
POINTS: list[Point] = [
    (part, method, nth, when)
    for (part, method), times in CALLS.items()
    for nth in range(1, times + 1)
    for when in WHENS
]
KINDS = {
    EventKind("custom_event", "navigation", "Open"): 3,
    EventKind("custom_event", "navigation", "Close"): 1,
    EventKind("custom_event", "navigation", "Sent"): 1,
}


def spell(point: Point) -> str:
    """
    Name a point in the report.
    """
    part, method, nth, when = point
    return f"{when}-{part}.{method}-{nth}"


@pytest.fixture(params=COMPOSITIONS)
def composition(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """
    Hold eight messages: five for three tables, one to drop, two dead.
    """
    composition = request.param(
        tmp_path, connection=ConnectionSettings(send_batches_without_events=False)
    )
    with composition.forwarder() as forwarder:
        forwarder.submit(batch(*(custom("Open", each) for each in (1, 2, 3))))
        forwarder.submit(batch())
        forwarder.submit(
            batch(custom("Sent", 4), source_info={"channel": "partner", "partner": "A"})
        )
        damaged = Payload(b"{", 2)
        forwarder._batcher.append([damaged], at=composition.clock.now())
        forwarder.submit(batch(custom("Close", 5)))
    yield composition
    composition.die()


def crash(composition: Composition, *points: Point) -> None:
    """
    Let a new process carry what waits, and die at one of *points*.
    """

    def wrap(name: str, part: Any) -> Any:
        faults = [
            Fail(method=method, nth=nth, when=when)
            for part_name, method, nth, when in points
            if part_name == name
        ]
        return faulty(part, *faults)

    forwarder = composition.forwarder(wrap=wrap)
    with pytest.raises(Killed):
        forwarder.flush()
    composition.die()


def see_that_all_is_well(composition: Composition) -> None:
    """
    Let a last process go on, and see that each event is there once.
    """
    with composition.forwarder() as forwarder:
        forwarder.flush()
        status = forwarder.status()
        tables = composition.tables()

        assert Counter([(0, 0), (0, 1), (0, 2), (2, 0), (4, 0)]) == places(tables)
        assert Counter([1, 2, 3, 4, 5]) == event_ids(tables)
        assert Account(received=8, loaded=5, dead=2, dropped=1) == status.account
        assert ([], []) == (
            list(status.open_load_ids),
            list(status.parked_load_ids),
        )
        assert [3] == [letter.offset for letter in forwarder.dead_letters()]
        assert KINDS == composition.counted(KINDS)
        assert set() == composition.staged()
        assert [] == list((composition.folder / "scratch").glob("*"))


def test_the_points_are_all_calls_of_a_step(tmp_path: Path) -> None:
    """
    The points of this file are all calls that a step makes.
    """
    journal = Journal()
    composition = InMemory(tmp_path)
    with composition.forwarder(
        wrap=lambda name, part: journaled(part, journal, name)
    ) as forwarder:
        forwarder.submit(batch(*(custom("Open", each) for each in (1, 2, 3))))
        forwarder.submit(batch(custom("Close", 4)))
        forwarder.submit(
            batch(custom("Sent", 5), source_info={"channel": "partner", "partner": "A"})
        )
        journal.entries.clear()
        forwarder.tick()
        forwarder._step_now()

    calls = Counter((entry.part, entry.method) for entry in journal)
    # One for the tick that finds nothing due, two for the end.
    calls -= Counter({("batcher", "lease"): 1})
    calls -= Counter({("batcher", "status"): 1, ("batcher", "close"): 1})

    assert Counter(CALLS) == calls


@pytest.mark.parametrize("point", POINTS, ids=spell)
def test_a_death_costs_nothing(composition: Composition, point: Point) -> None:
    """
    Whichever call of a step is the last, each event is there once in the end.
    """
    crash(composition, point)

    see_that_all_is_well(composition)


@pytest.mark.parametrize(
    "points",
    [
        [("batcher", "lease", 1, "after"), ("batcher", "note", 1, "before")],
        [("batcher", "note", 1, "after"), ("stager", "stage", 2, "after")],
        [("stager", "stage", 2, "after"), ("stager", "stage", 2, "after")],
        [("stager", "stage", 3, "after"), ("batcher", "note", 1, "after")],
        [("batcher", "note", 2, "after"), ("loader", "load", 1, "after")],
        [("loader", "load", 1, "after"), ("loader", "load", 1, "after")],
        [("loader", "load", 2, "before"), ("router", "loaded", 1, "after")],
        [("router", "loaded", 1, "after"), ("router", "loaded", 1, "after")],
        [("router", "loaded", 1, "after"), ("batcher", "commit", 1, "after")],
        [("batcher", "commit", 1, "before"), ("stager", "discard", 1, "before")],
    ],
    ids=lambda points: "-then-".join(map(spell, points)),
)
def test_two_deaths_cost_nothing(composition: Composition, points: list[Point]) -> None:
    """
    A second death while the first is made good costs nothing either.
    """
    for point in points:
        crash(composition, point)

    see_that_all_is_well(composition)


@pytest.mark.parametrize(
    "point",
    [
        ("stager", "staged", 1, "before"),
        ("stager", "staged", 1, "after"),
        ("batcher", "status", 1, "before"),
        ("batcher", "status", 1, "after"),
        ("stager", "discard", 1, "before"),
        ("stager", "discard", 1, "after"),
    ],
    ids=spell,
)
def test_a_death_in_the_sweep_costs_nothing(
    composition: Composition, point: Point
) -> None:
    """
    A process that dies while it sweeps leaves what the next one sweeps.
    """
    crash(composition, ("batcher", "commit", 1, "after"))
    crash(composition, point)

    see_that_all_is_well(composition)


@pytest.mark.parametrize("when", WHENS)
def test_a_death_beside_parking_costs_nothing(
    composition: Composition, when: When
) -> None:
    """
    A process that dies as it parks a load leaves it open or parked, whole.
    """

    def wrap(name: str, part: Any) -> Any:
        refused = Fail(method="prepare", nth=2, error=PermanentError("no"))
        return faulty(part, refused, Fail(method="park", when=when))

    forwarder = composition.forwarder(wrap=wrap)
    with pytest.raises(Killed):
        forwarder.flush()
    composition.die()
    with composition.forwarder() as forwarder:
        for load_id in forwarder.status().parked_load_ids:
            forwarder.carry_on(load_id)

    see_that_all_is_well(composition)


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_a_death_between_tables_leaves_whole_tables(
    composition: Composition, nth: int
) -> None:
    """
    When a process dies between two tables, those before are whole.
    """
    crash(composition, ("loader", "load", nth, "after"))

    sizes = [len(table) for table in composition.tables().values()]
    loaded = sum(size > 0 for size in sizes)
    # Side by side, others may overtake the one that dies.
    side_by_side = isinstance(composition, OnDisk) and DeltaLoader.breadth > 1

    assert loaded == nth or (side_by_side and nth < loaded)
    assert set(sizes) <= {0, 1, 3}


def test_what_is_not_ours_stays_staged(tmp_path: Path) -> None:
    """
    The sweep leaves alone what another spool has staged.
    """
    composition = InMemory(tmp_path)
    composition.files["memory://0123456789ab-0-7/a.parquet"] = b""
    with composition.forwarder() as forwarder:
        forwarder.tick()

    assert {"0123456789ab-0-7"} == composition.staged()
