"""
What a loader must do, clause by clause.
"""

from __future__ import annotations

from databricks_forwarder.testing.contracts._loader_counting import Counting
from databricks_forwarder.testing.contracts._loader_failing import Failing
from databricks_forwarder.testing.contracts._loader_loading import Loading
from databricks_forwarder.testing.contracts._loader_moving import Moving
from databricks_forwarder.testing.contracts._loader_preparing import Preparing

__all__ = ["LoaderContract"]


# pytest collects the tests of the last one first: L1 comes before L4.
class LoaderContract(Moving, Counting, Failing, Preparing, Loading):
    """
    The clauses L1 to L6 of `databricks_forwarder.protocols.Loader`.

    And L7 of `databricks_forwarder.abilities.CountingLoader`, and L10 of
    `databricks_forwarder.abilities.MovingLoader`, for a loader that is one.
    """
