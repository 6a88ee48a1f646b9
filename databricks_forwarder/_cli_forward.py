"""
The commands that carry: ``forward``, and ``carry`` without files.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._cli_intake import Intake
from databricks_forwarder._cli_opening import open_routing
from databricks_forwarder._cli_output import Output, account_as_text, load_as_json
from databricks_forwarder._cli_reading import found_in
from databricks_forwarder._cli_sources import require_readable
from databricks_forwarder._cli_spool import require_spool, spool_of
from databricks_forwarder.errors import BatcherError, ForwarderError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from databricks_forwarder._forwarder import Forwarder
    from databricks_forwarder.model import LoadReport

__all__ = ["forward"]


def forward(arguments: argparse.Namespace, output: Output) -> int:
    """
    Receive all batches of the sources, then carry everything that waits.
    """
    require_readable(arguments.files)
    spool = spool_of(arguments)
    if not arguments.files:
        require_spool(spool)
    with open_routing(arguments, spool) as forwarder:
        intake = Intake(forwarder)
        problems = _receive(arguments.files, intake, spool, output)
        reports: Sequence[LoadReport] = ()
        try:
            reports = forwarder.flush()
        except (ForwarderError, OSError) as error:
            problems.append(
                f"{error} (nothing is lost: what was received waits in {spool}; "
                "forward without files to carry it)"
            )
        return _conclude(forwarder, intake, reports, problems, output)


def _receive(
    names: Sequence[str], intake: Intake, spool: Path, output: Output
) -> list[str]:
    """
    Receive what the sources hold; return what is wrong with them.
    """
    problems: list[str] = []
    try:
        with closing(found_in(names, problems, output)) as found:
            intake.take(found)
    except BaseException as error:
        output.complain(
            f"{_received(intake, error)}; what was waits in {spool}: forward without "
            "files to carry it"
        )
        raise
    return problems


def _received(intake: Intake, error: BaseException) -> str:
    """
    Say how far it got; an interrupt may come when a write was just done.
    """
    received = f"up to {intake.place} is" if intake.place else "nothing was"
    if intake.trying is None or isinstance(error, BatcherError):
        return f"{received} received"
    return f"{received} received for sure, and what follows to {intake.trying} may be"


def _conclude(
    forwarder: Forwarder,
    intake: Intake,
    reports: Sequence[LoadReport],
    problems: list[str],
    output: Output,
) -> int:
    account = forwarder.status().account
    parked = forwarder.parked()
    problems += _refusals(intake)
    problems += _misfortunes(reports, parked)
    if account.pending and not parked and not problems:
        problems.append(
            f"{account.pending} messages are pending: another forwarder carries them"
        )
    rows = _rows_by_table(reports)
    rescued = sum(report.rescued_row_count for report in reports)
    output.tell(f"read {intake.record_count} batches, {intake.message_count} messages")
    output.tabulate(("table", "rows"), sorted(rows.items()))
    output.tell(f"{rescued} rows have something in _rescued_data")
    output.tell(account_as_text(account))
    output.complete(
        {
            "batches": intake.record_count,
            "messages": intake.message_count,
            "refused": intake.refused_count,
            "tables": rows,
            "rescued_rows": rescued,
            "account": attrs.asdict(account),
            "loads": [load_as_json(report) for report in reports],
            "parked": [load_as_json(report) for report in parked],
            "problems": problems,
        }
    )
    output.complain(*problems)
    return 1 if problems else 0


def _refusals(intake: Intake) -> list[str]:
    told = [f"{place} was refused: {why}" for place, why in intake.refused.items()]
    more = intake.refused_count - len(told)
    return [*told, f"{more} others were refused"] if more else told


def _misfortunes(
    reports: Iterable[LoadReport], parked: Iterable[LoadReport]
) -> Iterator[str]:
    for report in reports:
        for letter in report.dead:
            yield f"offset {letter.offset} is dead: {letter.reason}"
    for report in parked:
        if report.reason is not None:
            yield f"load {report.load_id} is parked: {report.reason}"
        for table in report.tables:
            if table.state == "parked":
                load_id = report.load_id
                yield f"table {table.table} of load {load_id} is parked: {table.reason}"


def _rows_by_table(reports: Iterable[LoadReport]) -> dict[str, int]:
    rows: Counter[str] = Counter()
    for report in reports:
        for table in report.tables:
            if table.state == "loaded":
                rows[table.table] += table.row_count
    return dict(sorted(rows.items()))
