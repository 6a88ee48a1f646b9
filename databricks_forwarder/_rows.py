"""
Batches → the rows of their tables, one chunk at a time.

One row for each event; batch columns repeat on each row. Columns are built
per event type, batch columns once per batch and then taken by row; a table's
rows are a slice of them.
"""

from __future__ import annotations

import json
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa
import pyarrow.compute as pc

from databricks_forwarder._columns import build, spread
from databricks_forwarder._gathered_batches import (
    GatheredChunk,
    GatheredMessages,
    RoutedBatch,
)
from databricks_forwarder._memory import filled_bytes, nulls
from databricks_forwarder._table_columns import TIMESTAMP, body_schema, schema_of
from databricks_forwarder.mparticle.batch import body_of
from databricks_forwarder.mparticle.coerce import is_unicode
from databricks_forwarder.mparticle.shapes import object_shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from databricks_forwarder.model import LoadId, Table

__all__ = ["TableRows", "arrange"]


@attrs.frozen
class TableRows:
    """
    Some rows of one table.

    Attributes:
        rows: One row an event, columns as `schema_of` the table's event type
            says; never empty.
        rescued_count: Rows with something in ``_rescued_data``.
        size_bytes: Their share of the memory that the rows of all tables
            built with them take; about right for rows that are much alike.
    """

    table: Table
    rows: pa.RecordBatch = attrs.field(repr=False)
    rescued_count: int
    size_bytes: int


# Decoded and gathered while they are near the processor: more of them fall out
# of its caches, fewer pay more for the calls that gather (observed).
_BLOCK_BATCHES = 128


def arrange(batches: Iterable[RoutedBatch], load_id: LoadId) -> Iterator[TableRows]:
    """
    Turn a chunk of batches into rows, grouped by table.

    Args:
        batches: Some of a load's batches, in the order of their offsets. Each
            is let go of soon after it was asked for.
        load_id: What ``_load_id`` says.

    Yields:
        The rows of one table and one event type; a table may come again.
    """
    chunk = GatheredChunk()
    rest = iter(batches)
    while block := list(islice(rest, _BLOCK_BATCHES)):
        chunk.add(block)
    if chunk.messages:
        columns = _BatchColumns(chunk, load_id)
        for messages in chunk.messages.values():
            yield from _tables_of(messages, columns)


class _BatchColumns:
    """
    The columns of a chunk that depend on the batch only, one row a batch.
    """

    def __init__(self, chunk: GatheredChunk, load_id: LoadId) -> None:
        self.rescued = chunk.rescued
        self.load_id = load_id
        self.received_at = pa.array(chunk.received_at, TIMESTAMP)
        self.offset = pa.array(chunk.offsets, pa.int64())
        whole = build(chunk.batches.shape, chunk.batches, self._rescue)
        self.fields = whole.flatten()
        self.timestamp = whole.field("timestamp_unixtime_ms")

    def _rescue(self, index: int, pointer: str, value: Any) -> None:
        # Decoding had the value as it came; here it may be a null in its place.
        self.rescued[index].setdefault(pointer, value)


def _tables_of(
    messages: GatheredMessages, columns: _BatchColumns
) -> Iterator[TableRows]:
    """
    Build the rows of one kind of body, and slice them by table.
    """
    body = messages.data.shape
    order = messages.by_table()
    narrow = _build_rows(messages, order, columns)
    wide: pa.RecordBatch | None = None
    row_bytes = sum(map(filled_bytes, narrow.columns)) // len(narrow)
    tables = [messages.tables[at] for at in order]
    for first, last in _runs([table.name for table in tables]):
        table = tables[first]
        if object_shape(body_of(table.event_type)) is body:
            part = narrow.slice(first, last - first)
        else:
            wide = wide or _widen(narrow)
            part = wide.slice(first, last - first)
        rescued = part.column(part.num_columns - 1)
        size_bytes = row_bytes * len(part)
        yield TableRows(table, part, len(part) - rescued.null_count, size_bytes)


