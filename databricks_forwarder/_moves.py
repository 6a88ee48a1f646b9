"""
Rows that have left the common table for that of their kind since they were loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from databricks_forwarder.model import LoadId, RowCount, TableName

    Counts = Mapping[TableName, Mapping[LoadId, RowCount]]

__all__ = ["moves"]


def moves(
    common: TableName,
    load_ids: Collection[LoadId],
    counts: Counts,
    whole: Callable[[TableName, LoadId], int],
) -> Iterator[tuple[LoadId, TableName, int]]:
    """
    Tell what rows were moved, as far as none is missing.

    Rows of a load that the common table lacks were moved, if other tables have
    just as many of them more than were loaded into them.

    Args:
        common: The table that rows may have been moved out of.
        load_ids: Of the loads whose rows are known.
        counts: The rows that are there.
        whole: How many rows of a load a table had when it was loaded.

    Yields:
        Load, table, and how many rows it has more now; fewer in the common one.
    """
    for load_id in load_ids:
        changed = {
            table: _once(held.get(load_id)) - whole(table, load_id)
            for table, held in counts.items()
        }
        lacking = -changed.pop(common, 0)
        more = {table: count for table, count in changed.items() if count > 0}
        if lacking and sum(more.values()) == lacking:
            yield load_id, common, -lacking
            yield from ((load_id, table, count) for table, count in more.items())


def _once(rows: RowCount | None) -> int:
    return rows.row_count - rows.doubled if rows else 0
