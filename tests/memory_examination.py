"""
How the memory batcher is examined: whole, or broken on purpose.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.testing.contracts.batcher import BatcherContract

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.model import Offset


class MemoryBatcherExamination(BatcherContract):
    """
    The contract, over a storage that the batchers of a test share.

    Attributes:
        part: The class to examine.
    """

    part: ClassVar[type[MemoryBatcher]] = MemoryBatcher

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

    def open_another(self) -> MemoryBatcher:
        """
        Make a batcher with a storage of its own.
        """
        return self.part()

    def open_small(self, max_bytes: int) -> MemoryBatcher:
        """
        Open the test's storage with a limit.
        """
        return self.part(storage=self.storage, max_spool_bytes=max_bytes)

    def stored(self) -> list[bytes]:
        """
        Look into the storage.
        """
        records = self.storage.records
        return [records[offset].record.payload for offset in sorted(records)]

    def damage(self, offset: Offset) -> None:
        """
        Cut the last byte off.
        """
        kept = self.storage.records[offset]
        record = attrs.evolve(kept.record, payload=kept.record.payload[:-1])
        self.storage.records[offset] = attrs.evolve(kept, record=record)
