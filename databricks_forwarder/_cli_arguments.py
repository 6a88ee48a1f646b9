"""
The arguments of the command line.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["make_parser", "parse_arguments"]

_EXIT_CODES = (
    "Exit codes: 0 all is loaded; 1 something was refused, is dead, parked or pending; "
    "2 wrong usage or settings, nothing was received; 130 interrupted."
)
_FILES = (
    "one batch a line (NDJSON), one JSON batch, or a JSON array of batches; plain or "
    "gzip; - is standard input"
)


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """
    Read the arguments of one command; ``command`` is its name.

    Raises:
        SystemExit: They are none of ours, or only help was asked for.
    """
    return make_parser().parse_args(argv)


def make_parser() -> argparse.ArgumentParser:
    """
    Make what reads the arguments, and what the reference is held against.
    """
    parser = argparse.ArgumentParser(
        prog="python -m databricks_forwarder",
        description="Forward mParticle batches into Delta tables.",
        epilog=_EXIT_CODES,
    )
    parser.set_defaults(quiet=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, summary, add_arguments in _COMMANDS:
        command = commands.add_parser(name, help=summary, description=summary)
        add_arguments(command)
        command.add_argument(
            "--json", action="store_true", help="say the results as one JSON object"
        )
    return parser


def _add_forward(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "files", nargs="*", metavar="FILE", help=f"{_FILES}; none: carry what waits"
    )
    _add_work(command)


def _add_carry(command: argparse.ArgumentParser) -> None:
    command.set_defaults(files=())
    _add_work(command)


def _add_work(command: argparse.ArgumentParser) -> None:
    _add_destination(command)
    _add_spool(command)
    _add_routing(command)
    _add_counts(command)
    command.add_argument("--quiet", action="store_true", help="say problems only")


def _add_plan(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="FILE", help=_FILES)
    _add_lake(command)
    _add_routing(command)


def _add_loads(command: argparse.ArgumentParser) -> None:
    _add_places(command)
    command.add_argument(
        "--limit", type=int, default=100, metavar="N", help="committed ones at most"
    )


def _add_carry_on(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "load_ids", nargs="*", metavar="LOAD_ID", help="which; none: all"
    )
    _add_places(command)


def _add_dead_letters(command: argparse.ArgumentParser) -> None:
    _add_letters(command)
    command.add_argument(
        "--damaged", action="store_true", help="only those whose bytes have changed"
    )
    command.add_argument(
        "--export", metavar="FILE", help="write the payloads to a new file, as NDJSON"
    )


def _add_letters(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "offsets", nargs="*", type=int, metavar="OFFSET", help="which; none: all"
    )
    _add_places(command)
    command.add_argument("--load", metavar="LOAD_ID", help="only those of this load")
    command.add_argument(
        "--reason", metavar="TEXT", help="only those with this text in their reason"
    )
    command.add_argument(
        "--since", metavar="TIME", help="only those received then or later"
    )
    command.add_argument(
        "--until", metavar="TIME", help="only those received then or earlier"
    )


def _add_reconcile(command: argparse.ArgumentParser) -> None:
    _add_destination(command)
    _add_spool(command)
    _add_schema_name(command)


def _add_backfill(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "tables", nargs="*", metavar="TABLE", help="which tables get rows; none: all"
    )
    _add_reconcile(command)
    _add_counts(command)


def _add_erase(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--person",
        required=True,
        metavar="FILE",
        help="who, as JSON with mpids and identities; - is standard input",
    )
    command.add_argument(
        "--request-id", metavar="ID", help="what the receipt is kept under"
    )
    command.add_argument(
        "--load-late-events",
        action="store_true",
        help="load events of before that come later; without it they are dropped",
    )
    _add_destination(command)
    _add_spool(command)


def _add_maintenance(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--run",
        nargs="*",
        choices=("compact", "cluster", "retain", "vacuum"),
        metavar="WORK",
        help="do what is due of these works: compact (if none is named), cluster, "
        "retain, vacuum",
    )
    _add_destination(command)


def _add_report(command: argparse.ArgumentParser) -> None:
    _add_destination(command, required=False)
    _add_spool(command)
    _add_routing(command)
    command.add_argument(
        "-o",
        "--output",
        default="report.html",
        metavar="FILE",
        help="file of the page, replaced if it is there (default report.html)",
    )
    command.add_argument(
        "--days", type=int, default=14, metavar="N", help="days to look back"
    )


def _add_destination(
    command: argparse.ArgumentParser, *, required: bool = True
) -> None:
    destination = command.add_mutually_exclusive_group(required=required)
    destination.add_argument("--lake", metavar="DIR", help="folder of the tables")
    destination.add_argument(
        "--databricks",
        action="store_true",
        help="a workspace, as the variables DATABRICKS_FORWARDER_… say",
    )
    command.add_argument(
        "--endpoint",
        metavar="HOST:PORT",
        help="where the workspace is reached, if not at its own host",
    )
    command.add_argument(
        "--ca-file", metavar="FILE", help="certification authorities to trust, as PEM"
    )
    command.add_argument(
        "--proxy", metavar="URL", help="HTTP proxy on the way to the workspace"
    )


def _add_places(command: argparse.ArgumentParser) -> None:
    _add_lake(command)
    _add_spool(command)


def _add_lake(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lake", metavar="DIR", help="folder of the tables")


def _add_spool(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--spool",
        metavar="FILE",
        help="file of the upload queue; of a lake by default DIR/_forwarder/spool.db",
    )


def _add_routing(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--events-threshold",
        type=int,
        metavar="N",
        help="messages in 30 days that give a kind of event a table (default 10000)",
    )
    _add_schema_name(command)
    command.add_argument(
        "--table-name", metavar="T", help="table for all partner feeds"
    )
    command.add_argument(
        "--split-feeds",
        action="store_true",
        help="one table for each event name of a partner feed",
    )
    command.add_argument(
        "--drop-batches-without-events",
        action="store_true",
        help="don't forward a batch without events",
    )


def _add_counts(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--counts",
        choices=("shared", "local"),
        metavar="WHERE",
        help="where counts and names are kept: shared, as of a workspace by default, "
        "or local, as of a lake",
    )


def _add_schema_name(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--schema-name",
        metavar="S",
        help="names a lake's common table, S_otherevents (default mparticle)",
    )


_COMMANDS = (
    ("forward", "Receive batches, and carry all that waits.", _add_forward),
    ("carry", "Carry all that waits in a spool that is there.", _add_carry),
    ("plan", "Tell where batches would go; all are held in memory.", _add_plan),
    ("status", "Tell where all messages of a spool are.", _add_places),
    ("loads", "List the parked loads, then the latest others.", _add_loads),
    ("parked", "List what is set aside, and why.", _add_places),
    ("carry-on", "Open parked loads again, after a fix.", _add_carry_on),
    ("dead-letters", "List what can't be forwarded.", _add_dead_letters),
    ("replay", "Put dead letters back in the queue.", _add_letters),
    ("repair", "Mend a damaged spool; the damaged file is kept.", _add_places),
    ("check", "Try a destination, and leave nothing there.", _add_destination),
    ("report", "Write a page that shows how it all stands.", _add_report),
    ("reconcile", "Compare the account with the tables.", _add_reconcile),
    ("backfill", "Move kinds' earlier rows into their own tables.", _add_backfill),
    ("maintenance", "Advise how to keep tables fast.", _add_maintenance),
    ("erase", "Delete a person from spool, staged files and tables.", _add_erase),
)
