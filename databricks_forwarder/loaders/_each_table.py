"""
One call for each of many tables, side by side.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

from databricks_forwarder._breadth import side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from databricks_forwarder.model import TableName

__all__ = ["of_each"]

_T = TypeVar("_T")

# How often the thread that waits for answers looks up; nothing depends on it.
_LOOK_SECONDS = 60.0


def of_each(
    call: Callable[[TableName], _T], tables: Collection[TableName], *, breadth: int
) -> Mapping[TableName, _T]:
    """
    Call for each table, so many at once.
    """
    calls = side_by_side(
        call,
        list(tables),
        breadth=breadth,
        beat=_do_nothing,
        beat_seconds=_LOOK_SECONDS,
    )
    with closing(calls):
        return {table: future.result() for table, future in calls}


def _do_nothing() -> None:
    """
    Keep nothing alive: no load is out.
    """
