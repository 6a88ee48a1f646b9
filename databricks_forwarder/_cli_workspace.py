"""
A workspace, as the command line is told of it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from databricks_forwarder._cli_router import router_of
from databricks_forwarder._forwarder import Forwarder
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.mparticle.names import common_name
from databricks_forwarder.settings import DatabricksSettings, Endpoint, place_of

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from databricks_forwarder._parts import Counts
    from databricks_forwarder.model import TableName

__all__ = [
    "common_table",
    "counts_of",
    "open_forwarder",
    "require_no_place",
    "schema_name",
    "workspace_of",
]

_SCHEMA_NAME = "mparticle"


def open_forwarder(arguments: argparse.Namespace, spool: Path) -> Forwarder:
    """
    Open a forwarder for what is not about routing.

    Raises:
        ConfigurationError: Something is missing or wrong.
    """
    if not arguments.databricks:
        require_no_place(arguments)
        return Forwarder.for_lake(
            arguments.lake,
            spool=spool,
            schema_name=schema_name(arguments),
            router=router_of(arguments),
            counts=counts_of(arguments, "local"),
        )
    settings, endpoint = workspace_of(arguments)
    return Forwarder.for_databricks(
        settings,
        spool=spool,
        endpoint=endpoint,
        router=router_of(arguments),
        counts=counts_of(arguments, "shared"),
    )


def common_table(arguments: argparse.Namespace) -> TableName:
    """
    The table of kinds that have none of their own.

    Raises:
        ConfigurationError: The settings of the workspace are wrong.
    """
    if arguments.databricks:
        return common_name(workspace_of(arguments)[0].schema_name)
    return common_name(schema_name(arguments))


def counts_of(arguments: argparse.Namespace, usual: Counts) -> Counts:
    """
    Where counts and names are kept.
    """
    counts: Counts | None = getattr(arguments, "counts", None)
    return counts or usual


def schema_name(arguments: argparse.Namespace) -> str:
    """
    What the common table of a lake is named after.
    """
    name = getattr(arguments, "schema_name", None)
    return _SCHEMA_NAME if name is None else name


def workspace_of(arguments: argparse.Namespace) -> tuple[DatabricksSettings, Endpoint]:
    """
    Read the settings from the environment; of the endpoint options go first.

    A secret has no place among arguments: other users of a machine see them.

    Raises:
        ConfigurationError: Something is missing or wrong.
    """
    if getattr(arguments, "schema_name", None) is not None:
        msg = "the schema of a workspace is what DATABRICKS_FORWARDER_SCHEMA_NAME says"
        raise ConfigurationError(msg)
    settings = DatabricksSettings.from_env()
    environ = {**os.environ, **_said(arguments)}
    return settings, Endpoint.from_env(environ=environ)


def _said(arguments: argparse.Namespace) -> dict[str, str]:
    """
    The options as the variables that they go before.
    """
    said = {}
    for name in ("endpoint", "ca_file", "proxy"):
        value = getattr(arguments, name)
        if value == "":
            msg = f"--{name.replace('_', '-')} is empty"
            raise ConfigurationError(msg)
        if value is not None:
            said[f"DATABRICKS_FORWARDER_{name.upper()}"] = value
    if arguments.endpoint is not None:
        place_of(arguments.endpoint, "--endpoint")
    return said


def require_no_place(arguments: argparse.Namespace) -> None:
    """
    See that a lake is not told where a workspace is.

    Raises:
        ConfigurationError: It is.
    """
    if any((arguments.endpoint, arguments.ca_file, arguments.proxy)):
        msg = "--endpoint, --ca-file and --proxy go with --databricks, not with --lake"
        raise ConfigurationError(msg)
