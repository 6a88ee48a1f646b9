"""
The import rules of `pyproject.toml` catch what they are there for.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent

VIOLATIONS = {
    "imports go down only, and rooms don't know one another": (
        "routers/injected.py",
        "import databricks_forwarder.loaders.injected",
    ),
    "nothing imports testing": (
        "observers/injected.py",
        "import databricks_forwarder.testing",
    ),
    "deltalake comes in by what keeps Delta tables": (
        "loaders/injected.py",
        "import deltalake",
    ),
    "msgspec comes in where JSON does": ("loaders/injected.py", "import msgspec"),
    "sqlite3 comes in by what keeps state": ("routers/injected.py", "import sqlite3"),
    "threads are for the worker and for what many threads call": (
        "stagers/injected.py",
        "from threading import Lock",
    ),
    "only the clock asks for the time": (
        "batchers/injected.py",
        "from time import monotonic",
    ),
    "the SQL connector comes in by the warehouse": (
        "loaders/injected.py",
        "from databricks import sql",
    ),
    "PySpark comes in by what is asked of DataFrames": (
        "routers/injected.py",
        "import pyspark.sql",
    ),
    "OpenTelemetry comes in by its observer": (
        "stagers/injected.py",
        "from opentelemetry import trace",
    ),
    "OAuth comes in by sign-in": ("stagers/injected.py", "import requests_oauthlib"),
    "the terminal is the command line's": (
        "observers/injected.py",
        "import rich.table",
    ),
}


def broken_contracts(root: Path) -> set[str]:
    """
    Run import-linter over *root*; return the names of the broken contracts.
    """
    ran = subprocess.run(
        [SCRIPTS / "lint-imports", "--no-logo", "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts: " in ran.stdout, ran.stdout + ran.stderr
    return set(re.findall(r"^(.+) BROKEN", ran.stdout, flags=re.MULTILINE))


def banned_names(path: str, source: str) -> set[str]:
    """
    Check *source* as if it stood at *path*; return the banned names it uses.
    """
    ran = subprocess.run(
        [SCRIPTS / "ruff", "check", "--select=TID251", "--stdin-filename", path, "-"],
        input=source,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return set(re.findall(r"`([\w.]+)` is banned", ran.stdout))


@pytest.fixture(name="tree")
def _tree(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(
        ROOT / "databricks_forwarder",
        tmp_path / "databricks_forwarder",
        ignore=shutil.ignore_patterns("__pycache__", "samples"),
    )
    return tmp_path


def test_the_tree_as_it_is_keeps_all_contracts(tree: Path) -> None:
    """
    No contract is broken by the package as it stands.
    """
    broken = broken_contracts(tree)

    assert set() == broken


def test_each_contract_catches_its_violation(tree: Path) -> None:
    """
    With one violation of each contract injected, each contract is broken.
    """
    for place, line in VIOLATIONS.values():
        with (tree / "databricks_forwarder" / place).open("a") as module:
            module.write(line + "\n")

    broken = broken_contracts(tree)

    assert set(VIOLATIONS) == broken


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("pyarrow.parquet", "import pyarrow.parquet"),
        ("pyarrow.parquet", "from pyarrow import parquet"),
        ("datetime.datetime.now", "import datetime\ndatetime.datetime.now()"),
        (
            "datetime.datetime.utcnow",
            "from datetime import datetime\ndatetime.utcnow()",
        ),
        ("datetime.date.today", "from datetime import date\ndate.today()"),
    ],
)
def test_a_banned_name_is_caught(name: str, line: str) -> None:
    """
    A name that has one door is refused everywhere else.
    """
    banned = banned_names("databricks_forwarder/loaders/injected.py", line + "\n")

    assert {name} == banned


@pytest.mark.parametrize(
    ("door", "line"),
    [
        ("databricks_forwarder/_parquet.py", "import pyarrow.parquet"),
        ("databricks_forwarder/_clock.py", "import datetime\ndatetime.datetime.now()"),
    ],
)
def test_a_door_is_open_to_its_own(door: str, line: str) -> None:
    """
    The one module that a name is meant for may use it.
    """
    banned = banned_names(door, line + "\n")

    assert set() == banned
