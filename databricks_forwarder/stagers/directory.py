"""
Staging in a local folder: ``<root>/<load id>/<file name>``.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._disk import copy_file, disk_errors, make_folder, sync
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import LoadId, ParquetFile, StagedFile

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["DirectoryStager"]


class DirectoryStager:
    """
    A stager for loaders that read the local disk; a URI is an absolute path.

    A staged file is a copy, never a link: whoever writes the original again
    in its place must not reach what was staged. A load id that is no single
    component of a path is a `ConfigurationError`.

    Args:
        root: Folder for staged files and nothing else; made when needed.
    """

    breadth = 2
    """How many files at once are worth while: a disk is told to sync them."""

    def __init__(self, root: Path | str) -> None:
        self._root = Path(root).absolute()

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Copy *file* into the folder of its load.
        """
        staged = self.place(file)
        target = Path(staged.uri)
        with disk_errors(f"staging {file.path} as {target}"):
            make_folder(target.parent)
            copy_file(file.path, target)
        return staged

    def place(self, file: ParquetFile, /) -> StagedFile:
        """
        Tell the path of *file* in the folder of its load (S6).
        """
        return StagedFile(
            load_id=file.load_id,
            table=file.table,
            uri=str(self._folder(file.load_id) / file.name),
            row_count=file.row_count,
            size_bytes=file.size_bytes,
        )

    def staged(self) -> Collection[LoadId]:
        """
        The names of the folders in the root.
        """
        with disk_errors(f"listing the staged loads in {self._root}"):
            if not self._root.exists():
                return set()
            return {
                LoadId(entry.name) for entry in self._root.iterdir() if entry.is_dir()
            }

    def discard(self, load_id: LoadId, /) -> None:
        """
        Remove the folder of a load with all that is in it.
        """
        folder = self._folder(load_id)
        with disk_errors(f"discarding the staged files in {folder}"):
            if folder.exists():
                shutil.rmtree(folder)
                sync(self._root)

    def _folder(self, load_id: LoadId) -> Path:
        if load_id in {"", ".", ".."} or "/" in load_id or "\0" in load_id:
            msg = f"load id {load_id!r} can't name a folder in {self._root}"
            raise ConfigurationError(msg)
        return self._root / load_id
