"""
The parts of a forwarder with a spool on disk, whatever its destination.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.protocols import Batcher, EventCounts, Loader, Stager

__all__ = ["Parts"]


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
