"""
Reports of loads as a spool file has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._codec import from_text
from databricks_forwarder.batchers._sqlite_errors import malformed
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import LoadReport

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


__all__ = ["committed_reports", "parked_reports", "read_reports"]


def parked_reports(database: sqlite3.Connection) -> tuple[LoadReport, ...]:
    """
    Read the reports of the parked loads, in the order of their offsets.
    """
    return read_reports(
        database.execute(
            "SELECT load_id, report FROM loads WHERE report IS NOT NULL ORDER BY first"
        )
    )


def committed_reports(
    database: sqlite3.Connection, limit: int
) -> tuple[LoadReport, ...]:
    """
    Read the reports of the latest committed loads, newest first.
    """
    return read_reports(
        database.execute(
            "SELECT load_id, report FROM committed ORDER BY number DESC LIMIT ?",
            (limit,),
        )
    )


def read_reports(rows: Iterable[tuple[str, str]]) -> tuple[LoadReport, ...]:
    """
    Read the reports of rows of a load id and its report.
    """
    return tuple(_report_of(load_id, text) for load_id, text in rows)


def _report_of(load_id: str, text: str) -> LoadReport:
    try:
        report = from_text(text, LoadReport)
    except (BatcherError, TypeError, OverflowError):
        report = None
    if report is None or report.load_id != load_id:
        msg = f"the report of load {load_id} is not what was stored"
        raise malformed(msg)
    return report
