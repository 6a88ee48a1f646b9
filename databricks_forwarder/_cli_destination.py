"""
The commands about a destination: ``check``, ``reconcile`` and ``backfill``.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._cli_spool import open_spool, require_spool, spool_of
from databricks_forwarder._cli_workspace import (
    common_table,
    open_forwarder,
    require_no_place,
    workspace_of,
)
from databricks_forwarder._reconcile import reconcile as compared

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from databricks_forwarder._cli_output import Output
    from databricks_forwarder._reconcile import Reconciliation
    from databricks_forwarder.loaders.delta import DeltaLoader
    from databricks_forwarder.loaders.warehouse import WarehouseLoader
    from databricks_forwarder.model import Finding

__all__ = ["backfill", "check", "loader_of", "reconcile"]

_TOLD = 5


def check(arguments: argparse.Namespace, output: Output) -> int:
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


def reconcile(arguments: argparse.Namespace, output: Output) -> int:
    """
    Compare the spool's account with the tables, and say each difference.
    """
    with ExitStack() as opened:
        spool = opened.enter_context(open_spool(arguments))
        common = common_table(arguments)
        result = compared(spool, loader_of(arguments, opened), common)
    for difference in result.differences:
        output.tell(difference.sentence)
    for line in _left_out(result):
        output.tell(line)
    output.tell(_figures(result))
    output.complete({**attrs.asdict(result), "agrees": result.agrees})
    return 0 if result.agrees else 1


def backfill(arguments: argparse.Namespace, output: Output) -> int:
    """
    Move kinds' earlier rows out of the common table, and say how many.
    """
    spool = spool_of(arguments)
    require_spool(spool)
    with open_forwarder(arguments, spool) as forwarder:
        moved = forwarder.backfill(arguments.tables or None)
    for table, count in moved.items():
        output.tell(f"moved into {table}: {count} rows")
    if not any(moved.values()):
        output.tell("there was nothing to be moved")
    output.complete({"moved": moved})
    return 0


def _left_out(result: Reconciliation) -> Iterable[str]:
    """
    Say what was not compared, and why.
    """
    if result.open_load_ids:
        yield f"under way, not compared: load {', '.join(result.open_load_ids)}"
    if not result.are_totals_compared:
        yield "the totals were not compared with the reports: a load is under way"
    old = result.uncompared_load_ids
    if old:
        more = f" and {len(old) - _TOLD} more" if len(old) > _TOLD else ""
        yield (
            "their reports are no longer kept, not compared: "
            f"load {', '.join(old[:_TOLD])}{more}"
        )


def _figures(result: Reconciliation) -> str:
    count = len(result.differences)
    said = "all agrees" if result.agrees else f"{count} differences"
    return (
        f"{said}: {len(result.load_ids)} loads in {len(result.tables)} tables, "
        f"{result.expected_rows} rows expected, {result.found_rows} found"
    )


def _findings(arguments: argparse.Namespace, opened: ExitStack) -> Iterable[Finding]:
    if arguments.databricks:
        return _warehouse_loader(arguments, opened).findings()
    return _delta_loader(arguments).check()


def loader_of(
    arguments: argparse.Namespace, opened: ExitStack
) -> DeltaLoader | WarehouseLoader:
    """
    Make the loader of the destination that is named; *opened* closes it.
    """
    if arguments.databricks:
        return _warehouse_loader(arguments, opened)
    return _delta_loader(arguments)


# Heavy, each, and needed alone.


def _delta_loader(arguments: argparse.Namespace) -> DeltaLoader:
    from databricks_forwarder.loaders.delta import DeltaLoader  # noqa: PLC0415

    require_no_place(arguments)
    return DeltaLoader(arguments.lake)


def _warehouse_loader(
    arguments: argparse.Namespace, opened: ExitStack
) -> WarehouseLoader:
    from databricks_forwarder._databricks.client import (  # noqa: PLC0415
        DatabricksClient,
    )
    from databricks_forwarder.loaders.warehouse import WarehouseLoader  # noqa: PLC0415

    settings, endpoint = workspace_of(arguments)
    client = DatabricksClient(settings, endpoint=endpoint)
    opened.callback(client.close)
    return WarehouseLoader(client)
