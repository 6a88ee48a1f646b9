"""
The command line: thin over what a host calls itself.

Exit codes: 0 all is loaded; 1 something was refused, is dead, parked or
pending, and it is said what; 2 wrong usage or settings, found before anything
was received; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO

import attrs

from databricks_forwarder._cli_arguments import parse_arguments
from databricks_forwarder._cli_forward import (
    forward,
    plan,
    require_spool,
    spool_of,
)
from databricks_forwarder._cli_output import Output, account_as_text, load_as_json
from databricks_forwarder._cli_workspace import require_no_place, workspace_of
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.errors import ConfigurationError, ForwarderError
from databricks_forwarder.model import Offset

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from databricks_forwarder.model import DeadLetter, Finding, LoadReport

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


def _status(arguments: argparse.Namespace, output: Output) -> int:
    """
    Say where all messages of the spool are.
    """
    with _open_spool(arguments) as spool:
        status = spool.status()
    oldest = status.oldest_received_at
    since = "" if oldest is None else f", the oldest since {oldest:%Y-%m-%d %H:%M:%S}"
    output.tell(account_as_text(status.account))
    output.tell(f"{status.waiting} messages wait{since}")
    output.tell(f"open loads: {', '.join(status.open_load_ids) or 'none'}")
    output.tell(f"parked loads: {', '.join(status.parked_load_ids) or 'none'}")
    output.tell(f"{status.stored_bytes} payload bytes are kept")
    output.complete(attrs.asdict(status))
    return 1 if status.account.dead or status.parked_load_ids else 0


def _loads(arguments: argparse.Namespace, output: Output) -> int:
    """
    List the parked loads, and the latest that were committed.
    """
    with _open_spool(arguments) as spool:
        reports = [*spool.parked(), *spool.loads(arguments.limit)]
    headers = ("load", "settled at", "received", "loaded", "dead", "dropped", "state")
    output.tabulate(
        headers,
        [
            (
                report.load_id,
                f"{report.settled_at:%Y-%m-%d %H:%M:%S}",
                report.account.received,
                report.account.loaded,
                report.account.dead,
                report.account.dropped,
                "parked" if report.is_parked else "committed",
            )
            for report in reports
        ],
    )
    output.complete({"loads": [load_as_json(report) for report in reports]})
    return 0


def _parked(arguments: argparse.Namespace, output: Output) -> int:
    """
    List what is set aside, and why.
    """
    with _open_spool(arguments) as spool:
        reports = spool.parked()
    output.tabulate(
        ("load", "parked at", "table", "messages", "reason"),
        [
            (report.load_id, f"{report.settled_at:%Y-%m-%d %H:%M:%S}", *what)
            for report in reports
            for what in _set_aside(report)
        ],
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
    with _open_spool(arguments) as spool:
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
    output.tell(f"{len(load_ids)} loads are open again; forward carries them")
    output.complete({"carried_on": load_ids})
    return 0


def _dead_letters(arguments: argparse.Namespace, output: Output) -> int:
    """
    List the dead letters without their payloads; or write these to a file.
    """
    with _open_spool(arguments) as spool:
        if arguments.export is not None:
            count = _export(spool.dead_letters(), arguments.export)
            output.tell(f"{count} payloads written to {arguments.export}")
            output.complete({"exported": count})
            return 0
        rows = [
            (
                letter.offset,
                f"{letter.received_at:%Y-%m-%d %H:%M:%S}",
                len(letter.payload or b""),
                letter.reason,
            )
            for letter in spool.dead_letters()
        ]
    headers = ("offset", "received at", "bytes", "reason")
    output.tabulate(headers, rows)
    output.complete(
        {"dead_letters": [dict(zip(headers, row, strict=True)) for row in rows]}
    )
    return 0


def _export(letters: Iterable[DeadLetter], path: str) -> int:
    """
    Write the payloads as NDJSON, for the owner's eyes alone.
    """
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        msg = f"{path} can't be written: {error.strerror}; name a new file"
        raise ConfigurationError(msg) from error
    with os.fdopen(number, "wb") as file:
        return sum(_write_line(file, letter.payload or b"") for letter in letters)


def _write_line(file: BinaryIO, payload: bytes) -> int:
    # Between the members of a document a line break is a space; inside a text
    # there is none.
    file.write(payload.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
    return 1


def _replay(arguments: argparse.Namespace, output: Output) -> int:
    """
    Put dead letters back in the queue.
    """
    with _open_spool(arguments) as spool:
        offsets = arguments.offsets or [
            letter.offset for letter in spool.dead_letters()
        ]
        count = spool.replay([Offset(offset) for offset in offsets])
    output.tell(f"{count} payloads are back in the queue; forward carries them")
    output.complete({"replayed": count})
    return 0


def _check(arguments: argparse.Namespace, output: Output) -> int:
    """
    Try the destination by imitating real work.
    """
    findings = []
    with ExitStack() as opened:
        for finding in _findings(arguments, opened):
            output.tell(f"{finding.subject}: {finding.problem or 'good'}")
            findings.append(finding)
    output.complete({"findings": [attrs.asdict(finding) for finding in findings]})
    return 1 if any(finding.problem for finding in findings) else 0


def _findings(arguments: argparse.Namespace, opened: ExitStack) -> Iterable[Finding]:
    # Heavy, each, and needed alone.
    if not arguments.databricks:
        from databricks_forwarder.loaders.delta import DeltaLoader  # noqa: PLC0415

        require_no_place(arguments)
        return DeltaLoader(arguments.lake).check()
    from databricks_forwarder._databricks.client import (  # noqa: PLC0415
        DatabricksClient,
    )
    from databricks_forwarder.loaders.warehouse import WarehouseLoader  # noqa: PLC0415

    settings, endpoint = workspace_of(arguments)
    client = DatabricksClient(settings, endpoint=endpoint)
    opened.callback(client.close)
    return WarehouseLoader(client).findings()


@contextmanager
def _open_spool(arguments: argparse.Namespace) -> Iterator[SqliteBatcher]:
    path = spool_of(arguments)
    require_spool(path)
    spool = SqliteBatcher(path)
    try:
        yield spool
    finally:
        spool.close()


_COMMANDS: dict[str, Callable[[argparse.Namespace, Output], int]] = {
    "forward": forward,
    "plan": plan,
    "status": _status,
    "loads": _loads,
    "parked": _parked,
    "carry-on": _carry_on,
    "dead-letters": _dead_letters,
    "replay": _replay,
    "check": _check,
}
