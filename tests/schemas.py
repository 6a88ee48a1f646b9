"""
A schema for each test in one workspace on loopback: it starts once a process.
"""

from __future__ import annotations

import atexit
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import attrs
import pyarrow as pa
from sweeping import when_the_test_is_over

from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder.protocols import Clock
from databricks_forwarder.settings import DatabricksSettings
from databricks_forwarder.testing.workspace import RefusedError, Workspace


@cache
def workspace() -> Workspace:
    """
    Start the workspace that the tests of this process share.
    """
    started = Workspace().start()
    atexit.register(started.close)
    return started


GRANTS = ("USE SCHEMA", "CREATE TABLE", "CREATE VOLUME")
"""What the service principal is granted on each schema, as documented."""


def new_schema() -> DatabricksSettings:
    """
    Make a schema of its own, with the documented grants.

    It is dropped when the test is over: each look at what there is in a catalog
    looks at all that is there.
    """
    name = f"s{secrets.token_hex(6)}"
    settings = attrs.evolve(workspace().settings, schema_name=name)
    workspace().query(f"CREATE SCHEMA main.{name}")
    when_the_test_is_over(
        lambda: workspace().query(f"DROP SCHEMA IF EXISTS main.{name} CASCADE")
    )
    for privilege in GRANTS:
        workspace().query(
            f"GRANT {privilege} ON SCHEMA main.{name} TO `{settings.client_id}`"
        )
    return settings


@contextmanager
def connected(
    settings: DatabricksSettings, clock: Clock | None = None
) -> Iterator[DatabricksClient]:
    """
    Open a client of the shared workspace.
    """
    client = DatabricksClient(settings, endpoint=workspace().endpoint, clock=clock)
    try:
        yield client
    finally:
        client.close()


def rows_of(settings: DatabricksSettings, table: str) -> list[dict[str, Any]]:
    """
    Read a table as an administrator; one that is not there has no rows.
    """
    try:
        found: pa.Table = workspace().query(
            f"SELECT * FROM main.{settings.schema_name}.`{table}`"
        )
    except RefusedError as error:
        if error.error_class != "TABLE_OR_VIEW_NOT_FOUND":
            raise
        return []
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows
