"""
How observers ask how a forwarder stands, without keeping it alive.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import WatchingObserver
from databricks_forwarder.errors import ForwarderError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from databricks_forwarder._status import Status
    from databricks_forwarder.protocols import Observer

__all__ = ["watch"]


def watch(observers: Sequence[Observer], status: Callable[[], Status]) -> None:
    """
    Hand the observers that want it a way to ask how a forwarder stands.

    Args:
        observers: All of them.
        status: A method of the forwarder.
    """
    method = weakref.WeakMethod(status)

    def asked() -> Status | None:
        bound = method()
        if bound is None:
            return None
        try:
            return bound()
        except ForwarderError:
            # It is closed, or its spool can't be read: others tell of that.
            return None

    for observer in observers:
        if offers(observer, WatchingObserver):
            observer.watch(asked)
