"""
Fakes, makers and contract suites: for our tests and for yours.

Nothing of the library imports this package. The fakes need no test framework;
the contracts in `databricks_forwarder.testing.contracts` need pytest, and
`Workspace` needs the extra ``testing``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from databricks_forwarder.testing.memory import Memory, MemoryForwarder
    from databricks_forwarder.testing.workspace import Fault, Workspace

__all__ = ["Fault", "Memory", "MemoryForwarder", "Workspace"]

_PLACES = {
    "Fault": "databricks_forwarder.testing.workspace",
    "Memory": "databricks_forwarder.testing.memory",
    "MemoryForwarder": "databricks_forwarder.testing.memory",
    "Workspace": "databricks_forwarder.testing.workspace",
}


def __getattr__(name: str) -> Any:
    """
    Import what has parts when it is first asked for: the other fakes are light.
    """
    if name not in _PLACES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_PLACES[name]), name)
