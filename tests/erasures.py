"""
The contracts of parts that erase, over the parts that tests share.
"""

from __future__ import annotations

import pickle
from pathlib import Path

from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.model import ParquetFile, StagedFile, TableName
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.contracts.erasing import (
    ErasingBatcherContract,
    ErasingLoaderContract,
)


class InMemoryBatcher(ErasingBatcherContract):
    """
    Over a storage that the batchers of a test share.
    """

    part: type[MemoryBatcher] = MemoryBatcher

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty storage.
        """
        super().begin(tmp_path)
        self.storage = MemoryStorage()

    def open(self) -> MemoryBatcher:
        """
        Open the test's storage.
        """
        return self.part(storage=self.storage)

    def written(self) -> bytes:
        """
        Take all that can be reached from the storage.
        """
        kept = (self.storage.records, self.storage.dead)
        return pickle.dumps(kept)


class InMemoryLoader(ErasingLoaderContract):
    """
    Over a lake that the loaders of a test share.
    """

    part: type[MemoryLoader] = MemoryLoader

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty lake.
        """
        super().begin(tmp_path)
        self.stager = MemoryStager()
        self.lake = MemoryLake()

    def open(self) -> MemoryLoader:
        """
        Open the test's lake.
        """
        return self.part(self.stager.files, self.lake)

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Keep the file's bytes where the loader finds them.
        """
        return self.stager.stage(file)

    def rows(self, table: TableName) -> list[dict[str, object]]:
        """
        Look into the lake.
        """
        held = self.lake.tables.get(table)
        return [] if held is None else held.to_pylist()


def bytes_under(folder: Path, pattern: str = "**/*") -> bytes:
    """
    Every byte of the files of a folder.
    """
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    return b"".join(path.read_bytes() for path in files)
