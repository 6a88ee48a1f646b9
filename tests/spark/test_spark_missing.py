"""
Where PySpark is not installed it is said what brings it.
"""

from __future__ import annotations

import sys

import pytest
from streams import read

from databricks_forwarder.errors import MissingExtraError
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.spark import FolderTables, event_rows, write_tables


@pytest.fixture(autouse=True)
def _no_pyspark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)


def test_rows_need_the_extra() -> None:
    """
    The error names the extra to install.
    """
    payloads: object = None
    with pytest.raises(MissingExtraError, match=r"databricks-forwarder\[spark\]"):
        event_rows(payloads)  # type: ignore[arg-type]


def test_writing_needs_the_extra_at_once() -> None:
    """
    It is told when the function is made, and not in the first micro-batch.
    """
    router = FunctionRouter(lambda _: None)
    with pytest.raises(MissingExtraError, match=r"databricks-forwarder\[spark\]"):
        write_tables(router, FolderTables("tables"), "notes")


def test_what_executors_run_needs_none_of_it() -> None:
    """
    Rows are made from Arrow alone.
    """
    assert 1 == len(read([b"{}"]))
