"""
Staging in memory, for tests and trials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._disk import disk_errors
from databricks_forwarder.model import LoadId, ParquetFile, StagedFile

if TYPE_CHECKING:
    from collections.abc import Collection, MutableMapping

__all__ = ["MemoryStager"]


class MemoryStager:
    """
    A stager that keeps the files' bytes in a mapping.

    Args:
        files: Where to keep them, URI → bytes; hand the same mapping to the
            `MemoryLoader` that is to read them.
    """

    def __init__(self, files: MutableMapping[str, bytes] | None = None) -> None:
        self._files: MutableMapping[str, bytes] = {} if files is None else files

    @property
    def files(self) -> MutableMapping[str, bytes]:
        """
        The staged bytes by URI, as they are kept.
        """
        return self._files

    def stage(self, file: ParquetFile, /) -> StagedFile:
        """
        Keep the bytes of *file* under its URI.
        """
        with disk_errors(f"reading {file.path} of load {file.load_id}"):
            content = file.path.read_bytes()
        staged = self.place(file)
        self._files[staged.uri] = content
        return staged

    def place(self, file: ParquetFile, /) -> StagedFile:
        """
        Tell the URI of *file* (S6).
        """
        return StagedFile(
            load_id=file.load_id,
            table=file.table,
            uri=f"{_folder(file.load_id)}{file.name}",
            row_count=file.row_count,
            size_bytes=file.size_bytes,
        )

    def staged(self) -> Collection[LoadId]:
        """
        The load ids that have bytes left.
        """
        return {
            LoadId(uri.removeprefix(_ROOT).rpartition("/")[0])
            for uri in tuple(self._files)
            if uri.startswith(_ROOT)
        }

    def discard(self, load_id: LoadId, /) -> None:
        """
        Forget the bytes of a load.
        """
        folder = _folder(load_id)
        for uri in tuple(self._files):
            if uri.startswith(folder):
                self._files.pop(uri, None)


_ROOT = "memory://"


def _folder(load_id: LoadId) -> str:
    return f"{_ROOT}{load_id}/"
