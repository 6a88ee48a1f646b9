"""
A workspace as a shell names it to the command line.
"""

from __future__ import annotations

import attrs
import pytest
from schemas import workspace

from databricks_forwarder.settings import DatabricksSettings, Endpoint, Secret


def export(settings: DatabricksSettings, to: pytest.MonkeyPatch) -> None:
    """
    Put settings into the environment, as `DatabricksSettings.from_env` reads them.
    """
    for field in attrs.fields(DatabricksSettings):
        value = getattr(settings, field.name)
        plain = value.reveal() if isinstance(value, Secret) else str(value)
        to.setenv(f"DATABRICKS_FORWARDER_{field.name.upper()}", plain)


def place(endpoint: Endpoint | None = None) -> list[str]:
    """
    The options that say where a workspace is; by default the shared one.
    """
    endpoint = endpoint or workspace().endpoint
    where = f"{endpoint.host}:{endpoint.port}"
    return ["--databricks", "--endpoint", where, "--ca-file", str(endpoint.ca_file)]
