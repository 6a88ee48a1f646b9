"""
How much of a load is decoded at once: chunks of records, pieces of a batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._gathered_batches import RoutedBatch
from databricks_forwarder.mparticle.decode import shared_bytes
from databricks_forwarder.mparticle.decoded import DecodedBatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from databricks_forwarder.model import Record


__all__ = ["chunks_of", "is_chunk", "pieces_of"]

# Enough to pay for the calls that build a column, and for the pieces that a
# table's rows come in; the bytes bound what large batches take.
_CHUNK_RECORDS = 2000
_CHUNK_BYTES = 8 * 2**20

# What a batch says of itself is repeated on each of its rows: this bounds the
# payload's bytes times its messages, a generous guess at what rows will take.
_CHUNK_ROW_BYTES = 64 * 2**20

# What a row takes however little it says: its places in the columns, and the
# objects that it is made from.
_ROW_BYTES = 512


def _row_bytes(record: Record) -> int:
    """
    At most what its rows will take, about.
    """
    return len(record.payload) * record.message_count


def is_chunk(records: Sequence[Record]) -> bool:
    """
    Whether the rows of *records* are few enough to be held at once.
    """
    return sum(map(_row_bytes, records)) <= _CHUNK_ROW_BYTES


def chunks_of(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    """
    Cut *records* into chunks; a record that is too much is one of its own.
    """
    chunk: list[Record] = []
    size_bytes = row_bytes = 0
    for each in records:
        if chunk and row_bytes + _row_bytes(each) > _CHUNK_ROW_BYTES:
            yield chunk
            chunk, size_bytes, row_bytes = [], 0, 0
        chunk.append(each)
        size_bytes += len(each.payload)
        row_bytes += _row_bytes(each)
        if len(chunk) >= _CHUNK_RECORDS or size_bytes >= _CHUNK_BYTES:
            yield chunk
            chunk, size_bytes, row_bytes = [], 0, 0
    yield chunk


def pieces_of(batch: RoutedBatch, payload_bytes: int) -> Iterator[RoutedBatch]:
    """
    Cut a batch between its events, so that a piece takes what a chunk may.
    """
    shared = shared_bytes(batch.decoded, at_most=payload_bytes)
    own = payload_bytes // len(batch.tables)
    step = max(1, _CHUNK_ROW_BYTES // (shared + own + _ROW_BYTES))
    for first in range(0, len(batch.tables), step):
        events = batch.decoded.events[first : first + step]
        yield RoutedBatch(
            batch.offset,
            batch.received_at,
            DecodedBatch(batch.decoded.batch, events, batch.decoded.rescued),
            batch.tables[first : first + step],
            first,
        )
