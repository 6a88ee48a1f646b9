"""
The contracts of loaders and destinations find what is broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from contract_runner import failing_clauses
from deltalake import DeltaTable

from databricks_forwarder.errors import PermanentError, SchemaError
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.model import LoadId, LoadResult, RowCount
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.contracts.destination import DestinationContract
from databricks_forwarder.testing.contracts.loader import LoaderContract

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from databricks_forwarder.model import (
        Finding,
        ParquetFile,
        StagedFile,
        TableName,
    )
    from databricks_forwarder.testing.contracts._samples import Row


class Partial(MemoryLoader):
    """
    L1: loads the first file only.
    """

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Read all files and keep one.
        """
        for file in files:
            self._read(file)
        return super().load(load_id, table, files[:1])


class Forgetful(MemoryLoader):
    """
    L2: knows the loads of its own process only.
    """

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Load under an id of this object's own.
        """
        return super().load(LoadId(f"{load_id} {id(self)}"), table, files)


class Offended(MemoryLoader):
    """
    L3: does nothing more once a table was refused.
    """

    is_offended = False

    def prepare(self, table: TableName, schema: pa.Schema, /) -> None:
        """
        Remember a refusal.
        """
        if self.is_offended:
            raise PermanentError("no more")
        try:
            super().prepare(table, schema)
        except SchemaError:
            self.is_offended = True
            raise


class Hasty(MemoryLoader):
    """
    L4: adds columns until it meets one that is refused.
    """

    def prepare(self, table: TableName, schema: pa.Schema, /) -> None:
        """
        Prepare column by column.
        """
        for field in schema:
            super().prepare(table, pa.schema([field]))


class Leaking(MemoryLoader):
    """
    L5: lets foreign errors out.
    """

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Look the files up without a thought.
        """
        for file in files:
            self._files[file.uri]
        return super().load(load_id, table, files)


class Eager(MemoryLoader):
    """
    L6: takes a load without files for done.
    """

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Remember every load.
        """
        if not files:
            self._lake.widen(table, pa.schema([]))
            self._lake.add(load_id, table, [])
        return super().load(load_id, table, files)


class Trusting(MemoryLoader):
    """
    L7: takes rows for different because they are there.
    """

    def count_rows(
        self, batcher_id: str, tables: Collection[TableName], /
    ) -> Mapping[TableName, Mapping[LoadId, RowCount]]:
        """
        Count, and compare no row with another.
        """
        counts = super().count_rows(batcher_id, tables)
        return {
            table: {load_id: RowCount(each.row_count) for load_id, each in held.items()}
            for table, held in counts.items()
        }


class Plain(MemoryLoader):
    """
    No breach: counts no rows, which nobody owes.
    """

    @property
    def count_rows(self) -> Any:
        """
        Have no such method.
        """
        raise AttributeError


class InMemory(LoaderContract):
    """
    The contract of a loader in memory.
    """

    loader: type[MemoryLoader] = MemoryLoader

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
        return self.loader(self.stager.files, self.lake)

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Keep the file's bytes where the loader finds them.
        """
        return self.stager.stage(file)

    def rows(self, table: TableName) -> list[Row]:
        """
        Look into the lake.
        """
        held = self.lake.tables.get(table)
        return [] if held is None else held.to_pylist()


@pytest.mark.parametrize(
    ("loader", "clauses"),
    [
        (MemoryLoader, set()),
        (Plain, set()),
        (Partial, {"L1"}),
        (Forgetful, {"L2"}),
        (Offended, {"L3"}),
        (Hasty, {"L4"}),
        (Leaking, {"L5"}),
        (Eager, {"L6"}),
        (Trusting, {"L7"}),
    ],
)
def test_a_broken_loader_fails_in_the_clause_it_breaks(
    loader: type[MemoryLoader], clauses: set[str], tmp_path: Path
) -> None:
    """
    Each breach is found by the tests of its clause, and by no other's.
    """
    contract = type("Examined", (InMemory,), {"loader": loader})

    assert clauses == failing_clauses(contract, tmp_path)


class Destination(DestinationContract):
    """
    The contract of a stager and a loader on the local disk.
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
        path = DeltaLoader(self.tmp_path / "lake").path(table)
        return DeltaTable(path).to_pyarrow_table().to_pylist()

    def misplaced(self) -> DeltaLoader:
        """
        Make a loader whose root lies under a file.
        """
        (self.tmp_path / "file").touch()
        return DeltaLoader(self.tmp_path / "file" / "lake")


class Misunderstanding(Destination):
    """
    D1: the loader loads nothing of what it was given.
    """

    def open(self) -> tuple[DirectoryStager, DeltaLoader]:
        """
        Open with a loader that is told of no file the first time.
        """
        stager, _ = super().open()

        class Deaf(DeltaLoader):
            def load(
                self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
            ) -> LoadResult:
                result = super().load(load_id, table, files)
                return result if result.was_repeat else LoadResult(0)

        return stager, Deaf(self.tmp_path / "lake")


class Undoing(Destination):
    """
    D2: discarding takes the rows along.
    """

    def open(self) -> tuple[DirectoryStager, DeltaLoader]:
        """
        Open with a stager that empties the lake.
        """
        _, loader = super().open()

        class Sweeping(DirectoryStager):
            def discard(self, load_id: LoadId, /) -> None:
                super().discard(load_id)
                for name in loader.tables():
                    DeltaTable(loader.path(name)).delete()

        return Sweeping(self.tmp_path / "staging"), loader


class Careless(Destination):
    """
    D3: checks nothing.
    """

    def misplaced(self) -> DeltaLoader:
        """
        Make a loader that finds nothing wrong.
        """

        class Blind(DeltaLoader):
            def check(self) -> Sequence[Finding]:
                return []

        return Blind(self.tmp_path / "file")


@pytest.mark.parametrize(
    ("contract", "clauses"),
    [
        (Destination, set()),
        (Misunderstanding, {"D1"}),
        (Undoing, {"D2"}),
        (Careless, {"D3"}),
    ],
)
def test_a_broken_destination_fails_in_the_clause_it_breaks(
    contract: type[DestinationContract], clauses: set[str], tmp_path: Path
) -> None:
    """
    Each breach is found by the tests of its clause, and by no other's.
    """
    assert clauses == failing_clauses(contract, tmp_path)
