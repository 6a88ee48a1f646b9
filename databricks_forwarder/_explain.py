"""
Why events go where they go.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder._rehearsal import decided, rehearsed
from databricks_forwarder.abilities import GroupingRouter, SimulatingRouter
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.mparticle.keys import KeyMaker

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from databricks_forwarder.answers import Reason, Simulation
    from databricks_forwarder.model import EventKey, Table
    from databricks_forwarder.protocols import Router

__all__ = ["explain_key", "explain_payload", "simulate"]


def explain_key(
    key: EventKey, messages: int, router: Router, common: Table, *, at: datetime
) -> Reason:
    """
    Tell where messages of *key* would go now, and why.

    Raises:
        ConfigurationError: There is less than one message.
        RouteError: The router raised.
    """
    if messages < 1:
        msg = f"messages must be at least 1, not {messages!r}"
        raise ConfigurationError(msg)
    return decided(rehearsed(router), {key: messages}, common, at=at)[key]


def explain_payload(
    document: bytes, router: Router, common: Table, *, at: datetime
) -> Sequence[Reason]:
    """
    Tell where each event of a payload would go now, and why.

    Raises:
        PayloadError: It would be a dead letter.
        RouteError: The router raised.
    """
    group = router.group if offers(router, GroupingRouter) else None
    keys = KeyMaker(group).glance(document)
    reasons = decided(rehearsed(router), Counter(keys), common, at=at)
    return tuple(reasons[key] for key in keys)


def simulate(
    thresholds: int | Iterable[int], router: Router, *, at: datetime
) -> Simulation:
    """
    Ask a router what other thresholds would have done.

    Raises:
        ConfigurationError: The router has no threshold, or one is none.
    """
    if not offers(router, SimulatingRouter):
        msg = f"{type(router).__name__} can't simulate: it has no threshold"
        raise ConfigurationError(msg)
    asked = [thresholds] if isinstance(thresholds, int) else list(thresholds)
    return router.simulate(asked, at=at)