def _runs(names: Sequence[str]) -> Iterator[tuple[int, int]]:
    """
    First and one past the last index of each run of equal names.
    """
    first = 0
    for _, run in groupby(names):
        last = first + sum(1 for _ in run)
        yield first, last
        first = last


def _build_rows(
    messages: GatheredMessages, order: Sequence[int], columns: _BatchColumns
) -> pa.RecordBatch:
    """
    Build the rows of *messages*, in that *order*.
    """
    body = messages.data.shape
    rescued: dict[int, dict[str, Any]] = {}

    def rescue(index: int, pointer: str, value: Any) -> None:
        rescued.setdefault(index, {})[f"/events/data{pointer}"] = value

    as_came = build(body, messages.data, rescue)
    texts = _rescued_texts(messages, rescued, columns.rescued)
    rows = pa.array(order, pa.int32())
    data = spread(as_came, rows)
    batch_index = pa.array(messages.batch_indexes, pa.int32()).take(rows)
    received_at = columns.received_at.take(batch_index)
    batch_time = columns.timestamp.take(batch_index)
    arrays = [
        pa.array(messages.event_types, pa.string()).take(rows),
        _event_timestamp(data.field("timestamp_unixtime_ms"), batch_time, received_at),
        received_at,
        pa.repeat(columns.load_id, len(order)),
        columns.offset.take(batch_index),
        pa.array(messages.positions, pa.int32()).take(rows),
        *(spread(column, batch_index) for column in columns.fields),
        data,
        spread(texts, rows),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=body_schema(body))


def _widen(narrow: pa.RecordBatch) -> pa.RecordBatch:
    """
    Give ``data`` the fields of all event types; those of others are null.
    """
    schema = schema_of(None)
    place = schema.get_field_index("data")
    data = narrow.column(place)
    known = {field.name: data.field(index) for index, field in enumerate(data.type)}
    fields = list(schema.field(place).type)
    children = [
        known[field.name] if field.name in known else nulls(field.type, len(data))
        for field in fields
    ]
    wide = pa.StructArray.from_arrays(children, fields=fields, mask=data.is_null())
    arrays = [*narrow.columns[:place], wide, *narrow.columns[place + 1 :]]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


# The years 1 to 9999: what Spark, Python and most readers agree on.
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999


def _event_timestamp(
    event_ms: pa.Array, batch_ms: pa.Array, received_at: pa.Array
) -> pa.Array:
    """
    The event's own time, else the batch's, else when it was received.

    A time outside the years 1 to 9999 counts as none.
    """
    times = [_moments(event_ms), _moments(batch_ms), received_at]
    return pc.coalesce(*times)


def _moments(milliseconds: pa.Array) -> pa.Array:
    is_in_range = pc.and_(
        pc.greater_equal(milliseconds, _FIRST_MS), pc.less_equal(milliseconds, _LAST_MS)
    )
    kept = pc.if_else(is_in_range, milliseconds, pa.scalar(None, pa.int64()))
    return pc.multiply(kept, 1000).cast(TIMESTAMP)


def _rescued_texts(
    messages: GatheredMessages,
    by_row: dict[int, dict[str, Any]],
    by_batch: Sequence[dict[str, Any]],
) -> pa.Array:
    """
    One JSON object a row: pointer → value, of the batch and of the event.
    """
    by_event = messages.rescued
    if not by_row and not any(by_batch) and not any(by_event):
        return nulls(pa.string(), len(by_event))
    texts = []
    for row, of_event in enumerate(by_event):
        of_batch = by_batch[messages.batch_indexes[row]]
        every = {**of_batch, **by_row.get(row, {}), **(of_event or {})}
        texts.append(_json_text(every) if every else None)
    return pa.array(texts, pa.string())


def _json_text(value: Any) -> str:
    """
    Readable JSON; escaped throughout when it holds half a surrogate pair.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if is_unicode(text):
        return text
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
