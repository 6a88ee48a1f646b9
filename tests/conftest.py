"""
What all tests share.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version

import pytest
from hypothesis import settings
from sweeping import sweeping

from databricks_forwarder.testing.clock import FakeClock

# For `nox -s machines`.
settings.register_profile("machines", max_examples=1000, deadline=None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """
    Take two workers more than there are cores, for ``-n auto``.

    For a third of their time tests wait: for the disk, for threads, for
    processes of their own. What the environment says goes before.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return (os.cpu_count() or 1) + 2


def pytest_report_header() -> str:
    """
    Name the versions that decide about what is tested.
    """
    names = ("pyarrow", "deltalake", "msgspec", "duckdb")
    return ", ".join(f"{name} {version(name)}" for name in names)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """
    Print what tests measured.
    """
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(autouse=True)
def _swept() -> Iterator[None]:
    with sweeping():
        yield


@pytest.fixture
def clock() -> FakeClock:
    """
    A clock that stands still until it is told.
    """
    return FakeClock()
