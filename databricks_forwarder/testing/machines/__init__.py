"""
What a part must do whatever comes when, as state machines to inherit from.

A contract examines one clause in each test; a machine calls a part in orders
that nobody thought of, and compares it after each call with lists and dicts.
Inherit the class that fits your part, say how it is opened, and hand its
``TestCase`` to pytest. What hypothesis prints of a failure is a short program.
"""

from __future__ import annotations

import pytest

# Without this a failing machine prints a bare AssertionError: pytest rewrites
# assertions only in the modules it is told of.
pytest.register_assert_rewrite(
    "databricks_forwarder.testing.machines._batcher_hosts",
    "databricks_forwarder.testing.machines._batcher_words",
    "databricks_forwarder.testing.machines.batcher",
    "databricks_forwarder.testing.machines.forwarder",
    "databricks_forwarder.testing.machines.router",
)
