"""
The SQL that moves a kind's rows from one table to another, as values.

Each may be repeated: what was copied is not copied again, and nothing is removed
that was not copied. Two of the copying at the same time could both find
nothing copied: an INSERT that reads its own table conflicts with another as a
MERGE does, but where row-level concurrency is on only what both change counts.
So what was copied is counted before anything is removed.

Sources: Databricks, "INSERT", "DELETE FROM", "Isolation levels and write
conflicts" and "Row-level concurrency", read 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._databricks.kind_conditions import (
    commerce_name,
    kind_condition,
)
from databricks_forwarder._databricks.statements import identifier, literal
from databricks_forwarder._databricks.unions import shown

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa

    from databricks_forwarder._databricks.statements import Name
    from databricks_forwarder.model import EventKind

__all__ = ["CopyKind", "CountCopies", "RemoveCopied", "SelectKinds"]


@attrs.frozen
class SelectKinds:
    """
    Ask for the kinds in a table: event type, custom type, name, commerce name.

    What is not said is an empty text; rows without event type are left out.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT DISTINCT `event_type`,\n"
            "  coalesce(`data`.`custom_event_type`, '') AS custom_event_type,\n"
            "  coalesce(`data`.`event_name`, '') AS event_name,\n"
            f"  {commerce_name()} AS done\n"
            f"FROM {self.table}\nWHERE `event_type` <> ''"
        )


@attrs.frozen
class CountCopies:
    """
    Count a kind's rows by load: load id, rows in *common*, copies of them in *own*.
    """

    common: Name
    own: Name
    kind: EventKind

    def to_sql(self) -> str:
        """
        Its text.
        """
        rows = (
            f"SELECT `_load_id`, `_offset`, `_position` FROM {self.common}\n"  # noqa: S608 (quoted)
            f"  WHERE {kind_condition(self.kind)}"
        )
        return (
            "SELECT c.`_load_id`,\n"
            "  count(DISTINCT c.`_offset`, c.`_position`) AS row_count,\n"
            "  count(o.`_load_id`) AS copy_count\n"
            f"FROM (\n  {rows}\n) AS c\n"
            f"LEFT JOIN {self.own} AS o\nON {_SAME_PLACE}\nGROUP BY c.`_load_id`"
        )


@attrs.frozen(kw_only=True)
class CopyKind:
    """
    Copy a kind's rows of some loads into its own table, if they are not there.

    Attributes:
        held: The columns of *common*.
        columns: Those of *own*.
    """

    common: Name
    own: Name
    kind: EventKind
    load_ids: Collection[str]
    held: pa.Schema
    columns: pa.Schema

    def to_sql(self) -> str:
        """
        Its text.
        """
        names = ", ".join(map(identifier, self.columns.names))
        rows = (
            f"{self.common} AS c\n"
            f"WHERE {kind_condition(self.kind)}\nAND {_of(self.load_ids)}\n"
            f"AND NOT {_is_copied(self.own)}"
        )
        return (
            f"INSERT INTO {self.own} ({names})\n{shown(rows, self.held, self.columns)}"
        )


@attrs.frozen(kw_only=True)
class RemoveCopied:
    """
    Remove a kind's rows of some loads that its own table has.
    """

    common: Name
    own: Name
    kind: EventKind
    load_ids: Collection[str]

    def to_sql(self) -> str:
        """
        Its text.
        """
        conditions = (
            f"{kind_condition(self.kind)}\nAND {_of(self.load_ids)}\n"
            f"AND {_is_copied(self.own)}"
        )
        return f"DELETE FROM {self.common} AS c\nWHERE {conditions}"  # noqa: S608 (quoted)


_SAME_PLACE = (
    "o.`_load_id` = c.`_load_id` AND o.`_offset` = c.`_offset` "
    "AND o.`_position` = c.`_position`"
)


def _is_copied(own: Name) -> str:
    return f"EXISTS (SELECT 1 FROM {own} AS o WHERE {_SAME_PLACE})"  # noqa: S608  # quoted


def _of(load_ids: Collection[str]) -> str:
    return f"c.`_load_id` IN ({', '.join(map(literal, sorted(load_ids)))})"
