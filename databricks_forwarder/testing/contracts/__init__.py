"""
What a part must do, as test classes to inherit from.

Each clause of `databricks_forwarder.protocols` and `databricks_forwarder.abilities`
has at least one test here that carries its number. Inherit the class that fits your
part, give it the back doors it asks for, and let pytest collect it.
"""

from __future__ import annotations

import pytest

# Without this a failing contract prints a bare AssertionError: pytest rewrites
# assertions only in the modules it is told of.
pytest.register_assert_rewrite(
    "databricks_forwarder.testing.contracts._batcher_appending",
    "databricks_forwarder.testing.contracts._batcher_leasing",
    "databricks_forwarder.testing.contracts._batcher_settling",
    "databricks_forwarder.testing.contracts._batcher_telling",
    "databricks_forwarder.testing.contracts._counts_counting",
    "databricks_forwarder.testing.contracts._counts_listing",
    "databricks_forwarder.testing.contracts._counts_naming",
    "databricks_forwarder.testing.contracts._erasing_batcher",
    "databricks_forwarder.testing.contracts._erasing_loader",
    "databricks_forwarder.testing.contracts._loader_counting",
    "databricks_forwarder.testing.contracts._loader_failing",
    "databricks_forwarder.testing.contracts._loader_loading",
    "databricks_forwarder.testing.contracts._loader_moving",
    "databricks_forwarder.testing.contracts._loader_preparing",
    "databricks_forwarder.testing.contracts._loads",
    "databricks_forwarder.testing.contracts._maintaining_hooks",
    "databricks_forwarder.testing.contracts.asking",
    "databricks_forwarder.testing.contracts.counts",
    "databricks_forwarder.testing.contracts.destination",
    "databricks_forwarder.testing.contracts.loader",
    "databricks_forwarder.testing.contracts.maintaining",
    "databricks_forwarder.testing.contracts.observer",
    "databricks_forwarder.testing.contracts.router",
    "databricks_forwarder.testing.contracts.stager",
)
