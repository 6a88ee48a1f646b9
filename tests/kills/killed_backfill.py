"""
A process that moves a kind's earlier rows, and dies at some line of doing so.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import attrs

from databricks_forwarder import DatabricksSettings, Endpoint, Forwarder
from databricks_forwarder.loaders import _delta_backfill, _warehouse_backfill

_OF_MOVING = tuple(
    f"/loaders/{name}.py"
    for name in (
        "_delta_backfill",
        "_delta_whole",
        "_kind_rows",
        "_warehouse_backfill",
        "_said",
    )
)

THRESHOLD = 5


@attrs.frozen(kw_only=True)
class Move:
    """
    What a process is to do.

    Attributes:
        folder: Where spool and lake are.
        workspace: How to reach the workspace; None for a lake.
        line: At which line of what moves rows it dies, as they are run, from 0.
    """

    folder: Path
    workspace: Mapping[str, Any] | None = None
    line: int = -1


def open_mover(move: Move) -> Forwarder:
    """
    Open the forwarder; a kind has a table of its own from five messages on.
    """
    spool = move.folder / "spool.db"
    if move.workspace is None:
        return Forwarder.for_lake(
            move.folder / "lake", spool=spool, events_threshold=THRESHOLD
        )
    reached = dict(move.workspace)
    port, ca_file = int(reached.pop("port")), Path(reached.pop("ca_file"))
    return Forwarder.for_databricks(
        DatabricksSettings(**reached, events_threshold=THRESHOLD),
        spool=spool,
        endpoint=Endpoint("127.0.0.1", port=port, ca_file=ca_file),
    )


def move_rows(move: Move) -> None:
    """
    Move them in the smallest steps there are: what a process runs.
    """
    _delta_backfill._STEP_ROWS = 1
    _warehouse_backfill._STEP_LOADS = 1
    lines = count()

    def seen(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith(_OF_MOVING):
            return None
        if event == "line" and next(lines) == move.line:
            os.kill(os.getpid(), signal.SIGKILL)
        return seen

    with open_mover(move) as forwarder:
        sys.settrace(seen)
        try:
            forwarder.backfill()
        finally:
            sys.settrace(None)
