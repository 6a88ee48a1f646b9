"""
A workspace on loopback for each test, and this library's parts over it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from databricks_forwarder._databricks._rest import Rest
from databricks_forwarder._databricks.auth import TokenSource
from databricks_forwarder._databricks.files import VolumeFiles
from databricks_forwarder._databricks.warehouse import Warehouse
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace._workspace import Workspace


@pytest.fixture
def workspace(clock: FakeClock) -> Iterator[Workspace]:
    """
    A workspace with its documented set-up.
    """
    with Workspace(clock=clock) as started:
        yield started


@pytest.fixture
def tokens(workspace: Workspace, clock: FakeClock) -> TokenSource:
    """
    Tokens of the workspace's service principal.
    """
    settings = workspace.settings
    return TokenSource(
        workspace.endpoint, settings.client_id, settings.client_secret, clock
    )


@pytest.fixture
def rest(workspace: Workspace, tokens: TokenSource, clock: FakeClock) -> Iterator[Rest]:
    """
    The workspace's REST services.
    """
    rest = Rest(workspace.endpoint, tokens, clock, breadth=8)
    yield rest
    rest.close()


@pytest.fixture
def files(workspace: Workspace, rest: Rest) -> VolumeFiles:
    """
    Files in the staging volume, which is there and the service principal's.
    """
    workspace.query("CREATE VOLUME main.mparticle.mparticle_staging")
    for privilege in ("READ VOLUME", "WRITE VOLUME"):
        workspace.grant(privilege, "VOLUME", "main.mparticle.mparticle_staging")
    return VolumeFiles(rest)


@pytest.fixture
def warehouses(
    workspace: Workspace, tokens: TokenSource, rest: Rest, clock: FakeClock
) -> Iterator[Callable[..., Warehouse]]:
    """
    Make clients of the SQL warehouse, with options, that are closed at the end.
    """
    made: list[Warehouse] = []

    def make(**options: Any) -> Warehouse:
        made.append(
            Warehouse(
                workspace.endpoint,
                workspace.settings.warehouse_id,
                tokens,
                rest,
                clock,
                **options,
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def warehouse(warehouses: Callable[..., Warehouse]) -> Warehouse:
    """
    A client of the SQL warehouse.
    """
    return warehouses()
