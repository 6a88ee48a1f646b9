"""
What a batcher must do: a test or more for each of B1 to B15.
"""

from __future__ import annotations

from databricks_forwarder.testing.contracts._batcher_appending import Appending
from databricks_forwarder.testing.contracts._batcher_leasing import Leasing
from databricks_forwarder.testing.contracts._batcher_settling import Settling
from databricks_forwarder.testing.contracts._batcher_telling import Telling

__all__ = ["BatcherContract"]


# pytest collects the tests of the last one first: B1 comes before B3.
class BatcherContract(Telling, Settling, Leasing, Appending):
    """
    The contract of `databricks_forwarder.protocols.Batcher`.

    Attributes:
        lease_seconds: How long a batcher from `open` lets a holder keep a
            load without a note.
    """
