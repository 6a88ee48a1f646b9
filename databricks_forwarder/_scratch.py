"""
Folders for files in the making: one for each load that is carried.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from contextlib import ExitStack

    from databricks_forwarder.model import LoadId

__all__ = [
    "load_folder",
    "load_folders",
    "make_scratch",
    "remove_folders",
    "remove_others",
]


def make_scratch(closing: ExitStack) -> Path:
    """
    Make a folder among the system's temporary ones; *closing* removes it.
    """
    folder = Path(tempfile.mkdtemp(prefix="databricks-forwarder-"))
    closing.callback(_remove, folder, os.getpid())
    return folder


@contextmanager
def load_folder(scratch: Path, load_id: LoadId) -> Iterator[Path]:
    """
    Make an empty folder for the load's files in the making; it is gone after.
    """
    # Another holder may be at work on the same load, its lease expired: each
    # has a folder of its own.
    folder = scratch / f"{load_id}.{secrets.token_hex(4)}"
    with disk_errors(f"writing the files of load {load_id} in {folder}"):
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def load_folders(scratch: Path) -> list[Path]:
    """
    List the folders of loads, a crash's leftovers among them.
    """
    return list(scratch.glob("*"))


def remove_folders(scratch: Path, load_id: LoadId) -> None:
    """
    Remove what lives that were cut short left of a load that is done.
    """
    for folder in scratch.glob(f"{load_id}.*"):
        shutil.rmtree(folder, ignore_errors=True)


def remove_others(folders: Collection[Path], kept: Collection[LoadId]) -> None:
    """
    Remove those of *folders* that are of none of the loads *kept*.
    """
    for folder in folders:
        if folder.stem not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _remove(folder: Path, maker: int) -> None:
    # A forked child that closes its copy leaves the folder to its parent.
    if os.getpid() == maker:
        shutil.rmtree(folder, ignore_errors=True)
