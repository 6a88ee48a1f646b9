"""
Parts that erase, each under its contract.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pyarrow.parquet as pq
from deltalake import DeltaTable
from erasures import InMemoryBatcher, InMemoryLoader, bytes_under
from schemas import connected, new_schema, rows_of

from databricks_forwarder import Forwarder
from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.loaders._warehouse_erasing import places_in
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.model import ParquetFile, StagedFile, TableName
from databricks_forwarder.mparticle.person import Person
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.contracts.erasing import (
    ErasingBatcherContract,
    ErasingLoaderContract,
)
from databricks_forwarder.testing.payloads import make_payload


class TestMemoryBatcher(InMemoryBatcher):
    """
    In memory.
    """


class TestMemoryLoader(InMemoryLoader):
    """
    In memory.
    """


class TestSqliteBatcher(ErasingBatcherContract):
    """
    Over one file for each test.
    """

    def open(self) -> SqliteBatcher:
        """
        Open the test's file.
        """
        return SqliteBatcher(self.tmp_path / "spool.db")

    def written(self) -> bytes:
        """
        Take every byte of the file, its log and what else begins with its name.
        """
        return bytes_under(self.tmp_path, "spool.db*")


class TestDeltaLoader(ErasingLoaderContract):
    """
    Over one folder.
    """

    def open(self) -> DeltaLoader:
        """
        Open the test's lake.
        """
        return DeltaLoader(self.tmp_path / "lake")

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Copy the file to where the loader finds it.
        """
        return DirectoryStager(self.tmp_path / "staging").stage(file)

    def rows(self, table: TableName) -> list[dict[str, object]]:
        """
        Read the table by the engine.
        """
        return DeltaTable(self.open().path(table)).to_pyarrow_table().to_pylist()

    def history(self) -> str:
        """
        Read the logs of all tables.
        """
        return bytes_under(self.tmp_path / "lake", "*/_delta_log/*").decode()


class TestWarehouseLoader(ErasingLoaderContract):
    """
    Over the real connector.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty schema.
        """
        super().begin(tmp_path)
        self.settings = new_schema()
        self.opened = ExitStack()
        self.asked: list[str] = []

    def end(self) -> None:
        """
        Close all connections.
        """
        self.opened.close()

    def client(self) -> DatabricksClient:
        """
        Connect as a new process would, and listen to what is asked.
        """
        client = self.opened.enter_context(connected(self.settings))
        run = client.warehouse.run

        def heard(sql: str, **options: float) -> list[tuple[object, ...]]:
            self.asked.append(sql)
            return run(sql, **options)

        client.warehouse.run = heard
        return client

    def open(self) -> WarehouseLoader:
        """
        Open over the test's schema.
        """
        return WarehouseLoader(self.client())

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Put the file into the volume.
        """
        return VolumeStager(self.client()).stage(file)

    def rows(self, table: TableName) -> list[dict[str, object]]:
        """
        Ask as an administrator.
        """
        return rows_of(self.settings, table)

    def history(self) -> str:
        """
        Give every statement that was sent.
        """
        return "\n".join(self.asked)


def test_files_that_are_written_again_say_nothing_of_texts(tmp_path: Path) -> None:
    """
    Neither a footer nor the log has the smallest and largest of anybody's texts.
    """
    with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "spool.db") as lake:
        lake.submit_many([make_payload(mpid=mpid) for mpid in (1, 2)])
        lake.flush()
        lake.erase(mpids=[1])
    (again,) = (tmp_path / "lake/mparticle_otherevents").glob("part-*.parquet")
    footer = pq.read_metadata(again)
    columns = [footer.row_group(0).column(at) for at in range(footer.num_columns)]
    log = bytes_under(tmp_path / "lake", "*/_delta_log/*")

    assert [] == [each.path_in_schema for each in columns if each.is_stats_set]
    assert b"person1@example.com" not in log


def test_a_table_that_is_dropped_meanwhile_has_no_places() -> None:
    """
    Who looks for rows in a table that is gone finds none, and no error.
    """
    with connected(new_schema()) as client:
        assert [] == places_in(client, TableName("gone"), Person.of([1], {}))
