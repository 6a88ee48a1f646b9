"""
PUT, GET and REMOVE, through the real connector.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import requests
from databricks.sql import exc
from patience import PATIENCE_SECONDS
from sql_clients import cursor_of, rows_of

from databricks_forwarder.testing.workspace import Fault, Workspace

_PATH = "/Volumes/main/mparticle/files/a/b.txt"


@pytest.fixture
def volume(workspace: Workspace) -> Workspace:
    """
    A workspace with a volume of the service principal's.
    """
    rows_of(workspace, "CREATE VOLUME main.mparticle.files")
    return workspace


def _put(workspace: Workspace, folder: Path, data: bytes, suffix: str = "") -> None:
    local = folder / "local.txt"
    local.write_bytes(data)
    with cursor_of(workspace, staging_allowed_local_path=str(folder)) as cursor:
        cursor.execute(f"PUT '{local}' INTO '{_PATH}' {suffix}")


def _stored(workspace: Workspace) -> bytes:
    reply = requests.get(
        f"{workspace.url}/api/2.0/fs/files{_PATH}",
        headers=workspace._authorization(),
        verify=str(workspace.ca_file),
        timeout=PATIENCE_SECONDS,
    )
    return reply.content if reply.ok else b""


def test_put(volume: Workspace, tmp_path: Path) -> None:
    """
    PUT stores the bytes of a local file.
    """
    _put(volume, tmp_path, b"bytes")

    assert b"bytes" == _stored(volume)


def test_put_over_a_file(volume: Workspace, tmp_path: Path) -> None:
    """
    PUT without OVERWRITE refuses to replace a file, with it does so.
    """
    _put(volume, tmp_path, b"first")
    with pytest.raises(exc.ServerOperationError):
        _put(volume, tmp_path, b"second")
    _put(volume, tmp_path, b"third", "OVERWRITE")

    assert b"third" == _stored(volume)


def test_put_a_stream(volume: Workspace) -> None:
    """
    PUT stores what the client reads from a stream of its own.
    """
    with cursor_of(volume) as cursor:
        cursor.execute(
            f"PUT '__input_stream__' INTO '{_PATH}'", input_stream=io.BytesIO(b"stream")
        )

    assert b"stream" == _stored(volume)


@pytest.mark.parametrize("use_sea", [False, True])
def test_get(volume: Workspace, tmp_path: Path, use_sea: bool) -> None:
    """
    GET brings the bytes of a file, over either wire.
    """
    _put(volume, tmp_path, b"bytes")
    local = tmp_path / "got.txt"
    with cursor_of(
        volume, staging_allowed_local_path=str(tmp_path), use_sea=use_sea
    ) as cursor:
        cursor.execute(f"GET '{_PATH}' TO '{local}'")

    assert b"bytes" == local.read_bytes()


def test_remove(volume: Workspace, tmp_path: Path) -> None:
    """
    REMOVE removes a file.
    """
    _put(volume, tmp_path, b"bytes")
    with cursor_of(volume) as cursor:
        cursor.execute(f"REMOVE '{_PATH}'")

    assert b"" == _stored(volume)


def test_without_arrow(
    volume: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A client without pyarrow is told the same.
    """
    for module in ("backend.thrift_backend", "utils", "result_set", "client"):
        monkeypatch.setattr(f"databricks.sql.{module}.pyarrow", None)
    _put(volume, tmp_path, b"bytes")

    assert b"bytes" == _stored(volume)


def test_fault_of_the_address(volume: Workspace, tmp_path: Path) -> None:
    """
    The transfer itself can go wrong, after the statement went well.
    """
    volume.fail(Fault(on="presigned", status=503))
    with pytest.raises(exc.OperationalError, match="503"):
        _put(volume, tmp_path, b"bytes")

    assert b"" == _stored(volume)


def test_without_privilege(workspace: Workspace, tmp_path: Path) -> None:
    """
    Who may not write in the volume may not PUT.
    """
    workspace.query("CREATE VOLUME main.mparticle.files")

    with pytest.raises(exc.ServerOperationError, match="VOLUME on Volume"):
        _put(workspace, tmp_path, b"bytes")
