"""
A Delta table's folder: whether it is one, and how it survives a loss of power.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder._disk import sync
from databricks_forwarder.errors import TransientError

if TYPE_CHECKING:
    from pathlib import Path

    from deltalake import DeltaTable

__all__ = ["is_table", "overtaken", "sync_table"]


def is_table(path: Path) -> bool:
    """
    Whether there is a table with that folder.
    """
    return (path / "_delta_log").is_dir()


def sync_table(path: Path, found: DeltaTable) -> None:
    """
    Make a table's rows and log survive a loss of power; the engine doesn't.
    """
    # By name: the engine spells what is no ASCII of a path in its own way.
    for name in pa.table(found.get_add_actions())["path"].to_pylist():
        sync(path / name)
    log = path / "_delta_log"
    for file in log.iterdir():
        # An older one may be cleaned up by now.
        with suppress(FileNotFoundError):
            sync(file)
    sync(log)
    sync(path)


def overtaken(doing: str, path: Path, tries: int) -> TransientError:
    """
    Say that other writers came first each time.
    """
    return TransientError(
        f"{doing} in {path} failed: other writers came first {tries} times; try again"
    )
