"""
The rows of all tables that can be counted, and why others can't be.

A loader counts many tables at once, and one that somebody has changed breaks all
of it off. Then halves are counted, and halves of these, until it is alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.errors import ForwarderError, PermanentError, SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder.abilities import CountingLoader
    from databricks_forwarder.model import LoadId, RowCount, TableName

__all__ = ["Counted", "count_each"]


@attrs.frozen
class Counted:
    """
    What was counted.

    Attributes:
        rows: Rows by table and load; a table that is not there is left out.
        refused: Tables that can't be counted, each with the reason.
    """

    rows: dict[TableName, Mapping[LoadId, RowCount]] = attrs.field(factory=dict)
    refused: dict[TableName, str] = attrs.field(factory=dict)


def count_each(
    loader: CountingLoader, batcher_id: str, tables: Sequence[TableName]
) -> Counted:
    """
    Count the rows of *tables*, but for those that can't be counted.

    Raises:
        SetupError: It is none of the tables that a person must see to: no other
            can be counted either, or two are refused with the same words.
        ForwarderError: They can't be counted now.
    """
    counted = Counted()
    waiting = [tables]
    while waiting:
        some = waiting.pop()
        try:
            counted.rows.update(loader.count_rows(batcher_id, some))
        except (PermanentError, SetupError) as error:
            if len(some) > 1:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
                continue
            if _is_of_all(error, counted, tables):
                raise
            counted.refused[some[0]] = str(error)
    return counted


def _is_of_all(
    error: ForwarderError, counted: Counted, tables: Sequence[TableName]
) -> bool:
    """
    Whether what was said of one table is about none, as of a sign-in.
    """
    if not isinstance(error, SetupError):
        return False
    is_last = len(counted.refused) == len(tables) - 1
    return is_last or str(error) in counted.refused.values()
