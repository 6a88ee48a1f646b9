"""
Stagers and loaders that fit each other: the contract of a destination.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import attrs
from deltalake import DeltaTable
from schemas import connected, new_schema, rows_of

from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.contracts.destination import DestinationContract

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.model import TableName
    from databricks_forwarder.testing.contracts._samples import Row


class TestMemoryDestination(DestinationContract):
    """
    The contract, in memory.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with nothing staged and an empty lake.
        """
        super().begin(tmp_path)
        self.files: dict[str, bytes] = {}
        self.lake = MemoryLake()

    def open(self) -> tuple[MemoryStager, MemoryLoader]:
        """
        Open what the parts of a test share.
        """
        return MemoryStager(self.files), MemoryLoader(self.files, self.lake)

    def rows(self, table: TableName) -> list[Row]:
        """
        Look into the lake.
        """
        return self.lake.tables[table].to_pylist()

    def misplaced(self) -> None:
        """
        Memory can't be set up wrongly.
        """


class TestLocalLake(DestinationContract):
    """
    The contract, on the local disk.
    """

    def open(self) -> tuple[DirectoryStager, DeltaLoader]:
        """
        Open the test's folders.
        """
        lake = self.tmp_path / "lake"
        return DirectoryStager(self.tmp_path / "staging"), DeltaLoader(lake)

    def rows(self, table: TableName) -> list[Row]:
        """
        Read the table by the engine.
        """
        _, loader = self.open()
        return DeltaTable(loader.path(table)).to_pyarrow_table().to_pylist()

    def misplaced(self) -> DeltaLoader:
        """
        Make a loader whose root lies under a file.
        """
        place = self.tmp_path / "file"
        place.touch()
        return DeltaLoader(place / "lake")


class TestWorkspace(DestinationContract):
    """
    The contract, in a workspace on loopback.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty schema.
        """
        super().begin(tmp_path)
        self.settings = new_schema()
        self.opened = ExitStack()

    def end(self) -> None:
        """
        Close all connections.
        """
        self.opened.close()

    def open(self) -> tuple[VolumeStager, WarehouseLoader]:
        """
        Open both over one client.
        """
        client = self.opened.enter_context(connected(self.settings))
        return VolumeStager(client), WarehouseLoader(client)

    def rows(self, table: TableName) -> list[Row]:
        """
        Ask as an administrator.
        """
        return rows_of(self.settings, table)

    def misplaced(self) -> WarehouseLoader:
        """
        Name a schema that is not there.
        """
        settings = attrs.evolve(self.settings, schema_name="not_there")
        return WarehouseLoader(self.opened.enter_context(connected(settings)))
