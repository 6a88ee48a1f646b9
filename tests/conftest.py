"""
What all tests share.
"""

from __future__ import annotations

from importlib.metadata import version

import pytest

from databricks_forwarder.testing.clock import FakeClock


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


@pytest.fixture
def clock() -> FakeClock:
    """
    A clock that stands still until it is told.
    """
    return FakeClock()
