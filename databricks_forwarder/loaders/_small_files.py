"""
Small files, counted as they come: nobody is asked for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.maintenance import SMALL_BYTES, SmallFiles

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.maintenance import TableLayout
    from databricks_forwarder.model import StagedFile, TableName

__all__ = ["SmallFileTally"]


class SmallFileTally:
    """
    What a loader knows of small files; it is lost with the process.

    Loads of different tables add side by side, and who looks at tables notes
    what was added by then: no number is written by two threads.
    """

    def __init__(self) -> None:
        self._added: dict[TableName, int] = {}
        self._seen: dict[TableName, int] = {}
        self._found: dict[TableName, int] = {}
        self._found_at: datetime | None = None

    def add(self, table: TableName, files: Sequence[StagedFile]) -> None:
        """
        Count the small ones of *files*, which are the table's now.
        """
        count = sum(file.size_bytes < SMALL_BYTES for file in files)
        self._added[table] = self._added.get(table, 0) + count

    def mark(self) -> Mapping[TableName, int]:
        """
        What was added until now, to be taken before tables are looked at.
        """
        return self._added.copy()

    def learn(
        self,
        layouts: Sequence[TableLayout],
        mark: Mapping[TableName, int],
        asked: Collection[TableName] | None,
        *,
        at: datetime,
    ) -> None:
        """
        Take over what was found.

        Args:
            layouts: What was found; of one with a problem the last number stays.
            mark: What was added before they were looked at: what comes
                meanwhile may be counted twice, and is not left out.
            asked: Which tables were looked for; None for all there are.
            at: When.
        """
        names = {each.table for each in layouts}
        if asked is None:
            gone = {*self._found, *mark} - names
            self._found = {name: n for name, n in self._found.items() if name in names}
            self._seen |= {name: mark.get(name, 0) for name in gone}
        for each in layouts:
            if each.problem is None:
                self._found[each.table] = each.small_file_count
                self._seen[each.table] = mark.get(each.table, 0)
        self._found_at = at

    def told(self) -> SmallFiles:
        """
        What is known now.
        """
        added, at = sum(self._added.copy().values()), self._found_at
        return SmallFiles(
            found=None if at is None else sum(self._found.copy().values()),
            found_at=at,
            added=added - sum(self._seen.copy().values()),
        )
