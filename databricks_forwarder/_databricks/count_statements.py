"""
The SQL of the counts that all hosts of a schema share.

Their table, as that of the names, has one row that every write changes: its
guard. So of two writes at once one fails, whatever rows they are about; see
`databricks_forwarder.counts.warehouse`.

Sources: Databricks, "MERGE INTO", "VALUES clause", "BIGINT type" and "DATE
type", read 2026-11-25.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import attrs
import pyarrow as pa

from databricks_forwarder._databricks.merging import guarded, insert, merge, spelled
from databricks_forwarder._databricks.name_statements import (
    NAMES,
    GiveNames,
    HaveNamesGuard,
    SelectNames,
)
from databricks_forwarder._databricks.statements import CreateTable, literal, remark

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from databricks_forwarder._databricks.statements import Name

__all__ = [
    "COUNTS",
    "AddCounts",
    "CountStatement",
    "HaveCountsGuard",
    "SelectCounted",
    "SelectDays",
    "TryWriting",
    "create_counts",
]

COUNTS = "_forwarder_event_counts"

_COUNTS = {
    "kind": "The kind of event, a JSON list; empty in rows that tell of a load.",
    "day": "The day (UTC) on which they were counted.",
    "messages": "Messages of the kind on the day, or of the load.",
    "load_id": "A load that is counted; empty in rows that tell of a kind.",
}
_FOREVER = date(9999, 12, 31)


def create_counts(table: Name) -> CreateTable:
    """
    Create the table of the counts.
    """
    types = [pa.string(), pa.date32(), pa.int64(), pa.string()]
    return CreateTable(
        table=table,
        columns=pa.schema(zip(_COUNTS, types, strict=True)),
        comments=_COUNTS,
        comment="How often each kind of event was forwarded; databricks-forwarder's.",
        cluster_by=None,
    )


@attrs.frozen
class HaveCountsGuard:
    """
    Have the row that every write of counts changes.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return guarded(self.table, _COUNTS, ("", _FOREVER, 0, ""), ("kind", "load_id"))


@attrs.frozen(kw_only=True)
class AddCounts:
    """
    Count a load, once, and forget days: nothing happens if it is counted.

    Nothing happens either while there is no guard. The second number of its
    one row, ``num_updated_rows``, is 0 exactly if nothing happened.

    Attributes:
        days: Kind, day and messages, each kind and day once.
        on: The load's day.
        since: The first day that is kept.
    """

    table: Name
    load_id: str
    days: Sequence[tuple[str, date, int]]
    on: date
    since: date

    def to_sql(self) -> str:
        """
        Its text.
        """
        total = sum(messages for _, _, messages in self.days)
        rows: list[tuple[object, ...]] = [
            ("", _FOREVER, 1, ""),
            ("", self.on, total, self.load_id),
            *((kind, day, messages, "") for kind, day, messages in self.days),
        ]
        load = literal(self.load_id)
        only_if = (
            f"(SELECT max(known.load_id) FROM {self.table} AS known "  # noqa: S608
            f"WHERE known.kind = '' AND known.load_id IN ('', {load})) = ''"
        )
        return (
            f"{remark(self.load_id)}\n"
            f"{merge(self.table, _COUNTS, rows, only_if)}\n"
            "ON held.kind = new.kind AND held.load_id = new.load_id "
            "AND held.day = new.day\n"
            "WHEN MATCHED THEN UPDATE SET messages = held.messages + new.messages\n"
            f"{insert(_COUNTS)}\n"
            f"WHEN NOT MATCHED BY SOURCE AND held.day < {spelled(self.since)} "
            "THEN DELETE"
        )


@attrs.frozen
class SelectCounted:
    """
    Ask whether a load is counted, and whether there is a guard: a load id each.

    The guard's is empty.
    """

    table: Name
    load_id: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            f"{remark(self.load_id)}\n"
            f"SELECT load_id FROM {self.table}\n"
            f"WHERE kind = '' AND load_id IN ('', {literal(self.load_id)})"
        )


@attrs.frozen
class SelectDays:
    """
    Ask how often kinds were forwarded: kind, day, messages.

    Attributes:
        kinds: Which, as the table spells them, at least one; what of them was
            never forwarded has no rows.
        since: The first day.
    """

    table: Name
    kinds: Collection[str]
    since: date

    def to_sql(self) -> str:
        """
        Its text.
        """
        kinds = ", ".join(map(literal, sorted(self.kinds)))
        return (
            "SELECT kind, day, sum(messages) AS messages\n"
            f"FROM {self.table}\n"
            f"WHERE load_id = '' AND day >= {spelled(self.since)}\n"
            f"AND kind IN ({kinds})\n"
            "GROUP BY kind, day"
        )


@attrs.frozen
class TryWriting:
    """
    Merge no row into one of the tables, to see whether that may be done.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        column = "owner" if self.table.name == NAMES else "kind"
        return (
            f"{merge(self.table, [column], [('',)], 'false')}\n"
            f"ON held.{column} = new.{column}\n{insert([column])}"
        )


CountStatement = (
    AddCounts
    | GiveNames
    | HaveCountsGuard
    | HaveNamesGuard
    | SelectCounted
    | SelectDays
    | SelectNames
)
"""A statement about one of the two tables."""
