"""
What was erased of the rows and messages that reports tell of.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from databricks_forwarder.erasure import ErasureNote
    from databricks_forwarder.model import LoadId, TableName

    Rows = Counter[tuple[TableName, LoadId]]

__all__ = ["ErasedRows"]


@attrs.frozen
class ErasedRows:
    """
    Rows and messages of finished and of unfinished erasures.

    A load that was staged again has a report without what was erased.

    Attributes:
        done: Rows that are gone, by table and load.
        doing: Rows that are gone, or will be once an erasure is done again.
        message_count: Messages that are counted as dropped, and in no report.
    """

    done: Rows = attrs.field(factory=Counter)
    doing: Rows = attrs.field(factory=Counter)
    message_count: int = 0

    @classmethod
    def of(cls, notes: Iterable[ErasureNote]) -> ErasedRows:
        """
        Add up what is kept of all erasures.
        """
        done: Rows = Counter()
        doing: Rows = Counter()
        message_count = 0
        for erasure in (note.erasure for note in notes):
            message_count += erasure.spool.message_count
            for table in erasure.tables:
                rows = done if table.is_done else doing
                for load_id, count in table.rows_by_load.items():
                    if load_id not in erasure.spool.opened_load_ids:
                        rows[table.table, load_id] += count
        return cls(done, doing, message_count)

    def left(self, table: TableName, load_id: LoadId, told: int, found: int) -> int:
        """
        How many rows should be there of those that a report tells of.

        Args:
            table: The table.
            load_id: The load.
            told: What its report tells.
            found: How many are there, for where either may be right.
        """
        at_most = told - self.done[table, load_id]
        at_least = at_most - self.doing[table, load_id]
        return min(max(found, at_least), at_most)
