"""
Batches in one JSON array, as mParticle's ``/v2/bulkevents`` takes them.
"""

from __future__ import annotations

from databricks_forwarder._door import split_array

__all__ = ["split_array"]
