"""
A Databricks workspace on loopback, for tests without an account.
"""

from __future__ import annotations

from databricks_forwarder.errors import MissingExtraError

try:
    from databricks_forwarder.testing.workspace._faults import Fault
    from databricks_forwarder.testing.workspace._refusals import RefusedError
    from databricks_forwarder.testing.workspace._workspace import (
        SeenRequest,
        Workspace,
    )
except ModuleNotFoundError as _error:
    raise MissingExtraError("the workspace on loopback", "testing") from _error

__all__ = ["Fault", "RefusedError", "SeenRequest", "Workspace"]
