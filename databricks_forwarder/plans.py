"""
What would happen to payloads, as values; ``str()`` of a plan is text for people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._plan_text import plan_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder.answers import Reason
    from databricks_forwarder.model import EventKey, LoadId, TableName

__all__ = ["Plan", "PlannedFile", "PlannedLoad", "PlannedTable"]


@attrs.frozen(kw_only=True)
class PlannedFile:
    """
    A file that one load would bring one table.

    Attributes:
        load_id: The load; a placeholder, as offsets are given when payloads come.
        name: Its name within its load.
        row_count: Its rows.
        size_bytes: Its bytes, but for what ids and times of the real load take.
    """

    load_id: LoadId
    name: str
    row_count: int
    size_bytes: int


@attrs.frozen(kw_only=True)
class PlannedTable:
    """
    What one table would get.

    Attributes:
        event_type: Whose fields its ``data`` would hold; None for all.
        message_count: Rows.
        keys: The event keys that would go there, with their messages.
        reasons: Why each of them does.
        files: The files, load by load.
        is_there: Whether the table is there; None when nobody has looked.
        preparing: What the loader would run to make or widen the table for the
            first load; where `is_there` is None, if it is not there.
        loading: What the loader would run to load the files, load by load.
        problem: What is in the way already now, in a sentence; None if nothing
            is known to be.
    """

    table: TableName
    event_type: str | None
    message_count: int
    keys: Mapping[EventKey, int] = attrs.field(repr=False)
    reasons: Mapping[EventKey, Reason] = attrs.field(repr=False)
    files: Sequence[PlannedFile] = attrs.field(repr=False)
    is_there: bool | None = None
    preparing: Sequence[str] = attrs.field(default=(), repr=False)
    loading: Sequence[str] = attrs.field(default=(), repr=False)
    problem: str | None = None

    @property
    def size_bytes(self) -> int:
        """
        Bytes of all its files.
        """
        return sum(file.size_bytes for file in self.files)


@attrs.frozen(kw_only=True)
class PlannedLoad:
    """
    One load that there would be.

    Attributes:
        load_id: A placeholder with the first and the last payload, from 0 on.
        message_count: Messages of all its payloads.
        tables: The tables that would get rows.
    """

    load_id: LoadId
    message_count: int
    tables: Sequence[TableName]


@attrs.frozen(kw_only=True)
class Plan:
    """
    What would happen to some payloads, had nothing else been waiting.

    Attributes:
        tables: By name.
        loads: In order, as the policy cuts them.
        dropped: Messages that a rule would drop.
        dead: Index of the payload → why it would become a dead letter.
        rescued_row_count: Rows that would have something in ``_rescued_data``.
    """

    tables: Sequence[PlannedTable]
    loads: Sequence[PlannedLoad]
    dropped: int
    dead: Mapping[int, str]
    rescued_row_count: int

    def __str__(self) -> str:
        return plan_text(self)

    @property
    def statements(self) -> Sequence[str]:
        """
        All that the loader would run, table by table.
        """
        return [
            each for table in self.tables for each in (*table.preparing, *table.loading)
        ]
