"""
The arguments of the command line.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from databricks_forwarder._cli_options import (
    add_counts,
    add_destination,
    add_places,
    add_router,
    add_routing,
    add_schema_name,
    add_spool,
)

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
_ROUTED_BY = (
    "Loads not yet routed go by the standard router and the default threshold unless "
    "you name the host's: --router, or --events-threshold and the other settings of "
    "the standard one."
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
    command.epilog = _ROUTED_BY
    add_destination(command)
    add_spool(command)
    add_routing(command)
    add_counts(command)
    command.add_argument("--quiet", action="store_true", help="say problems only")


def _add_plan(command: argparse.ArgumentParser) -> None:
    command.add_argument("files", nargs="+", metavar="FILE", help=_FILES)
    add_destination(command, required=False)
    add_routing(command)
    command.add_argument(
        "--look",
        action="store_true",
        help="ask the workspace which of the tables are there",
    )
    command.add_argument(
        "--why", action="store_true", help="say of each kind of event why"
    )
    command.add_argument("--sql", action="store_true", help="say what would be run")


def _add_explain(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--event-type", metavar="T", help="without it: a batch without events"
    )
    command.add_argument("--event-name", metavar="N", help="name, or commerce action")
    command.add_argument("--custom-event-type", metavar="C", help="of a custom event")
    command.add_argument("--feed", metavar="F", help="partner feed that it came from")
    command.add_argument("--environment", metavar="E", help="production, development")
    command.add_argument(
        "--messages",
        type=int,
        default=1,
        metavar="N",
        help="how many there are at hand (default 1)",
    )
    add_destination(command)
    add_routing(command)


def _add_simulate(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "thresholds", nargs="+", type=int, metavar="THRESHOLD", help="to be compared"
    )
    add_destination(command)
    add_routing(command)


def _add_loads(command: argparse.ArgumentParser) -> None:
    add_places(command)
    command.add_argument(
        "--limit", type=int, default=100, metavar="N", help="committed ones at most"
    )


def _add_carry_on(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "load_ids", nargs="*", metavar="LOAD_ID", help="which; none: all"
    )
    add_places(command)


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
    add_places(command)
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
    add_destination(command)
    add_spool(command)
    add_schema_name(command)


def _add_backfill(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "tables", nargs="*", metavar="TABLE", help="which tables get rows; none: all"
    )
    _add_reconcile(command)
    add_counts(command)
    add_router(command)


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
    add_destination(command)
    add_spool(command)


def _add_maintenance(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--run",
        nargs="*",
        choices=("compact", "cluster", "retain", "vacuum"),
        metavar="WORK",
        help="do what is due of these works: compact (if none is named), cluster, "
        "retain, vacuum",
    )
    add_destination(command)


def _add_report(command: argparse.ArgumentParser) -> None:
    add_destination(command, required=False)
    add_spool(command)
    add_routing(command)
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


_COMMANDS = (
    ("forward", "Receive batches, and carry all that waits.", _add_forward),
    ("carry", "Carry all that waits in a spool that is there.", _add_carry),
    ("plan", "Tell what would happen to batches; touch nothing.", _add_plan),
    ("explain", "Tell where events of a kind would go, and why.", _add_explain),
    ("simulate", "Tell what other thresholds would have done.", _add_simulate),
    ("status", "Tell where all messages of a spool are.", add_places),
    ("loads", "List the parked loads, then the latest others.", _add_loads),
    ("parked", "List what is set aside, and why.", add_places),
    ("carry-on", "Open parked loads again, after a fix.", _add_carry_on),
    ("dead-letters", "List what can't be forwarded.", _add_dead_letters),
    ("replay", "Put dead letters back in the queue.", _add_letters),
    ("repair", "Mend a damaged spool; the damaged file is kept.", add_places),
    ("check", "Try a destination, and leave nothing there.", add_destination),
    ("report", "Write a page that shows how it all stands.", _add_report),
    ("reconcile", "Compare the account with the tables.", _add_reconcile),
    ("backfill", "Move kinds' earlier rows into their own tables.", _add_backfill),
    ("maintenance", "Advise how to keep tables fast.", _add_maintenance),
    ("erase", "Delete a person from spool, staged files and tables.", _add_erase),
)
