"""
The memory stager: the contract, and what only it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.contracts.stager import StagerContract

if TYPE_CHECKING:
    from pathlib import Path


class TestMemoryStager(StagerContract):
    """
    The contract, over a mapping that the stagers of a test share.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty mapping.
        """
        super().begin(tmp_path)
        self.files: dict[str, bytes] = {}

    def open(self) -> MemoryStager:
        """
        Open the test's mapping.
        """
        return MemoryStager(self.files)

    def read(self, uri: str) -> bytes | None:
        """
        Look into the mapping.
        """
        return self.files.get(uri)


def test_files_are_its_own_when_none_are_given() -> None:
    """
    Two stagers without a mapping share nothing.
    """
    first, second = MemoryStager(), MemoryStager()

    assert first.files is not second.files


def test_strangers_in_the_mapping_are_no_staged_loads() -> None:
    """
    What someone else keeps in the mapping is neither listed nor discarded.
    """
    stager = MemoryStager({"s3://elsewhere/load/file": b""})

    assert set() == stager.staged()
