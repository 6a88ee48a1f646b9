"""
The spool that a command asks, alone: it needs no lake, and must not make one.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["open_spool", "require_spool", "spool_of"]


def spool_of(arguments: argparse.Namespace) -> Path:
    """
    The spool's file: as said, or in the lake's own folder.

    Raises:
        ConfigurationError: Neither a spool nor a lake was named.
    """
    # What a shell makes of a variable that is not set.
    if arguments.spool == "":
        raise ConfigurationError("a spool is a file: --spool FILE, not --spool ''")
    if arguments.spool is not None:
        return Path(arguments.spool)
    if arguments.lake is not None:
        return Path(arguments.lake, "_forwarder", "spool.db")
    if getattr(arguments, "databricks", False):
        msg = "say which spool: --spool FILE; forward makes it when needed"
        raise ConfigurationError(msg)
    raise ConfigurationError("say which spool: --spool FILE, or --lake DIR for its own")


def require_spool(path: Path) -> None:
    """
    See that the spool is there already.

    Raises:
        ConfigurationError: It is not.
    """
    if not path.exists():
        msg = (
            f"there is no spool at {path}: nothing was forwarded by it yet; if it is "
            "another, name it with --spool FILE"
        )
        raise ConfigurationError(msg)


@contextmanager
def open_spool(arguments: argparse.Namespace) -> Iterator[SqliteBatcher]:
    """
    Open the spool that the arguments name, which must be there.

    Raises:
        ConfigurationError: It is not, or none is named.
    """
    path = spool_of(arguments)
    require_spool(path)
    spool = SqliteBatcher(path)
    try:
        yield spool
    finally:
        spool.close()
