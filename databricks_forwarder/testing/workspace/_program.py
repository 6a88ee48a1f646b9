"""
A workspace as a program of its own: for a shell, or for what is not Python.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.settings import Secret
from databricks_forwarder.testing.workspace._query import print_rows
from databricks_forwarder.testing.workspace._workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn

__all__ = ["main"]

_MINUTES = 60.0


class _TerminatedError(BaseException):
    """
    SIGTERM came; no `Exception`, as `KeyboardInterrupt` is none.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a workspace until it is told to end, or put a query to one that runs.

    Standard output has what a shell needs for the forwarder's own commands.
    The secret on it is a throw-away: it is good for this workspace only, and
    gone with it. Standard error has why it ends.

    Returns:
        0; 1 if a query was refused, 2 if the port is taken or the variables of a
        query are wrong.

    Raises:
        SystemExit: The arguments are none of ours, or only help was asked for.
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.command == "query":
        return print_rows(arguments.sql)
    if arguments.minutes is not None and not arguments.until_signal:
        parser.error("--minutes goes with --until-signal")
    try:
        with _terminable():
            why = _run(arguments)
    except _TerminatedError:
        why = "SIGTERM came"
    except KeyboardInterrupt:
        why = "interrupted"
    except OSError as error:
        sys.stderr.write(f"the workspace can't begin: {error}\n")
        return 2
    sys.stderr.write(f"the workspace has ended: {why}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m databricks_forwarder.testing.workspace",
        description="Run a Databricks workspace on loopback, until Ctrl-C, SIGTERM or "
        "the end of standard input.",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="folder that it goes on from; none: gone at the end",
    )
    parser.add_argument(
        "--port", metavar="N", type=_port, default=0, help="none: one that is free"
    )
    parser.add_argument(
        "--until-signal",
        action="store_true",
        help="pay no heed to standard input, as in the background",
    )
    parser.add_argument(
        "--minutes",
        metavar="N",
        type=_minutes,
        help=f"with --until-signal: end then at the latest; {_MINUTES:g} if not told",
    )
    query = parser.add_subparsers(dest="command").add_parser(
        "query", help="put a query to the workspace that the environment names"
    )
    query.add_argument("sql", metavar="SQL")
    return parser


def _port(text: str) -> int:
    port = int(text)
    if port not in range(1, 65_536):
        raise ValueError(text)
    return port


def _minutes(text: str) -> float:
    minutes = float(text)
    # What is longer is beyond what can be waited for.
    if not 0 < minutes <= 60 * 24 * 30:
        raise ValueError(text)
    return minutes


@contextmanager
def _terminable() -> Iterator[None]:
    """
    Let SIGTERM raise, so that what is temporary is removed.
    """
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminated(*_: object) -> NoReturn:
    # A second one must not break off the tidying.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _TerminatedError


def _run(arguments: argparse.Namespace) -> str:
    """
    Run it, and say why it ends.
    """
    with Workspace(arguments.root, port=arguments.port) as workspace:
        for line in _lines(workspace):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        why = _waited(arguments)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return why


def _waited(arguments: argparse.Namespace) -> str:
    if arguments.until_signal:
        minutes = _MINUTES if arguments.minutes is None else arguments.minutes
        threading.Event().wait(minutes * 60)
        return f"{minutes:g} minutes are over"
    sys.stdin.read()
    return "standard input ended; --until-signal pays no heed to it"


def _lines(workspace: Workspace) -> Iterator[str]:
    """
    What to say to a shell; all of it is shell.
    """
    endpoint = workspace.endpoint
    values = {
        **attrs.asdict(workspace.settings, recurse=False),
        "endpoint": f"{endpoint.host}:{endpoint.port}",
        "ca_file": endpoint.ca_file,
    }
    for name, value in values.items():
        plain = value.reveal() if isinstance(value, Secret) else str(value)
        yield f"export DATABRICKS_FORWARDER_{name.upper()}={shlex.quote(plain)}"
    yield "# python -m databricks_forwarder check --databricks"
