"""
Fakes, makers and contract suites: for our tests and for yours.

Nothing of the library imports this package. The fakes need no test framework;
the contracts in `databricks_forwarder.testing.contracts` need pytest, and
`Workspace` needs the extra ``testing``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace import Fault, Workspace

__all__ = ["Fault", "Workspace"]


def __getattr__(name: str) -> Any:
    """
    Import the workspace when it is first asked for: the fakes are light.
    """
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from databricks_forwarder.testing import workspace  # noqa: PLC0415

    return getattr(workspace, name)
