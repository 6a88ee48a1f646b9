"""
What batchers and loaders that erase must do: B16 to B20, L8 and L9.
"""

from __future__ import annotations

from databricks_forwarder.testing.contracts._erasing_batcher import (
    ErasingBatcherContract,
)
from databricks_forwarder.testing.contracts._erasing_loader import ErasingLoaderContract

__all__ = ["ErasingBatcherContract", "ErasingLoaderContract"]
