"""
Counting a table's rows by load, in memory that its size does not matter to.

Rows are counted by load first. Then the loads are looked at some at a time, by
their offsets, for rows that have the same offset and position: what a reader
knows of its files' offsets spares it all the others.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from databricks_forwarder.errors import SchemaError
from databricks_forwarder.model import LoadId, RowCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyarrow.dataset import Dataset

    from databricks_forwarder.model import TableName

__all__ = ["counted"]

_COLUMNS = ["_load_id", "_offset", "_position"]

# Rows whose places are held at once, about: some 50 MB of them. A load with
# more is looked at alone.
_MAX_ROWS = 500_000

# What is read ahead, a few narrow columns of it.
_READING = {"batch_size": 65_536, "batch_readahead": 4, "fragment_readahead": 2}


def counted(
    rows: Dataset, batcher_id: str, table: TableName
) -> Mapping[LoadId, RowCount]:
    """
    Count the rows of each load of a batcher.

    Args:
        rows: The table, as it is now.
        batcher_id: Whose loads are counted.
        table: Its name, for the sentence.

    Raises:
        SchemaError: It has no column to count by.
    """
    missing = [name for name in _COLUMNS if name not in rows.schema.names]
    if missing:
        msg = (
            f"table {table} has no column {', '.join(missing)}, so its rows can't be "
            "told apart; was it made by somebody else?"
        )
        raise SchemaError(msg)
    counts = _by_load(rows, f"{batcher_id}-")
    doubled: Counter[str] = Counter()
    for load_ids in _some(counts):
        doubled.update(_doubled(rows, load_ids))
    return {LoadId(each): RowCount(counts[each], doubled[each]) for each in counts}


def _by_load(rows: Dataset, prefix: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    is_ours = pc.starts_with(pc.field("_load_id"), prefix)
    for batch in rows.to_batches(columns=["_load_id"], filter=is_ours, **_READING):
        for each in batch.column(0).value_counts().to_pylist():
            counts[each["values"]] += each["counts"]
    return counts


def _some(counts: Counter[str]) -> Iterator[Sequence[str]]:
    """
    Give the loads in the order of their offsets, a bounded number of rows each.
    """
    some: list[str] = []
    row_count = 0
    for load_id in sorted(counts, key=_offsets):
        if some and row_count + counts[load_id] > _MAX_ROWS:
            yield some
            some, row_count = [], 0
        some.append(load_id)
        row_count += counts[load_id]
    if some:
        yield some


def _doubled(rows: Dataset, load_ids: Sequence[str]) -> Counter[str]:
    """
    Count the rows whose place another row of the same load has.
    """
    first = min(_offsets(load_id)[0] for load_id in load_ids)
    last = max(_offsets(load_id)[1] for load_id in load_ids)
    places = rows.to_table(
        columns=_COLUMNS,
        filter=pc.field("_load_id").isin(list(load_ids))
        & (pc.field("_offset") >= first)
        & (pc.field("_offset") <= last),
        **_READING,
    )
    each_once = places.group_by(_COLUMNS).aggregate([])
    return _counts(places["_load_id"]) - _counts(each_once["_load_id"])


def _counts(load_ids: pa.ChunkedArray) -> Counter[str]:
    told = load_ids.value_counts().to_pylist()
    return Counter({each["values"]: each["counts"] for each in told})


def _offsets(load_id: str) -> tuple[int, int]:
    """
    The offsets that a load's name says; all of them if it says none.
    """
    said = re.search(r"-(\d{1,18})-(\d{1,18})$", load_id)
    return (int(said[1]), int(said[2])) if said else (0, 2**63 - 1)
