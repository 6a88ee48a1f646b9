"""
Vacuums that would come too soon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.errors import SetupError
from databricks_forwarder.maintenance import DEFAULT_KEPT

if TYPE_CHECKING:
    from datetime import timedelta

    from databricks_forwarder.model import TableName

__all__ = ["refuse_hasty"]


def refuse_hasty(table: TableName, kept: timedelta | None) -> None:
    """
    Refuse a vacuum of a table that keeps its files for less than seven days.

    Raises:
        SetupError: It does; nothing was removed.
    """
    if kept is not None and kept < DEFAULT_KEPT:
        msg = (
            f"table {table} keeps files that hold no row any more for {kept} only, "
            "which is shorter than a load or a reader may need them: have it keep "
            "them for 7 days, or vacuum it by hand when nobody uses it"
        )
        raise SetupError(msg)
