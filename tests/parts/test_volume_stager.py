"""
Files in a volume of a workspace.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from schemas import connected, new_schema, workspace

from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import LoadId
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.contracts.stager import StagerContract


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
