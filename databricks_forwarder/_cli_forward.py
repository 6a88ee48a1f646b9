"""
The commands that read batches: ``forward`` and ``plan``.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._cli_intake import Intake
from databricks_forwarder._cli_output import Output, account_as_text, load_as_json
from databricks_forwarder._cli_sources import (
    STANDARD_INPUT,
    Found,
    SourceError,
    open_source,
    require_readable,
)
from databricks_forwarder._cli_spool import require_spool, spool_of
from databricks_forwarder._cli_workspace import (
    counts_of,
    require_no_place,
    schema_name,
    workspace_of,
)
from databricks_forwarder._door import admit
from databricks_forwarder._forwarder import Forwarder
from databricks_forwarder.errors import (
    BatcherError,
    ForwarderError,
    PayloadError,
)
from databricks_forwarder.settings import ConnectionSettings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from databricks_forwarder._plan import Plan
    from databricks_forwarder.model import LoadReport

__all__ = ["forward", "open_forwarder", "plan"]

_MAX_PAYLOAD_BYTES = 8 * 2**20


def forward(arguments: argparse.Namespace, output: Output) -> int:
    """
    Receive all batches of the sources, then carry everything that waits.
    """
    require_readable(arguments.files)
    spool = spool_of(arguments)
    if not arguments.files:
        require_spool(spool)
    with open_forwarder(arguments, spool) as forwarder:
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


def plan(arguments: argparse.Namespace, output: Output) -> int:
    """
    Tell which tables the batches of the sources would go to; touch nothing.
    """
    require_readable(arguments.files)
    problems: list[str] = []
    admitted: list[Found] = []
    for each in _found(arguments.files, problems, output):
        try:
            admit(each.document, _MAX_PAYLOAD_BYTES)
        except PayloadError as error:  # noqa: PERF203 (each payload is refused alone)
            problems.append(f"{each.place} would be refused: {error}")
        else:
            admitted.append(each)
    with _open_shadow(arguments) as forwarder:
        planned = forwarder.plan(each.document for each in admitted)
    problems += [
        f"{admitted[index].place} would be dead: {reason}"
        for index, reason in planned.dead.items()
    ]
    _tell_plan(planned, problems, output)
    output.complain(*problems)
    return 1 if problems else 0


def open_forwarder(arguments: argparse.Namespace, spool: Path) -> Forwarder:
    """
    Open a forwarder into the lake or the workspace that the arguments name.

    Raises:
        ConfigurationError: They contradict each other, or a setting is wrong.
    """
    if not arguments.databricks:
        require_no_place(arguments)
        return _open_lake(arguments, arguments.lake, spool)
    settings, endpoint = workspace_of(arguments)
    if arguments.events_threshold is not None:
        settings = attrs.evolve(settings, events_threshold=arguments.events_threshold)
    return Forwarder.for_databricks(
        settings,
        spool=spool,
        endpoint=endpoint,
        connection=_connection(arguments),
        counts=counts_of(arguments, "shared"),
        max_payload_bytes=_MAX_PAYLOAD_BYTES,
    )


def _open_lake(
    arguments: argparse.Namespace, lake: Path | str, spool: Path
) -> Forwarder:
    return Forwarder.for_lake(
        lake,
        spool=spool,
        counts=counts_of(arguments, "local"),
        connection=_connection(arguments),
        events_threshold=(
            10_000 if arguments.events_threshold is None else arguments.events_threshold
        ),
        schema_name=schema_name(arguments),
        max_payload_bytes=_MAX_PAYLOAD_BYTES,
    )


def _connection(arguments: argparse.Namespace) -> ConnectionSettings:
    return ConnectionSettings(
        table_name=arguments.table_name,
        split_partner_feed_data_by_event_name=arguments.split_feeds,
        send_batches_without_events=not arguments.drop_batches_without_events,
    )


@contextmanager
def _open_shadow(arguments: argparse.Namespace) -> Iterator[Forwarder]:
    """
    Open a forwarder that knows the lake's counts and has nothing else of it.
    """
    with tempfile.TemporaryDirectory(prefix="databricks-forwarder-") as folder:
        lake = Path(arguments.lake or folder)
        if not Path(lake, "_forwarder", "counts.db").exists():
            lake = Path(folder, "lake")
        with _open_lake(arguments, lake, Path(folder, "spool.db")) as forwarder:
            yield forwarder


def _receive(
    names: Sequence[str], intake: Intake, spool: Path, output: Output
) -> list[str]:
    """
    Receive what the sources hold; return what is wrong with them.
    """
    problems: list[str] = []
    try:
        with closing(_found(names, problems, output)) as found:
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


def _found(
    names: Sequence[str], problems: list[str], output: Output
) -> Generator[Found, None, None]:
    """
    Read source after source; one that can't be read on ends, and is a problem.
    """
    with output.progress(sum(map(_size_bytes, names))) as show:
        done = 0
        for name in names:
            is_empty = True
            try:
                with open_source(name) as source:
                    for found in source.batches():
                        is_empty = False
                        yield found
                        show(done + source.bytes_read())
            except SourceError as error:
                problems.append(str(error))
            else:
                if is_empty:
                    output.complain(f"{name} holds no batch")
            done += _size_bytes(name)


def _size_bytes(name: str) -> int:
    return 0 if name == STANDARD_INPUT else Path(name).stat().st_size


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


def _tell_plan(planned: Plan, problems: list[str], output: Output) -> None:
    output.tabulate(
        ("table", "event type", "messages"),
        [
            (each.table, each.event_type or "any", each.message_count)
            for each in planned.tables
        ],
    )
    output.tell(f"{planned.dropped} messages would be dropped by rule")
    output.complete(
        {
            "tables": [
                {
                    "table": each.table,
                    "event_type": each.event_type,
                    "messages": each.message_count,
                }
                for each in planned.tables
            ],
            "dropped": planned.dropped,
            "problems": problems,
        }
    )
