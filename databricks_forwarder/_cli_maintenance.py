"""
The command that looks how tables lie, and puts them in order: ``maintenance``.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._cli_destination import loader_of
from databricks_forwarder._clock import SystemClock
from databricks_forwarder._maintenance import maintenance as maintained

if TYPE_CHECKING:
    import argparse
    from collections.abc import Collection, Iterator

    from databricks_forwarder._cli_output import Output
    from databricks_forwarder.maintenance import Maintenance, Work

__all__ = ["maintenance"]


def maintenance(arguments: argparse.Namespace, output: Output) -> int:
    """
    Say how each table lies and what is advised; do what is to be run.
    """
    with ExitStack() as opened:
        # No forwarder, and nobody to take turns with: those of other processes
        # are in the way of none of this.
        found = maintained(
            loader_of(arguments, opened),
            SystemClock(),
            lambda follow: follow(),
            _works(arguments),
        )
    headers = ("table", "files", "small", "bytes", "clustered by", "kept")
    output.tabulate(headers, list(_rows(found)))
    if not found.tables:
        output.tell("there are no tables yet")
    for line in _lines(found):
        output.tell(line)
    output.complain(*found.problems)
    output.complete(attrs.asdict(found))
    return 1 if found.problems else 0


def _works(arguments: argparse.Namespace) -> bool | Collection[Work]:
    works: list[Work] | None = arguments.run
    return works or works is not None


def _rows(found: Maintenance) -> Iterator[tuple[str, int, int, int, str, str]]:
    for table in found.tables:
        if table.problem is None:
            yield (
                table.table,
                table.file_count,
                table.small_file_count,
                table.size_bytes,
                ", ".join(table.clustered_by)
                or ("(automatic)" if table.is_self_clustered else "-"),
                "7 days" if table.kept is None else str(table.kept),
            )


def _lines(found: Maintenance) -> Iterator[str]:
    for advice in found:
        yield f"{'due' if advice.is_due else 'not due'}: {advice.statement}"
        yield f"  {advice.reason}"
    if not found.advice:
        yield "nothing is advised"
    for outcome in found.outcomes:
        if outcome.error is None:
            counts = ", ".join(f"{n} {name}" for name, n in outcome.metrics.items())
            said = ", ".join(filter(None, [outcome.statement_id, counts]))
            yield f"done: {outcome.advice.statement} ({said or 'nothing to do'})"
