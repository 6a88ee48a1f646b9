"""
The parts of a forwarder with a spool on disk, whatever its destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.protocols import Batcher, EventCounts, Loader, Stager

__all__ = ["Counts", "Parts", "require_counts"]

Counts = Literal["shared", "local"]
"""Whether counts and names are kept in tables for all hosts, or in a file."""

_COUNTS = ("shared", "local")


@attrs.frozen(kw_only=True)
class Parts:
    """
    What a front door is put together from, besides its settings.

    Attributes:
        scratch: Folder for files in the making.
    """

    batcher: Batcher
    counts: EventCounts
    stager: Stager
    loader: Loader
    scratch: Path


def require_counts(counts: object) -> None:
    """
    See that *counts* are of a kind there is.

    Raises:
        ConfigurationError: They are a text that says nothing.
    """
    if counts is None or (isinstance(counts, str) and counts not in _COUNTS):
        msg = f"counts must be 'shared', 'local' or event counts, not {counts!r}"
        raise ConfigurationError(msg)
