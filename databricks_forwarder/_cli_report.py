"""
The command that makes a report: ``report``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._cli_opening import open_routing
from databricks_forwarder._cli_spool import open_spool, require_spool, spool_of
from databricks_forwarder._clock import SystemClock
from databricks_forwarder._due import Due
from databricks_forwarder._report.facts import Foresight
from databricks_forwarder._report.report import make_report
from databricks_forwarder._status import status_of
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.settings import UploadPolicy

if TYPE_CHECKING:
    import argparse

    from databricks_forwarder._cli_output import Output
    from databricks_forwarder._report.report import Report

__all__ = ["report"]

_NO_COUNTS = "Name the lake or the workspace with the spool: the counts are there."


def report(arguments: argparse.Namespace, output: Output) -> int:
    """
    Write a page on what arrived, what is late, dead, and promoted next.
    """
    spool = spool_of(arguments)
    require_spool(spool)
    if arguments.lake is None and not arguments.databricks:
        made = _of_spool(arguments)
    else:
        _require_lake(arguments)
        with open_routing(arguments, spool) as forwarder:
            made = forwarder.report(days=arguments.days)
    place = made.write(arguments.output)
    output.tell(f"the report is in {place}")
    output.complete({"report": str(place), "at": made.at.isoformat()})
    return 0


def _of_spool(arguments: argparse.Namespace) -> Report:
    """
    Make a report of a spool alone, as if loads were due when mParticle's are.
    """
    clock, policy = SystemClock(), UploadPolicy()
    with open_spool(arguments) as spool:
        status = spool.status()
        told = status_of(
            status,
            due_at=Due(spool, policy, clock).at(status),
            is_running=False,
            destination=None,
            error=None,
        )
        unknown = Foresight(unknown=_NO_COUNTS)
        at, days = clock.now(), arguments.days
        return make_report(spool, told, unknown, policy, at=at, days=days)


def _require_lake(arguments: argparse.Namespace) -> None:
    """
    See that a lake is there: who only looks must not make one.
    """
    if not arguments.databricks and not Path(arguments.lake, "_forwarder").is_dir():
        msg = f"there is no lake at {arguments.lake}: nothing was forwarded into it yet"
        raise ConfigurationError(msg)
