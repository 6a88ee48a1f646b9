"""
Fixtures for pytest; without asking for them nothing is loaded into a test run.

All of them: ``pytest_plugins = ["databricks_forwarder.testing.fixtures"]`` in
the ``conftest.py`` of the root folder. Some of them: import those into any
``conftest.py``, with `fake_clock`, which the others stand on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.memory import Memory, MemoryForwarder
from databricks_forwarder.testing.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["fake_clock", "forwarder", "workspace"]


@pytest.fixture
def fake_clock() -> FakeClock:
    """
    A clock that stands still until it is told, new for each test.
    """
    return FakeClock()


@pytest.fixture
def forwarder(fake_clock: FakeClock) -> Iterator[MemoryForwarder]:
    """
    A forwarder in memory, new for each test, that goes by `fake_clock`.
    """
    with MemoryForwarder(memory=Memory(clock=fake_clock)) as forwarder:
        yield forwarder


@pytest.fixture
def workspace(fake_clock: FakeClock) -> Iterator[Workspace]:
    """
    A Databricks workspace on loopback, new for each test.

    It goes by `fake_clock`; hand that to the forwarder too, so that both live at
    one time and no pause is waited for.
    """
    with Workspace(clock=fake_clock) as workspace:
        yield workspace
