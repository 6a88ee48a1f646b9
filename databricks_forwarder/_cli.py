"""
The command line: thin over what a host calls itself.

Exit codes: 0 all is loaded; 1 something was refused, is dead, parked or
pending, and it is said what; 2 wrong usage or settings, found before anything
was received; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from databricks_forwarder._cli_arguments import parse_arguments
from databricks_forwarder._cli_ask import explain, plan, simulate
from databricks_forwarder._cli_destination import backfill, check, reconcile
from databricks_forwarder._cli_erase import erase
from databricks_forwarder._cli_forward import forward
from databricks_forwarder._cli_letters import dead_letters, replay
from databricks_forwarder._cli_maintenance import maintenance
from databricks_forwarder._cli_output import (
    Output,
    counted,
    load_as_json,
    moment_as_text,
)
from databricks_forwarder._cli_repair import repair
from databricks_forwarder._cli_report import report
from databricks_forwarder._cli_spool import open_spool
from databricks_forwarder._cli_status import status
from databricks_forwarder.errors import ConfigurationError, ForwarderError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from databricks_forwarder.model import LoadReport

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command.

    Args:
        argv: Its arguments; None for those of the process.

    Returns:
        The exit code.

    Raises:
        SystemExit: The arguments are none of ours, or only help was asked for.
    """
    arguments = parse_arguments(argv)
    output = Output(is_json=arguments.json, is_quiet=arguments.quiet)
    try:
        code = _COMMANDS[arguments.command](arguments, output)
        sys.stdout.flush()
    except ConfigurationError as error:
        output.complain(str(error))
        return 2
    except BrokenPipeError:
        # Who read has gone: what is left to say goes nowhere, also at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ForwarderError, OSError) as error:
        output.complain(str(error))
        return 1
    except KeyboardInterrupt:
        output.complain("stopped; what waits in the spool is safe")
        return 130
    return code


# The commands that ask a spool open it alone: they need no lake, and must not
# make one.


def _loads(arguments: argparse.Namespace, output: Output) -> int:
    """
    List the parked loads, and the latest that were committed.
    """
    with open_spool(arguments) as spool:
        reports = [*spool.parked(), *spool.loads(arguments.limit)]
    headers = (
        *("load", "settled at", "received", "loaded", "dead", "dropped", "pending"),
        "state",
    )
    output.tabulate(
        headers,
        [
            (
                report.load_id,
                moment_as_text(report.settled_at),
                report.account.received,
                report.account.loaded,
                report.account.dead,
                report.account.dropped,
                report.account.pending,
                "parked" if report.is_parked else "committed",
            )
            for report in reports
        ],
        nothing="no load was carried yet",
    )
    output.complete({"loads": [load_as_json(report) for report in reports]})
    return 0


def _parked(arguments: argparse.Namespace, output: Output) -> int:
    """
    List what is set aside, and why.
    """
    with open_spool(arguments) as spool:
        reports = spool.parked()
    output.tabulate(
        ("load", "parked at", "table", "messages", "reason"),
        [
            (report.load_id, moment_as_text(report.settled_at), *what)
            for report in reports
            for what in _set_aside(report)
        ],
        nothing="nothing is parked",
    )
    output.complete({"parked": [load_as_json(report) for report in reports]})
    return 0


def _set_aside(report: LoadReport) -> list[tuple[str, int, str]]:
    """
    Table, messages and reason: of each parked table, or of the load as a whole.
    """
    if report.reason is not None:
        return [("(all)", report.account.pending, report.reason)]
    return [
        (table.table, table.row_count, table.reason or "")
        for table in report.tables
        if table.state == "parked"
    ]


def _carry_on(arguments: argparse.Namespace, output: Output) -> int:
    """
    Open parked loads again, all that are named or none.
    """
    with open_spool(arguments) as spool:
        parked = [report.load_id for report in spool.parked()]
        unknown = [name for name in arguments.load_ids if name not in parked]
        if unknown:
            msg = f"no parked load is called {', '.join(unknown)}; parked lists them"
            raise ConfigurationError(msg)
        load_ids = [
            name
            for name in parked
            if name in arguments.load_ids or not arguments.load_ids
        ]
        for load_id in load_ids:
            spool.carry_on(load_id)
    opened = counted(len(load_ids), "load is", "loads are")
    output.tell(f"{opened} open again; forward carries what is open")
    output.complete({"carried_on": load_ids})
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace, Output], int]] = {
    "forward": forward,
    # Without files, and with a spool that need not be this machine's own.
    "carry": forward,
    "plan": plan,
    "explain": explain,
    "simulate": simulate,
    "status": status,
    "loads": _loads,
    "parked": _parked,
    "carry-on": _carry_on,
    "dead-letters": dead_letters,
    "replay": replay,
    "repair": repair,
    "check": check,
    "report": report,
    "reconcile": reconcile,
    "backfill": backfill,
    "erase": erase,
    "maintenance": maintenance,
}
