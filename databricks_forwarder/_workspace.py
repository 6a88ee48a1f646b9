"""
The parts of a forwarder into a Databricks workspace, put together.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder._parts import Parts
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.loaders._warehouse_views import WarehouseViews
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.stagers.volume import VolumeStager

if TYPE_CHECKING:
    import os
    from contextlib import ExitStack

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.settings import DatabricksSettings, Endpoint

__all__ = ["open_workspace"]


def open_workspace(  # noqa: PLR0913  # a place, its settings, and what they are for
    settings: DatabricksSettings,
    endpoint: Endpoint | None,
    spool: str | os.PathLike[str],
    *,
    clock: Clock,
    max_spool_bytes: int | None,
    maintain_views: bool | None = None,
    opened: ExitStack,
) -> Parts:
    """
    Open the parts, and have *opened* close them; nobody is called yet.

    The counts, and the files in the making, lie beside the spool.

    Raises:
        ConfigurationError: The spool is none, or a setting is wrong.
        SetupError: The spool's folder can't be written.
    """
    client = DatabricksClient(settings, endpoint=endpoint, clock=clock)
    opened.callback(client.close)
    batcher = SqliteBatcher(spool, max_spool_bytes=max_spool_bytes)
    opened.callback(batcher.close)
    counts = SqliteEventCounts(f"{Path(spool)}.counts")
    opened.callback(counts.close)
    views = WarehouseViews(client, counts.give, maintain=maintain_views)
    return Parts(
        batcher=batcher,
        counts=counts,
        stager=VolumeStager(client),
        loader=WarehouseLoader(client, views),
        scratch=Path(f"{Path(spool).absolute()}.work"),
    )
