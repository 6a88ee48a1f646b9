"""
A lease's records → Parquet files: decode, key, route, arrange, write.

Two passes: one glances at every record to count the event keys that the router
is asked about, one decodes and writes. Both hold a chunk of records at a time.
A record that can't be read or arranged becomes a dead letter; its neighbours
go on.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._progress import Tally
from databricks_forwarder._rows import RoutedBatch, TableRows, arrange
from databricks_forwarder.errors import DecodeError, PayloadError
from databricks_forwarder.model import DamagedRecord, DeadLetter
from databricks_forwarder.mparticle.decode import DecodedBatch, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from databricks_forwarder._parquet import TableFiles
    from databricks_forwarder._progress import Routes
    from databricks_forwarder.model import EventKey, Lease, LoadId, Record, Table
    from databricks_forwarder.mparticle.keys import KeyMaker

__all__ = ["count_keys", "write_rows"]

# Enough to pay for the calls that build a column, and for the pieces that a
# table's rows come in; the bytes bound what large batches take.
_CHUNK_RECORDS = 2000
_CHUNK_BYTES = 8 * 2**20

# What a batch says of itself is repeated on each of its rows: this bounds the
# payload's bytes times its messages, a generous guess at what rows will take.
_CHUNK_ROW_BYTES = 64 * 2**20


def count_keys(lease: Lease, keys: KeyMaker) -> Counter[EventKey]:
    """
    Count the event keys of a lease; records that can't be read are left out.
    """
    counts: Counter[EventKey] = Counter()
    for record in lease.records:
        if not isinstance(record, DamagedRecord):
            try:
                counts.update(keys.glance(record.payload))
            except PayloadError:
                # The second pass says what is wrong with it.
                continue
    return counts


def write_rows(  # noqa: PLR0913  # what one pass needs
    lease: Lease,
    keys: KeyMaker,
    routes: Routes,
    common: Table,
    files: TableFiles,
    *,
    beat: Callable[[], None],
) -> Tally:
    """
    Write a row for each message of a lease that has a table.

    Args:
        lease: Whose records are read.
        keys: Makes the keys.
        routes: Key → table; a key that is not in it goes to *common*.
        common: The common table.
        files: Takes the rows.
        beat: Called after each chunk, so that the lease can be kept alive.
    """
    tally = Tally()
    for chunk in _chunks(_routed(lease, keys, routes, common, tally)):
        for part in _arranged(chunk, lease.load_id, tally):
            files.write(part.table.name, part.rows, part.size_bytes)
            tally.rescued_row_count += part.rescued_count
        beat()
    tally.dead.sort(key=lambda letter: letter.offset)
    return tally


@attrs.frozen
class _Routed:
    """
    Strictly private.
    """

    record: Record
    batch: RoutedBatch
    keys: Sequence[EventKey]

    @property
    def row_bytes(self) -> int:
        """
        At most what its rows will take, about.
        """
        return len(self.record.payload) * len(self.keys)


def _chunks(batches: Iterable[_Routed]) -> Iterator[Sequence[_Routed]]:
    chunk: list[_Routed] = []
    size_bytes = row_bytes = 0
    for each in batches:
        if chunk and row_bytes + each.row_bytes > _CHUNK_ROW_BYTES:
            yield chunk
            chunk, size_bytes, row_bytes = [], 0, 0
        chunk.append(each)
        size_bytes += len(each.record.payload)
        row_bytes += each.row_bytes
        if len(chunk) >= _CHUNK_RECORDS or size_bytes >= _CHUNK_BYTES:
            yield chunk
            chunk, size_bytes, row_bytes = [], 0, 0
    yield chunk


def _arranged(
    chunk: Sequence[_Routed], load_id: LoadId, tally: Tally
) -> Iterable[TableRows]:
    """
    Arrange a chunk, and count what came of it.
    """
    if len(chunk) == 1 and chunk[0].row_bytes > _CHUNK_ROW_BYTES:
        return _arranged_in_pieces(chunk[0], load_id, tally)
    try:
        parts = list(arrange([each.batch for each in chunk], load_id))
    except MemoryError:
        # Nobody's payload is to blame.
        raise
    except Exception as error:  # noqa: BLE001  # whatever a payload does, it does alone
        if len(chunk) > 1:
            each_alone = (_arranged([each], load_id, tally) for each in chunk)
            return [part for parts in each_alone for part in parts]
        reason = f"it can't be arranged in rows: {type(error).__name__}"
        tally.dead.append(_dead(chunk[0].record, reason, load_id))
        return []
    for each in chunk:
        _count(each, tally)
    return parts


def _arranged_in_pieces(
    routed: _Routed, load_id: LoadId, tally: Tally
) -> Iterator[TableRows]:
    """
    Arrange a batch whose rows are too much at once, some events at a time.
    """
    batch = routed.batch
    step = max(1, _CHUNK_ROW_BYTES // len(routed.record.payload))
    for first in range(0, len(batch.tables), step):
        events = batch.decoded.events[first : first + step]
        piece = RoutedBatch(
            batch.offset,
            batch.received_at,
            DecodedBatch(batch.decoded.batch, events, batch.decoded.rescued),
            batch.tables[first : first + step],
            first,
        )
        yield from arrange([piece], load_id)
    _count(routed, tally)


def _count(routed: _Routed, tally: Tally) -> None:
    kept = [
        key
        for key, table in zip(routed.keys, routed.batch.tables, strict=True)
        if table is not None
    ]
    tally.counts.update(kept)
    tally.dropped += len(routed.keys) - len(kept)


def _routed(
    lease: Lease, keys: KeyMaker, routes: Routes, common: Table, tally: Tally
) -> Iterator[_Routed]:
    for record in lease.records:
        if isinstance(record, DamagedRecord):
            tally.dead.append(_dead(record, record.reason, lease.load_id))
            continue
        try:
            yield _read(record, keys, routes, common)
        except PayloadError as error:
            tally.dead.append(_dead(record, str(error), lease.load_id))


def _read(record: Record, keys: KeyMaker, routes: Routes, common: Table) -> _Routed:
    decoded = decode(record.payload)
    batch_keys = keys.keys(decoded)
    if len(batch_keys) != record.message_count:
        msg = (
            f"it was counted as {record.message_count} messages when received and "
            f"has {len(batch_keys)}"
        )
        raise DecodeError(msg)
    tables = [routes.get(key, common) for key in batch_keys]
    batch = RoutedBatch(record.offset, record.received_at, decoded, tables)
    return _Routed(record, batch, batch_keys)


def _dead(record: Record | DamagedRecord, reason: str, load_id: LoadId) -> DeadLetter:
    return DeadLetter(
        offset=record.offset,
        received_at=record.received_at,
        message_count=record.message_count,
        reason=reason,
        load_id=load_id,
    )
