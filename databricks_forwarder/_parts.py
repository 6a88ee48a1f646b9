"""
The parts of a forwarder with a spool on disk, whatever its destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.protocols import Router

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from databricks_forwarder.protocols import Batcher, EventCounts, Loader, Stager

__all__ = ["Counts", "Parts", "require_counts", "router_over"]

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


def router_over(
    router: Router | Callable[[EventCounts], Router], counts: EventCounts
) -> Router:
    """
    Give *router*, or what it makes of *counts*.

    A class has the methods of its routers, and still is what makes them.

    Raises:
        ConfigurationError: There is no router.
    """
    found: object = router
    if isinstance(router, type) or (not offers(router, Router) and callable(router)):
        found = router(counts)
    if not offers(found, Router):
        msg = (
            "a router must have route, or make what has of event counts; a value of "
            f"{type(found).__name__} does not"
        )
        raise ConfigurationError(msg)
    return found
