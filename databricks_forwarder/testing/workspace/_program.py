"""
A workspace as a program of its own: for a shell, or for what is not Python.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.settings import Secret
from databricks_forwarder.testing.workspace._workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a workspace until Ctrl-C or the end of standard input.

    Standard output has what a shell needs for the forwarder's own commands.
    The secret on it is a throw-away: it is good for this workspace only, and
    gone with it.

    Raises:
        SystemExit: The arguments are none of ours, or only help was asked for.
    """
    parser = argparse.ArgumentParser(
        prog="python -m databricks_forwarder.testing.workspace",
        description="Run a Databricks workspace on loopback, until Ctrl-C or the end "
        "of standard input.",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="folder that it goes on from; none: gone at the end",
    )
    root = parser.parse_args(argv).root
    with suppress(KeyboardInterrupt), Workspace(root) as workspace:
        for line in _lines(workspace):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        sys.stdin.read()
    return 0


def _lines(workspace: Workspace) -> Iterator[str]:
    """
    What to say to a shell; all of it is shell.
    """
    for name, value in attrs.asdict(workspace.settings, recurse=False).items():
        plain = value.reveal() if isinstance(value, Secret) else str(value)
        yield f"export DATABRICKS_FORWARDER_{name.upper()}={shlex.quote(plain)}"
    endpoint = workspace.endpoint
    ca_file = shlex.quote(str(endpoint.ca_file))
    yield (
        "# python -m databricks_forwarder check --databricks "
        f"--endpoint {endpoint.host}:{endpoint.port} --ca-file {ca_file}"
    )
