"""
How a workspace is come by, and what it says when it can't be.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from databricks import sql
from sql_clients import ONE_TRY

from databricks_forwarder import testing
from databricks_forwarder.testing.workspace import Fault, Workspace

WITHOUT_DUCKDB = """
import sys
sys.modules["duckdb"] = None
from databricks_forwarder.errors import MissingExtraError
try:
    from databricks_forwarder.testing import Workspace
except MissingExtraError as error:
    print(error)
"""


def test_the_workspace_is_among_the_fakes() -> None:
    """
    It can be imported from the package of fakes, and so can a fault.
    """
    assert (Workspace, Fault) == (testing.Workspace, testing.Fault)


def test_what_is_no_fake_is_not_among_them() -> None:
    """
    Another name of the package is not there.
    """
    with pytest.raises(AttributeError, match="has no attribute 'Space'"):
        testing.Space  # noqa: B018  # asking is the test


def test_without_its_extra_the_extra_is_named() -> None:
    """
    Who has not installed what it needs is told what to install.
    """
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_DUCKDB],
        capture_output=True,
        text=True,
        check=True,
    )

    assert (
        "the workspace on loopback needs more packages: "
        "pip install 'databricks-forwarder[testing]'\n"
    ) == ran.stdout


def test_a_workspace_that_is_not_started_says_so() -> None:
    """
    What is there only while it runs is refused with what to do.
    """
    workspace = Workspace()

    with pytest.raises(RuntimeError, match=r"call start\(\), or use it in a with"):
        workspace.url  # noqa: B018  # asking is the test
    with pytest.raises(AttributeError, match="nonsense"):
        workspace.nonsense  # noqa: B018  # asking is the test


def test_connection_begins_where_the_settings_say() -> None:
    """
    A connection is in the catalog and schema of the settings, unless it says more.
    """
    where = "SELECT current_catalog(), current_schema()"
    found = []
    with Workspace(catalog="events", schema="raw") as workspace:
        for options in ({}, {"catalog": None}):
            with (
                workspace.connect(**ONE_TRY, **options) as connection,
                connection.cursor() as cursor,
            ):
                found.append(tuple(cursor.execute(where).fetchone()))

    assert [("events", "raw"), ("events", "default")] == found


def test_token_is_anyones(workspace: Workspace) -> None:
    """
    A token is the service principal's, or that of who is named and was granted.
    """
    workspace.grant("CAN USE", "WAREHOUSE", workspace.settings.warehouse_id, "zoe")
    found = []
    for principal in (None, "zoe"):
        with (
            sql.connect(
                server_hostname=workspace.endpoint.host,
                http_path=workspace.http_path,
                access_token=workspace.token(principal).reveal(),
                enable_telemetry=False,
                _port=workspace.endpoint.port,
                _tls_trusted_ca_file=str(workspace.ca_file),
            ) as connection,
            connection.cursor() as cursor,
        ):
            found.append(cursor.execute("SELECT current_user()").fetchone()[0])

    assert [workspace.settings.client_id, "zoe"] == found


@pytest.mark.parametrize("seconds", [0, -1])
def test_token_lasts_a_second_at_least(seconds: int) -> None:
    """
    A workspace whose tokens are never good can't be made.
    """
    with pytest.raises(ValueError, match="token_seconds must be at least 1"):
        Workspace(token_seconds=seconds)
