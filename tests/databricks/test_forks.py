"""
Connections and forks: a child has its own, and leaves its parent's alone.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

import pytest
from over_workspace import asked

from databricks_forwarder._databricks.files import VolumeFiles
from databricks_forwarder._databricks.warehouse import Warehouse
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import Workspace

SQL = "/sql/1.0/warehouses"
FOLDER = "/Volumes/main/mparticle/mparticle_staging"


def sessions(workspace: Workspace) -> tuple[int, int]:
    """
    How many SQL sessions are open, and how many were closed.
    """
    operations = workspace._services.operations
    return len(operations._sessions), len(operations._ended)


def in_a_child(call: Callable[[], object]) -> int:
    """
    Make *call* in a forked child; how that ended.
    """
    with warnings.catch_warnings():
        # Python warns of forking while other threads run; the workspace's do.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:  # pragma: no cover (a child that ends so reports nothing)
        failed = 1
        try:
            call()
            failed = 0
        finally:
            os._exit(failed)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def test_a_forked_child_has_a_session_of_its_own(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    A child opens and closes its own session; its parent's goes on.
    """
    warehouse.run("SELECT 1 AS one")

    def in_child() -> None:
        assert [(2,)] == warehouse.run("SELECT 2 AS two")
        warehouse.close()

    assert 0 == in_a_child(in_child)
    assert [(3,)] == warehouse.run("SELECT 3 AS three")
    assert (1, 1) == sessions(workspace), "the parent's, and the child's"
    assert {200} == {status for _, status in asked(workspace, SQL)}


def test_a_forked_child_that_only_closes_ends_nothing(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    A child that closes what it inherited sends nothing.
    """
    warehouse.run("SELECT 1 AS one")

    assert 0 == in_a_child(warehouse.close)
    assert [(3,)] == warehouse.run("SELECT 3 AS three")
    assert (1, 0) == sessions(workspace), "the parent's"
    assert {200} == {status for _, status in asked(workspace, SQL)}


def test_a_forked_child_uploads_over_connections_of_its_own(
    workspace: Workspace, files: VolumeFiles, clock: FakeClock
) -> None:
    """
    After a fork parent and child upload, each over what is its own.
    """
    files.upload_bytes(b"before", f"{FOLDER}/a")

    assert 0 == in_a_child(lambda: files.upload_bytes(b"child", f"{FOLDER}/b"))
    files.upload_bytes(b"parent", f"{FOLDER}/c")
    assert [] == clock.waits, "nothing was to be repeated"
    assert [204] * 3 == [status for _, status in asked(workspace, "fs/files")]
    assert [b"before", b"child", b"parent"] == [
        files.download(f"{FOLDER}/{name}") for name in "abc"
    ]


def test_what_another_process_opened_is_left_alone(
    workspace: Workspace,
    warehouse: Warehouse,
    files: VolumeFiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Neither closing nor uploading touches connections of another process.
    """
    warehouse.run("SELECT 1 AS one")
    files.upload_bytes(b"before", f"{FOLDER}/a")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "getpid", lambda: 0)
        warehouse.close()
        files.upload_bytes(b"child", f"{FOLDER}/b")

    assert (1, 0) == sessions(workspace)
    here, elsewhere_made = files._rest._sessions.values()
    assert here is not elsewhere_made
    elsewhere_made.close()
