"""
The rows of counts and names as Arrow tables; pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from databricks_forwarder.counts._giving import newly_given
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import date

__all__ = [
    "COUNTS",
    "NAMES",
    "all_names",
    "appended",
    "chosen",
    "days_since",
    "names_of",
    "summed",
]

COUNTS = pa.schema(
    [
        ("kind", pa.string()),
        ("day", pa.date32()),
        ("messages", pa.int64()),
        ("load_id", pa.string()),
    ]
)
NAMES = pa.schema(
    [("owner", pa.string()), ("table_name", pa.string()), ("generation", pa.int64())]
)


def appended(rows: pa.Table, new: Sequence[tuple[object, ...]]) -> pa.Table:
    """
    Put new rows, at least one, behind *rows*; each has a value for each column.
    """
    columns = list(zip(*new, strict=True))
    return pa.concat_tables([rows, pa.table(columns, schema=rows.schema)])


def summed(rows: pa.Table) -> pa.Table:
    """
    Make one row of those of one kind, day and load.
    """
    keys = ["kind", "day", "load_id"]
    sums = rows.group_by(keys).aggregate([("messages", "sum")])
    return sums.rename_columns([*keys, "messages"]).select(rows.schema.names)


def days_since(rows: pa.Table, since: date) -> Iterable[tuple[str, date, int]]:
    """
    Kind, day and messages of the rows that tell of a kind, from a day on.
    """
    is_asked = pc.and_(
        pc.not_equal(rows["kind"], ""),
        pc.greater_equal(rows["day"], pa.scalar(since, pa.date32())),
    )
    some = rows.filter(is_asked)
    columns = (some[name].to_pylist() for name in ("kind", "day", "messages"))
    return zip(*columns, strict=True)


def all_names(rows: pa.Table) -> dict[str, TableName]:
    """
    All names given, by their owners.
    """
    return dict(
        zip(rows["owner"].to_pylist(), rows["table_name"].to_pylist(), strict=True)
    )


def names_of(rows: pa.Table, owners: Collection[str]) -> dict[str, TableName]:
    """
    The names of those of *owners* that have one.
    """
    some = rows.filter(pc.is_in(rows["owner"], pa.array(list(owners), pa.string())))
    return {row["owner"]: TableName(row["table_name"]) for row in some.to_pylist()}


def chosen(
    rows: pa.Table, wishes: Mapping[str, Sequence[TableName]]
) -> tuple[Mapping[str, TableName], Mapping[str, TableName]]:
    """
    Tell the names that the owners have, and choose those for the others.
    """
    old = names_of(rows, wishes)
    taken = set(rows["table_name"].to_pylist())
    return old, newly_given(wishes, given=old, taken=taken)
