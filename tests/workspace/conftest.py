"""
Workspaces, and who talks to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from talking import Client, with_volume

from databricks_forwarder.testing.workspace import Workspace

if TYPE_CHECKING:
    from databricks_forwarder.testing.clock import FakeClock


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """
    A workspace by the machine's clock.
    """
    with Workspace() as workspace:
        yield workspace


@pytest.fixture
def stranger(workspace: Workspace) -> Iterator[Client]:
    """
    A client of the workspace that has not signed in.
    """
    client = Client(workspace)
    with client.session:
        yield client


@pytest.fixture
def client(stranger: Client) -> Client:
    """
    A client that has signed in, and a volume for it.
    """
    with_volume(stranger.workspace)
    return stranger.sign_in()


@pytest.fixture
def timed(clock: FakeClock) -> Iterator[Workspace]:
    """
    A workspace by the test's clock.
    """
    with Workspace(clock=clock) as workspace:
        yield with_volume(workspace)


@pytest.fixture
def timed_client(timed: Workspace) -> Iterator[Client]:
    """
    A client of it that has signed in.
    """
    client = Client(timed)
    with client.session:
        yield client.sign_in()
