"""
What must hold of rows that are in two tables, before one of them lets go of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_forwarder.model import TableName

__all__ = ["require_whole"]


def require_whole(own: TableName, counts: Mapping[str, tuple[int, int]]) -> None:
    """
    See that of each load all rows were copied, each once.

    Args:
        own: The table that they were copied into.
        counts: Load → rows where they are copied from, and copies in *own*.

    Raises:
        PermanentError: A load has more copies, or fewer.
    """
    for load_id, (row_count, copy_count) in sorted(counts.items()):
        if copy_count != row_count:
            msg = (
                f"table {own} has {copy_count} rows for the {row_count} of load "
                f"{load_id} that are to be moved into it; none of these was removed: "
                "see that nobody else moves rows, keep one row of each _offset and "
                f"_position in {own}, and move them again"
            )
            raise PermanentError(msg)
