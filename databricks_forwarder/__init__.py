"""
Forward mParticle customer events into Databricks Delta tables.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from databricks_forwarder._async_forwarder import AsyncForwarder
    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._differences import Difference
    from databricks_forwarder._ending import CloseReport
    from databricks_forwarder._forwarder import Forwarder
    from databricks_forwarder._letters import DeadLetterFilter
    from databricks_forwarder._reconcile import Reconciliation
    from databricks_forwarder._status import Status
    from databricks_forwarder.answers import Reason, Simulation
    from databricks_forwarder.erasure import Erasure
    from databricks_forwarder.errors import ForwarderError
    from databricks_forwarder.maintenance import Maintenance
    from databricks_forwarder.plans import Plan
    from databricks_forwarder.settings import (
        ConnectionSettings,
        DatabricksSettings,
        Endpoint,
        UploadPolicy,
    )

__all__ = [
    "AsyncForwarder",
    "CloseReport",
    "ConnectionSettings",
    "DatabricksClient",
    "DatabricksSettings",
    "DeadLetterFilter",
    "Difference",
    "Endpoint",
    "Erasure",
    "Forwarder",
    "ForwarderError",
    "Maintenance",
    "Plan",
    "Reason",
    "Reconciliation",
    "Simulation",
    "Status",
    "UploadPolicy",
]

_HOMES = {
    "AsyncForwarder": "_async_forwarder",
    "CloseReport": "_ending",
    "ConnectionSettings": "settings",
    "DatabricksClient": "_databricks.client",
    "DatabricksSettings": "settings",
    "DeadLetterFilter": "_letters",
    "Difference": "_differences",
    "Endpoint": "settings",
    "Erasure": "erasure",
    "Forwarder": "_forwarder",
    "ForwarderError": "errors",
    "Maintenance": "maintenance",
    "Plan": "plans",
    "Reason": "answers",
    "Reconciliation": "_reconcile",
    "Simulation": "answers",
    "Status": "_status",
    "UploadPolicy": "settings",
}


def __getattr__(name: str) -> Any:
    """
    Import a public name when it is first asked for: importing costs nothing.
    """
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version(
            "databricks-forwarder"
        )
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
