"""
Fixtures for pytest; import those you want into your ``conftest.py``.

Importing is all it takes, and without it nothing is loaded into your test run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from databricks_forwarder.testing.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["workspace"]


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    """
    A Databricks workspace on loopback, new for each test.
    """
    with Workspace() as workspace:
        yield workspace
