"""
Importing the package is cheap.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    *("pyarrow", "deltalake", "duckdb", "databricks", "numpy", "requests", "rich"),
    "opentelemetry",
}


def modules_after(statement: str) -> set[str]:
    """
    Run *statement* in a new process; return the top names of what it loaded.
    """
    program = (
        f"import sys, json; {statement}; "
        "print(json.dumps([name.partition('.')[0] for name in sys.modules]))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    return set(json.loads(ran.stdout))


@pytest.mark.parametrize(
    "module",
    [
        "databricks_forwarder",
        "databricks_forwarder.abilities",
        "databricks_forwarder.errors",
        "databricks_forwarder.facts",
        "databricks_forwarder.model",
        "databricks_forwarder.protocols",
        "databricks_forwarder.settings",
        "databricks_forwarder._async_forwarder",
        "databricks_forwarder.batchers.memory",
        "databricks_forwarder.batchers.sqlite",
        "databricks_forwarder.bulk",
        "databricks_forwarder.counts.memory",
        "databricks_forwarder.counts.sqlite",
        "databricks_forwarder.observers.log",
        "databricks_forwarder.observers.memory",
        "databricks_forwarder.observers.opentelemetry",
        "databricks_forwarder.routers.default",
        "databricks_forwarder.stagers.memory",
        "databricks_forwarder.stagers.directory",
    ],
)
def test_import_brings_in_nothing_heavy(module: str) -> None:
    """
    The heavy dependencies come in when a part that needs them is made.
    """
    loaded = modules_after(f"import {module}")

    assert set() == loaded & HEAVY


def test_a_first_payload_for_a_lake_needs_no_pandas(tmp_path: Path) -> None:
    """
    Pyarrow brings pandas along with the first value that it makes, not before.
    """
    place = str(tmp_path)
    loaded = modules_after(
        "from databricks_forwarder import Forwarder; "
        f"forwarder = Forwarder.for_lake({place!r}, spool={place + '/spool.db'!r}); "
        'forwarder.submit({"events": []}); forwarder.close()'
    )

    assert {"pyarrow", "deltalake"} <= loaded
    assert set() == loaded & {"pandas"}


def test_a_first_payload_for_a_workspace_needs_no_driver(tmp_path: Path) -> None:
    """
    What talks to the workspace comes in when it is first talked to.
    """
    settings = (
        "DatabricksSettings(deployment_name='loopback', warehouse_id='0123456789abcdef'"
        ", client_id='client', client_secret='secret', catalog_name='main', "
        "schema_name='mparticle')"
    )
    loaded = modules_after(
        "from databricks_forwarder import Forwarder, DatabricksSettings; "
        f"forwarder = Forwarder.for_databricks({settings}, "
        f"spool={str(tmp_path / 'spool.db')!r}); "
        'forwarder.submit({"events": []}); forwarder.close()'
    )

    assert {"pyarrow"} <= loaded
    assert set() == loaded & {"databricks", "requests", "requests_oauthlib", "thrift"}


def test_fakes_need_no_test_framework() -> None:
    """
    `databricks_forwarder.testing` can be imported without pytest.
    """
    loaded = modules_after("import databricks_forwarder.testing")

    assert set() == loaded & {"pytest", "_pytest", "hypothesis"}
