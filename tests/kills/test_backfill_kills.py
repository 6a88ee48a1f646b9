"""
Whoever moves earlier rows is killed, again and again: each row is there once.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from deltalake import DeltaTable
from killed_backfill import THRESHOLD, Move, move_rows, open_mover
from killed_world import SERVER, Destination, reached

from databricks_forwarder.model import EventKind
from databricks_forwarder.testing.payloads import make_event, make_payload
from databricks_forwarder.testing.workspace import Workspace

BUY = EventKind("custom_event", "navigation", "Buy")
OWN = "event_navigation_buy"
LOADS = 6
KILLS = 5
IDS = Counter(range(1, 2 * LOADS + 1))

pytestmark = pytest.mark.timeout(300)

Rows = Counter[int | None]


def events(number: int) -> list[Mapping[str, Any]]:
    """
    Two events of the kind, and one of another.
    """
    own = [
        make_event(
            "custom_event",
            event_name="Buy",
            custom_event_type="navigation",
            event_id=event_id,
        )
        for event_id in (2 * number + 1, 2 * number + 2)
    ]
    return [*own, make_event("session_start")]


@attrs.define
class Place:
    """
    Where rows are moved.
    """

    move: Move
    workspace: Workspace | None

    def fill(self) -> None:
        """
        Load rows, of which the first came before their kind had a table.
        """
        with open_mover(self.move) as forwarder:
            for number in range(LOADS):
                forwarder.submit(make_payload(*events(number)))
                forwarder.flush()

    def is_killed(self, line: int) -> bool:
        """
        Let a process move rows; whether it died at this line.
        """
        move = attrs.evolve(self.move, line=line)
        process: Any = SERVER.Process(target=move_rows, args=(move,), daemon=True)
        process.start()
        process.join(100)
        assert process.exitcode in {0, -signal.SIGKILL}
        return bool(process.exitcode)

    def seen(self) -> tuple[Rows, Rows]:
        """
        The ids of the kind's events and of all, as who asks for them finds them.
        """
        if self.workspace is None:
            with open_mover(self.move) as forwarder:
                kind, all_ = (
                    forwarder.read(each).to_table()["data"].to_pylist()
                    for each in (BUY, None)
                )
            return _ids(kind), _ids(all_)
        kind, all_ = (
            self.workspace.query(f"SELECT data FROM {view}")["data"].to_pylist()
            for view in (f"{OWN}_all", "events")
        )
        return _ids(kind), _ids(all_)

    def held(self) -> Rows:
        """
        The ids in the kind's own table.
        """
        if self.workspace is None:
            rows = DeltaTable(self.move.folder / "lake" / OWN).to_pyarrow_table()
        else:
            rows = self.workspace.query(f"SELECT data FROM {OWN}")
        return _ids(rows["data"].to_pylist())


def _ids(rows: list[Any]) -> Rows:
    return Counter(data.get("event_id") for data in rows)


@contextmanager
def place(destination: Destination, folder: Path) -> Iterator[Place]:
    """
    Make a lake or a workspace with rows in it.
    """
    if destination == "lake":
        yield Place(Move(folder=folder), None)
        return
    with Workspace(schema="mparticle", events_threshold=THRESHOLD) as workspace:
        yield Place(Move(folder=folder, workspace=reached(workspace)), workspace)


@pytest.mark.parametrize("destination", ["lake", "workspace"])
def test_killed_movers_move_each_row_once(
    destination: Literal["lake", "workspace"], tmp_path: Path
) -> None:
    """
    None is lost or doubled, and on a lake none is seen twice in between.
    """
    killed, line = 0, 2
    with place(destination, tmp_path) as where:
        where.fill()
        before = where.held()
        # Each gets a little further, from where the one before it died.
        while where.is_killed(line):
            killed, line = killed + 1, 2 * line + 1
            kind, all_ = where.seen()
            assert set(IDS) == set(kind)
            assert {None, *IDS} == set(all_)
            if destination == "lake":
                assert (IDS, IDS + Counter({None: LOADS})) == (kind, all_)
        kind, all_ = where.seen()
        held = where.held()

    assert killed >= KILLS
    assert before.total() < held.total()
    assert IDS == held == kind
    assert IDS + Counter({None: LOADS}) == all_
