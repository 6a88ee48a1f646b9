"""
A host's own router, as the command line is told of it.
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, Any

from databricks_forwarder._abilities import offers
from databricks_forwarder.errors import ConfigurationError, ForwarderError
from databricks_forwarder.protocols import Router

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from databricks_forwarder.protocols import EventCounts

__all__ = ["router_of"]

# What only the standard router is told: beside another it would be ignored.
_STANDARD = (
    "events_threshold",
    "table_name",
    "split_feeds",
    "drop_batches_without_events",
)


def router_of(
    arguments: argparse.Namespace,
) -> Router | Callable[[EventCounts], Router] | None:
    """
    Import the router that is named, or what makes one of event counts.

    Returns:
        None for the standard router.

    Raises:
        ConfigurationError: It can't be imported, or is neither; or there are
            settings that only the standard router has.
    """
    spelled: str | None = getattr(arguments, "router", None)
    if spelled is None:
        return None
    _require_alone(arguments)
    found = _imported(spelled)
    if offers(found, Router) and not isinstance(found, type):
        return found
    if callable(found):
        return lambda counts: _made(spelled, found, counts)
    msg = (
        f"--router {spelled} is neither a router nor a callable that makes one of "
        f"event counts, but a value of {type(found).__name__}"
    )
    raise ConfigurationError(msg)


def _require_alone(arguments: argparse.Namespace) -> None:
    said = [
        f"--{name.replace('_', '-')}"
        for name in _STANDARD
        if getattr(arguments, name, None) not in {None, False}
    ]
    if said:
        msg = f"{', '.join(said)} tells the standard router, and goes without --router"
        raise ConfigurationError(msg)


def _imported(spelled: str) -> Any:
    module, _, name = spelled.partition(":")
    if not module or not name:
        msg = f"--router must be MODULE:NAME, not {spelled!r}"
        raise ConfigurationError(msg)
    try:
        return pkgutil.resolve_name(spelled)
    except (ImportError, AttributeError, ValueError) as error:
        msg = f"--router {spelled} can't be imported: {error}"
        raise ConfigurationError(msg) from error
    except Exception as error:
        # What it says may be what nobody should read: its type tells enough.
        msg = (
            f"--router {spelled} can't be imported: {module} raised "
            f"{type(error).__name__}; python -c 'import {module}' shows where"
        )
        raise ConfigurationError(msg) from error


def _made(
    spelled: str, make: Callable[[EventCounts], Router], counts: EventCounts
) -> Router:
    try:
        return make(counts)
    except ForwarderError:
        raise
    except Exception as error:
        msg = (
            f"--router {spelled} makes no router of event counts: it raised "
            f"{type(error).__name__}"
        )
        raise ConfigurationError(msg) from error
