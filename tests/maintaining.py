"""
What tests of maintenance share: contracts over a lake and over a workspace.
"""

from __future__ import annotations

import atexit
import json
import secrets
import shutil
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
from deltalake import DeltaTable
from schemas import GRANTS

from databricks_forwarder import DatabricksClient, DatabricksSettings
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.model import ParquetFile, StagedFile, TableName
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.contracts.maintaining import (
    MaintainingLoaderContract,
)
from databricks_forwarder.testing.workspace import Workspace

KEPT = "delta.deletedFileRetentionDuration"
DAYS = 8
MILLISECONDS = DAYS * 24 * 3600 * 1000


@cache
def moving_workspace() -> tuple[Workspace, FakeClock, Path]:
    """
    Start a workspace whose time can pass, for the tests of this process.
    """
    clock, root = FakeClock(), Path(tempfile.mkdtemp())
    workspace = Workspace(root, clock=clock).start()
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    atexit.register(workspace.close)
    return workspace, clock, root


def own_schema(workspace: Workspace) -> DatabricksSettings:
    """
    Make a schema of its own, with the documented grants.
    """
    name = f"s{secrets.token_hex(6)}"
    settings = attrs.evolve(workspace.settings, schema_name=name)
    workspace.query(f"CREATE SCHEMA main.{name}")
    for privilege in GRANTS:
        workspace.query(
            f"GRANT {privilege} ON SCHEMA main.{name} TO `{settings.client_id}`"
        )
    return settings


def aged(folder: Path) -> None:
    """
    Rewrite a table's log as if files had been taken out eight days ago.
    """
    for path in folder.glob("_delta_log/*.json"):
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for line in lines:
            if "remove" in line:
                line["remove"]["deletionTimestamp"] -= MILLISECONDS
        path.write_text("\n".join(map(json.dumps, lines)), "utf-8")


class OverLake(MaintainingLoaderContract):
    """
    Over one folder.
    """

    part: type[DeltaLoader] = DeltaLoader

    def open(self) -> DeltaLoader:
        """
        Open the test's lake.
        """
        return self.part(self.tmp_path / "lake")

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Copy the file to where the loader finds it.
        """
        return DirectoryStager(self.tmp_path / "staging").stage(file)

    def table(self, table: TableName) -> DeltaTable:
        """
        Open a table by the engine.
        """
        return DeltaTable(str(DeltaLoader(self.tmp_path / "lake").path(table)))

    def rows(self, table: TableName) -> list[dict[str, Any]]:
        """
        Read the table by the engine.
        """
        return self.table(table).to_pyarrow_table().to_pylist()

    def files(self, table: TableName) -> set[str]:
        """
        List the table's folder.
        """
        folder = DeltaLoader(self.tmp_path / "lake").path(table)
        return {path.name for path in folder.glob("*.parquet")}

    def later(self, table: TableName) -> None:
        """
        Have the log say so.
        """
        aged(DeltaLoader(self.tmp_path / "lake").path(table))

    def keep(self, table: TableName, said: str) -> None:
        """
        Set the property by the engine.
        """
        self.table(table).alter.set_table_properties({KEPT: said})

    def hide(self, table: TableName) -> None:
        """
        Break a table's log.
        """
        loader = DeltaLoader(self.tmp_path / "lake")
        loader.prepare(table, schema_of("screen_view"))
        (log,) = loader.path(table).glob("_delta_log/*.json")
        log.write_text("?", "utf-8")


class OverWorkspace(MaintainingLoaderContract):
    """
    Over the real connector, in a workspace whose time can pass.
    """

    part: type[WarehouseLoader] = WarehouseLoader

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with an empty schema.
        """
        super().begin(tmp_path)
        self.opened = ExitStack()
        self.workspace, self.clock, self.root = moving_workspace()
        self.settings = own_schema(self.workspace)

    def end(self) -> None:
        """
        Close all connections.
        """
        self.opened.close()

    def client(self) -> DatabricksClient:
        """
        Connect as a new process would.
        """
        client = DatabricksClient(self.settings, endpoint=self.workspace.endpoint)
        self.opened.callback(client.close)
        return client

    def open(self) -> WarehouseLoader:
        """
        Open over the test's schema.
        """
        return self.part(self.client())

    def stage(self, file: ParquetFile) -> StagedFile:
        """
        Put the file into the volume.
        """
        return VolumeStager(self.client()).stage(file)

    def name(self, table: str) -> str:
        """
        Name a table of the test's schema.
        """
        return f"main.{self.settings.schema_name}.`{table}`"

    def rows(self, table: TableName) -> list[dict[str, Any]]:
        """
        Ask as an administrator.
        """
        found: pa.Table = self.workspace.query(f"SELECT * FROM {self.name(table)}")
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    def files(self, table: TableName) -> set[str]:
        """
        List the folder that the table tells.
        """
        told = self.workspace.query(f"DESCRIBE DETAIL {self.name(table)}")["location"][
            0
        ]
        folder = self.root / "tables" / told.as_py().rpartition("/")[2]
        return {path.name for path in folder.glob("*.parquet")}

    def later(self, table: TableName) -> None:
        """
        Set the workspace's clock forward.
        """
        self.clock.advance(days=DAYS)

    def keep(self, table: TableName, said: str) -> None:
        """
        Set the property as an administrator.
        """
        self.workspace.query(
            f"ALTER TABLE {self.name(table)} SET TBLPROPERTIES ('{KEPT}' = '{said}')"
        )

    def hide(self, table: TableName) -> None:
        """
        Have a table of somebody else that may be written, not read.
        """
        self.workspace.query(
            f"CREATE TABLE {self.name(table)} "
            "(_load_id STRING, _offset BIGINT, mpid BIGINT, "
            "user_identities MAP<STRING, STRUCT<identity: STRING>>)"
        )
        principal = self.settings.client_id
        self.workspace.query(
            f"GRANT MODIFY ON TABLE {self.name(table)} TO `{principal}`"
        )
