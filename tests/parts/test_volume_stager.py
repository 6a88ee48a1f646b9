"""
Files in a volume of a workspace.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from noticing import come_together
from schemas import connected, new_schema, workspace

from databricks_forwarder.errors import ConfigurationError, SetupError
from databricks_forwarder.model import LoadId, ParquetFile, TableName
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.contracts.stager import StagerContract
from databricks_forwarder.testing.workspace import Fault


class TestVolumeStager(StagerContract):
    """
    The contract, over the Files API.
    """

    def begin(self, tmp_path: Path) -> None:
        """
        Begin with a schema without a volume.
        """
        super().begin(tmp_path)
        self.settings = new_schema()
        self.opened = ExitStack()

    def end(self) -> None:
        """
        Close all connections.
        """
        self.opened.close()

    def open(self) -> VolumeStager:
        """
        Open as a new process would.
        """
        return VolumeStager(self.opened.enter_context(connected(self.settings)))

    def read(self, uri: str) -> bytes | None:
        """
        Look at the workspace's disk.
        """
        try:
            return workspace().volume_file(uri).read_bytes()
        except FileNotFoundError:
            return None


@pytest.mark.parametrize("load_id", ["", ".", "..", "a/b", "../x", "a\0"])
def test_a_load_id_that_is_no_folder_s_name_is_refused(load_id: str) -> None:
    """
    What could lead out of the volume never becomes a path.
    """
    with connected(new_schema()) as client:
        stager = VolumeStager(client)

        with pytest.raises(ConfigurationError, match="can't name a folder"):
            stager.discard(LoadId(load_id))


def test_threads_share_the_failure_of_a_creation(tmp_path: Path) -> None:
    """
    Of many that miss the volume one asks for it; the next call asks again.
    """
    settings = new_schema()
    creating = f"CREATE VOLUME IF NOT EXISTS `main`.`{settings.schema_name}`"
    path = tmp_path / "a.parquet"
    path.write_bytes(b"rows")
    file = ParquetFile(
        load_id=LoadId("0123456789ab-0-9"),
        table=TableName("one"),
        part=0,
        path=path,
        row_count=1,
        size_bytes=4,
    )
    refused = ("INSUFFICIENT_PERMISSIONS", "42501", "User lacks CREATE VOLUME.")
    with connected(settings) as client:
        stager = VolumeStager(client)

        def failure() -> str:
            with pytest.raises(SetupError) as raised:
                stager.stage(file)
            return str(raised.value)

        workspace().fail(Fault(on="statement", matching=creating, error=refused))
        failures = come_together(stager, "_creating", failure)
        asked = [creating in (each.statement or "") for each in workspace().requests]

        assert (1, 1) == (len(set(failures)), sum(asked))
        assert b"rows" == workspace().volume_file(stager.stage(file).uri).read_bytes()
