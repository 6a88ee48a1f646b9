"""
What became of a lease's messages on the way to the files.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from datetime import datetime

    from databricks_forwarder.model import DeadLetter, EventKey, TableName

__all__ = ["Tally"]


@attrs.define
class Tally:
    """
    What became of a lease's messages on the way to the files.

    Attributes:
        counts: Messages written, by event key.
        dead: The records that can't be read or arranged.
        dropped: Messages dropped by rule.
        rescued_row_count: Rows with something in ``_rescued_data``.
        rescues: Such rows, by table and place.
        oldest_received_at: When the first of the records was received.
        newest_received_at: When the last of them was.
    """

    counts: Counter[EventKey] = attrs.field(factory=Counter)
    dead: list[DeadLetter] = attrs.field(factory=list)
    dropped: int = 0
    rescued_row_count: int = 0
    rescues: Counter[tuple[TableName, str]] = attrs.field(factory=Counter)
    oldest_received_at: datetime | None = None
    newest_received_at: datetime | None = None

    def saw(self, received_at: datetime | None) -> None:
        """
        Take in when a record was received; a source of Spark's may not tell.
        """
        if received_at is None:
            return
        self.oldest_received_at = min(
            self.oldest_received_at or received_at, received_at
        )
        self.newest_received_at = max(
            self.newest_received_at or received_at, received_at
        )
