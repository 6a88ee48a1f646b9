"""
The unmodified databricks-sdk takes the loopback workspace for one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import (
    AlreadyExists,
    BadRequest,
    NotFound,
    PermissionDenied,
)
from talking import VOLUME, with_volume

from databricks_forwarder.testing.workspace import Workspace


@pytest.fixture
def sdk(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkspaceClient]:
    """
    A client that signs in with the service principal's secret.
    """
    # It takes authorities from the environment alone.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(workspace.ca_file))
    with_volume(workspace)
    settings = workspace.settings
    client = WorkspaceClient(
        config=Config(
            host=workspace.url,
            client_id=settings.client_id,
            client_secret=settings.client_secret.reveal(),
            retry_timeout_seconds=1,
        )
    )
    yield client
    client.api_client._api_client._session.close()
    session = client.files._cached_cloud_provider_session
    if session:
        session.close()


def test_file_goes_up_and_comes_down(sdk: WorkspaceClient) -> None:
    """
    The SDK uploads a file and downloads the same.
    """
    sdk.files.upload(f"{VOLUME}/a/b.bin", io.BytesIO(b"one"), overwrite=True)
    with sdk.files.download(f"{VOLUME}/a/b.bin").contents as contents:
        found = contents.read()

    assert b"one" == found


def test_existing_file_is_refused(sdk: WorkspaceClient) -> None:
    """
    The SDK takes the refusal to overwrite for what it is.
    """
    sdk.files.upload(f"{VOLUME}/a.bin", io.BytesIO(b"one"), overwrite=False)
    with pytest.raises(AlreadyExists):
        sdk.files.upload(f"{VOLUME}/a.bin", io.BytesIO(b"two"), overwrite=False)


def test_metadata_is_told(sdk: WorkspaceClient) -> None:
    """
    The SDK reads a file's length and time, and that a directory is there.
    """
    sdk.files.upload(f"{VOLUME}/a/b.bin", io.BytesIO(b"one"), overwrite=True)
    metadata = sdk.files.get_metadata(f"{VOLUME}/a/b.bin")
    sdk.files.get_directory_metadata(f"{VOLUME}/a")

    assert (3, "application/octet-stream") == (
        metadata.content_length,
        metadata.content_type,
    )
    assert metadata.last_modified


def test_directories_are_listed_page_by_page(sdk: WorkspaceClient) -> None:
    """
    The SDK lists a directory over several pages.
    """
    for number in range(3):
        sdk.files.upload(f"{VOLUME}/{number}", io.BytesIO(b"x"), overwrite=True)
    sdk.files.create_directory(f"{VOLUME}/d")
    found = list(sdk.files.list_directory_contents(VOLUME, page_size=2))

    assert ["0", "1", "2", "d"] == [each.name for each in found]
    assert [False, False, False, True] == [each.is_directory for each in found]


def test_files_and_directories_are_deleted(sdk: WorkspaceClient) -> None:
    """
    The SDK deletes files, and directories once they are empty.
    """
    sdk.files.upload(f"{VOLUME}/a/b.bin", io.BytesIO(b"one"), overwrite=True)
    with pytest.raises(BadRequest, match="not empty"):
        sdk.files.delete_directory(f"{VOLUME}/a")
    sdk.files.delete(f"{VOLUME}/a/b.bin")
    sdk.files.delete_directory(f"{VOLUME}/a")
    with pytest.raises(NotFound):
        sdk.files.get_directory_metadata(f"{VOLUME}/a")

    assert [] == list(sdk.files.list_directory_contents(VOLUME))


def test_missing_file_is_told(sdk: WorkspaceClient) -> None:
    """
    The SDK takes a missing file for what it is, also without a body to read.
    """
    with pytest.raises(NotFound):
        sdk.files.download(f"{VOLUME}/none.bin")
    with pytest.raises(NotFound):
        sdk.files.get_metadata(f"{VOLUME}/none.bin")


def test_missing_privilege_is_told(workspace: Workspace, sdk: WorkspaceClient) -> None:
    """
    The SDK shows which privilege is missing on what.
    """
    workspace.revoke("WRITE VOLUME", "VOLUME", "main.mparticle.files")
    with pytest.raises(
        PermissionDenied, match=r"WRITE VOLUME on Volume 'main\.mparticle\.files'"
    ):
        sdk.files.upload(f"{VOLUME}/a.bin", io.BytesIO(b"one"), overwrite=True)


@pytest.mark.parametrize("parallel", [True, False])
def test_large_upload_falls_back(sdk: WorkspaceClient, parallel: bool) -> None:
    """
    An upload that the SDK would send in parts arrives at once.
    """
    content = bytes(range(256)) * 1_000
    sdk.files._config.files_ext_multipart_upload_min_stream_size = 1_000
    sdk.files.upload(
        f"{VOLUME}/a.bin", io.BytesIO(content), overwrite=True, use_parallel=parallel
    )
    with sdk.files.download(f"{VOLUME}/a.bin").contents as contents:
        found = contents.read()

    assert content == found


def test_warehouse_is_told(workspace: Workspace, sdk: WorkspaceClient) -> None:
    """
    The SDK reads the warehouse's state.
    """
    found = sdk.warehouses.get(workspace.settings.warehouse_id)

    assert found.state is not None
    assert "RUNNING" == found.state.value
