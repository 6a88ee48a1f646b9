"""
The routing of mParticle's warehouse integration, put together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.mparticle.names import common_name, kind_name
from databricks_forwarder.routers.feeds import FeedRouter
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.settings import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_forwarder.protocols import EventCounts, Naming, Router

__all__ = ["default_router", "keeps_kinds_together"]

_MPARTICLES = ConnectionSettings()


def default_router(  # noqa: PLR0913 (settings, all but the first by keyword)
    counts: EventCounts,
    *,
    schema_name: str,
    events_threshold: int = 10_000,
    connection: ConnectionSettings = _MPARTICLES,
    feeds: Mapping[str, ConnectionSettings] | None = None,
    sticky: bool = True,
    naming: Naming = kind_name,
) -> FirstMatch:
    """
    Route feeds to their tables and all else by the threshold.

    Args:
        counts: What was forwarded, and the names given; both routers' own.
        schema_name: As in `ThresholdRouter`.
        events_threshold: As in `ThresholdRouter`.
        connection: Settings of the feeds that have none of their own; what it
            says of batches without events holds for all other inputs too.
        feeds: Settings by the feed's name.
        sticky: As in `ThresholdRouter`.
        naming: As in `ThresholdRouter`.

    Raises:
        ConfigurationError: A value is wrong; the message says which.
    """
    threshold = ThresholdRouter(
        counts,
        schema_name=schema_name,
        events_threshold=events_threshold,
        sticky=sticky,
        send_batches_without_events=connection.send_batches_without_events,
        naming=naming,
    )
    reserved = [common_name(schema_name)]
    return FirstMatch(
        FeedRouter(counts, connection, feeds=feeds, reserved=reserved), threshold
    )


def keeps_kinds_together(router: Router) -> bool:
    """
    Whether a kind's rows, but for those of feeds, can only be in two tables.

    These are the common one and the kind's own. It is known of mParticle's
    routing alone: a router that is asked before it may put them anywhere.
    """
    if type(router) is FirstMatch:
        return all(map(keeps_kinds_together, router.routers))
    return type(router) in {FeedRouter, ThresholdRouter}
