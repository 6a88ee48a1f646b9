"""
A workspace, as the command line is told of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.settings import DatabricksSettings, Endpoint

if TYPE_CHECKING:
    import argparse

__all__ = ["require_no_place", "workspace_of"]


def workspace_of(arguments: argparse.Namespace) -> tuple[DatabricksSettings, Endpoint]:
    """
    Read the settings from the environment, and the endpoint from the options.

    A secret has no place among arguments: other users of a machine see them.

    Raises:
        ConfigurationError: Something is missing or wrong.
    """
    settings = DatabricksSettings.from_env()
    endpoint = settings.endpoint
    if arguments.endpoint is not None:
        endpoint = _endpoint(arguments.endpoint)
    return settings, attrs.evolve(
        endpoint, ca_file=arguments.ca_file, proxy=arguments.proxy
    )


def _endpoint(text: str) -> Endpoint:
    host, colon, port = text.partition(":")
    if colon and not (port.isascii() and port.isdigit()):
        msg = f"--endpoint must be HOST or HOST:PORT, not {text!r}"
        raise ConfigurationError(msg)
    return Endpoint(host, port=int(port or 443))


def require_no_place(arguments: argparse.Namespace) -> None:
    """
    See that a lake is not told where a workspace is.

    Raises:
        ConfigurationError: It is.
    """
    if any((arguments.endpoint, arguments.ca_file, arguments.proxy)):
        msg = "--endpoint, --ca-file and --proxy go with --databricks, not with --lake"
        raise ConfigurationError(msg)
