"""
The memory loader: the contract, and what only it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from databricks_forwarder.errors import PermanentError, SchemaError, SetupError
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.model import (
    Finding,
    LoadId,
    ParquetFile,
    StagedFile,
    TableName,
)
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.contracts.loader import LoaderContract

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.testing.contracts._samples import Row

LOAD = LoadId("0123456789ab-0-9")
TABLE = TableName("t")


class TestMemoryLoader(LoaderContract):
    """
    The contract, over a lake that the loaders of a test share.
    """

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
        return MemoryLoader(self.stager.files, self.lake)

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


def staged(uri: str) -> StagedFile:
    """
    A file of no rows at *uri*.
    """
    return StagedFile(load_id=LOAD, table=TABLE, uri=uri, row_count=0, size_bytes=0)


def test_tables_are_those_prepared() -> None:
    """
    A prepared table is there with its columns, before any load.
    """
    loader = MemoryLoader({})
    loader.prepare(TABLE, pa.schema({"id": pa.int64()}))

    assert {TABLE: pa.schema({"id": pa.int64()}).empty_table()} == loader.tables


def test_a_table_without_columns_is_a_table() -> None:
    """
    A table can be prepared for no columns at all.
    """
    loader = MemoryLoader({})
    loader.prepare(TABLE, pa.schema([]))

    assert [TABLE] == list(loader.tables)


def test_a_refused_new_table_is_not_there() -> None:
    """
    A schema with a type that no table has makes no table.
    """
    loader = MemoryLoader({})
    with pytest.raises(SchemaError, match="duration"):
        loader.prepare(TABLE, pa.schema({"id": pa.duration("s")}))

    assert {} == loader.tables


def test_a_uri_of_another_stager_is_a_set_up_error() -> None:
    """
    A URI that is not in the mapping is told with what to hand in.
    """
    with pytest.raises(SetupError, match="hand the loader the mapping"):
        MemoryLoader({}).load(LOAD, TABLE, [staged("memory://elsewhere")])


def test_bytes_that_are_no_parquet_can_never_be_loaded() -> None:
    """
    A damaged file is told by its URI, without its bytes.
    """
    loader = MemoryLoader({"memory://x": b"secret"})
    with pytest.raises(PermanentError) as raised:
        loader.load(LOAD, TABLE, [staged("memory://x")])

    assert f"memory://x of load {LOAD} is no Parquet file" == str(raised.value)


def test_check_has_nothing_to_find() -> None:
    """
    Memory is always set up.
    """
    assert [Finding("tables in memory")] == MemoryLoader({}).check()


def test_repr_of_a_lake_shows_no_rows() -> None:
    """
    The rows of a lake never reach a log by its repr.
    """
    assert "MemoryLake()" == repr(MemoryLake())
