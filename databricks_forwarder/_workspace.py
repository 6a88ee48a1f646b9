"""
The parts of a forwarder into a Databricks workspace, put together.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder._parts import Parts, require_counts
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts._moving import Earlier
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.counts.warehouse import WarehouseEventCounts
from databricks_forwarder.loaders._warehouse_views import WarehouseViews
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.stagers.volume import VolumeStager

if TYPE_CHECKING:
    import os
    from contextlib import ExitStack

    from databricks_forwarder._parts import Counts
    from databricks_forwarder.protocols import Clock, EventCounts
    from databricks_forwarder.settings import DatabricksSettings, Endpoint

__all__ = ["open_workspace"]


def open_workspace(  # noqa: PLR0913  # a place, its settings, and what they are for
    settings: DatabricksSettings,
    endpoint: Endpoint | None,
    spool: str | os.PathLike[str],
    *,
    clock: Clock,
    counts: Counts | EventCounts,
    max_spool_bytes: int | None,
    maintain_views: bool | None = None,
    opened: ExitStack,
) -> Parts:
    """
    Open the parts, and have *opened* close them; nobody is called yet.

    The counts of one host, the copy of shared ones, and the files in the making
    lie beside the spool.

    Raises:
        ConfigurationError: The spool is none, or a setting is wrong.
        SetupError: The spool's folder can't be written.
    """
    require_counts(counts)
    client = DatabricksClient(settings, endpoint=endpoint, clock=clock)
    opened.callback(client.close)
    batcher = SqliteBatcher(spool, max_spool_bytes=max_spool_bytes)
    opened.callback(batcher.close)
    kept = _counts(counts, client, Path(spool), batcher.id)
    views = WarehouseViews(client, kept.give, maintain=maintain_views)
    return Parts(
        batcher=batcher,
        counts=kept,
        stager=VolumeStager(client),
        loader=WarehouseLoader(client, views),
        scratch=Path(f"{Path(spool).absolute()}.work"),
    )


def _counts(
    counts: Counts | EventCounts, client: DatabricksClient, spool: Path, spool_id: str
) -> EventCounts:
    own = Path(f"{spool}.counts")
    if counts == "local":
        return SqliteEventCounts(own)
    if counts != "shared":
        return counts
    # What a host counted for itself until now, under a name of its own.
    earlier = (
        Earlier(SqliteEventCounts(own), f"{spool_id}-earlier") if own.exists() else None
    )
    return WarehouseEventCounts(client, f"{own}-copy", earlier=earlier)
