"""
How tables lie on the disk, what is advised to do about it, and what was done.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.model import TableName

__all__ = [
    "DEFAULT_KEPT",
    "SMALL_BYTES",
    "WORKS",
    "Advice",
    "Done",
    "Maintenance",
    "Outcome",
    "SmallFiles",
    "TableLayout",
    "Work",
]

Work = Literal["compact", "cluster", "retain", "vacuum"]
"""What can be done to a table: none of it changes a row."""

WORKS: tuple[Work, ...] = ("compact", "cluster", "retain", "vacuum")
"""All of it, in the order in which it is advised."""

DEFAULT_KEPT = timedelta(days=7)
"""How long a table keeps files that hold no row any more, unless it says so:
what ``delta.deletedFileRetentionDuration`` is by default (Databricks, "Work with
table history", read 2026-11-26)."""

SMALL_BYTES = 32 * 2**20
"""A file of fewer bytes counts as small: a quarter of what Databricks aims at
when it compacts after writing, 128 MB (Databricks, "Control data file size", read
2026-11-26)."""


@attrs.frozen(kw_only=True)
class TableLayout:
    """
    How one table lies on the disk.

    Attributes:
        file_count: Files of its rows as they are now.
        size_bytes: Bytes of those files.
        small_file_count: How many of them are small; in a workspace, which tells
            no more than number and bytes, at least so many.
        clustered_by: Columns that rows are clustered on; empty for none.
        is_self_clustered: Whether the platform chooses those columns.
        kept: How long files that hold no row any more are kept; None for the
            engine's own time, 7 days.
        log_kept: How long the history is kept; None for 30 days.
        is_tended: Whether the platform compacts and vacuums by itself; None if
            that is not known.
        unused_file_count: Files that a vacuum would remove now; None if that
            is not known.
        problem: What is wrong, and what mends it, when the table can't be
            looked at; the rest is empty then.
    """

    table: TableName
    file_count: int = 0
    size_bytes: int = 0
    small_file_count: int = 0
    clustered_by: Sequence[str] = ()
    is_self_clustered: bool = False
    kept: timedelta | None = None
    log_kept: timedelta | None = None
    is_tended: bool | None = None
    unused_file_count: int | None = None
    problem: str | None = None


@attrs.frozen(kw_only=True)
class Advice:
    """
    One thing that may be done to a table.

    Attributes:
        statement: The SQL to run, or for a lake the call of ``deltalake``.
        reason: Why, in one sentence; and why not, when it is not due.
        is_due: Whether to do it now.
    """

    table: TableName
    work: Work
    statement: str
    reason: str
    is_due: bool


@attrs.frozen(kw_only=True)
class Done:
    """
    What a loader did to a table.

    Attributes:
        statement_id: A table's version on a lake, the mark of a statement in a
            warehouse's query history; empty if there was nothing to do.
        metrics: What the engine counted.
    """

    statement_id: str = ""
    metrics: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Outcome:
    """
    What became of an advice that was followed.

    Attributes:
        duration_seconds: How long it took.
        error: What it failed with and what mends it; None if it did not.
    """

    advice: Advice
    duration_seconds: float
    statement_id: str = ""
    metrics: Mapping[str, int] = attrs.field(factory=dict)
    error: str | None = None


@attrs.frozen(kw_only=True)
class Maintenance:
    """
    What was found, what is advised, and what was done; iterating gives the advice.

    Attributes:
        looked_at: When the tables were looked at, before anything was done.
        tables: By name.
        advice: By table; what is due and what is not.
        outcomes: Of what was to be run, in its order.
    """

    looked_at: datetime
    tables: Sequence[TableLayout] = attrs.field(repr=False)
    advice: Sequence[Advice]
    outcomes: Sequence[Outcome] = ()

    def __iter__(self) -> Iterator[Advice]:
        return iter(self.advice)

    @property
    def due(self) -> Sequence[Advice]:
        """
        What is advised to be done now.
        """
        return [each for each in self.advice if each.is_due]

    @property
    def problems(self) -> Sequence[str]:
        """
        What could not be looked at, and what was run and failed.
        """
        looked = [table.problem for table in self.tables]
        ran = [outcome.error for outcome in self.outcomes]
        return [problem for problem in [*looked, *ran] if problem is not None]


@attrs.frozen(kw_only=True)
class SmallFiles:
    """
    How many small files there are, as far as is known without asking.

    Attributes:
        found: How many the tables had when they were last looked at by this
            forwarder; None if they never were.
        found_at: When that was; None if never.
        added: Small files that this forwarder's own loads brought since, or
            since it was opened. What other hosts bring is not in it, and a
            workspace may have made fewer files of them.
    """

    found: int | None = None
    found_at: datetime | None = None
    added: int = 0
