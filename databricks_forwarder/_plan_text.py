"""
A plan in plain sentences.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._answer_texts import aligned, amount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder.plans import Plan, PlannedTable

__all__ = ["plan_text"]

_TOLD = 20


def plan_text(plan: Plan) -> str:
    """
    Loads, a line for each table, and what would not be forwarded.
    """
    return "\n".join(_lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    messages = sum(load.message_count for load in plan.loads)
    yield f"{amount(messages)} in {amount(len(plan.loads), 'load')}"
    if plan.tables:
        yield from aligned([_HEAD, *map(_row, plan.tables)])
    yield f"{amount(plan.dropped)} would be dropped by rule"
    if plan.rescued_row_count:
        yield f"{amount(plan.rescued_row_count, 'row')} would have _rescued_data"
    for index in sorted(plan.dead)[:_TOLD]:
        yield f"payload {index} would be dead: {plan.dead[index]}"
    if len(plan.dead) > _TOLD:
        yield f"and {len(plan.dead) - _TOLD:,} more"
    for table in plan.tables:
        if table.problem is not None:
            yield f"table {table.table} can't be loaded as it is: {table.problem}"


_HEAD = ("table", "rows", "files", "bytes", "table is", "why")
_IS = {True: "there", False: "new", None: "not looked at"}


def _row(table: PlannedTable) -> tuple[str, ...]:
    rules = sorted({reason.rule for reason in table.reasons.values()})
    return (
        table.table,
        f"{table.message_count:,}",
        f"{len(table.files):,}",
        f"{table.size_bytes:,}",
        _IS[table.is_there],
        ", ".join(rules),
    )
