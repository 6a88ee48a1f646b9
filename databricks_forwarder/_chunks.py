"""
A lease's records → Parquet files: decode, key, route, arrange, write.

Two passes: one glances at every record to count the event keys that the router
is asked about, one decodes and writes. Both hold a chunk of records at a time.
A record that can't be read or arranged becomes a dead letter; its neighbours
go on.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._gathered_batches import RoutedBatch
from databricks_forwarder._portions import chunks_of, is_chunk, pieces_of
from databricks_forwarder._rescues import places_of
from databricks_forwarder._rows import TableRows, arrange
from databricks_forwarder._suppression import Suppressions
from databricks_forwarder._tally import Tally
from databricks_forwarder.errors import DecodeError, PayloadError
from databricks_forwarder.model import DamagedRecord, DeadLetter
from databricks_forwarder.mparticle.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from databricks_forwarder._progress import Routes
    from databricks_forwarder._table_files import TableFiles
    from databricks_forwarder.model import EventKey, Lease, LoadId, Record, Table
    from databricks_forwarder.mparticle.keys import KeyMaker

__all__ = ["Reader", "count_keys", "write_rows"]

_NOBODY = Suppressions()


def count_keys(lease: Lease, keys: KeyMaker) -> Counter[EventKey]:
    """
    Count the event keys of a lease; records that can't be read are left out.
    """
    counts: Counter[EventKey] = Counter()
    for record in lease.records:
        if not isinstance(record, DamagedRecord):
            try:
                counts.update(keys.glance(record.payload))
            except MemoryError:
                # Nobody's payload is to blame.
                raise
            except Exception:  # noqa: BLE001, S112  # whatever a payload does, it does alone
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
    suppressions: Suppressions = _NOBODY,
) -> Tally:
    """
    Write a row for each message of a lease that has a table.

    Args:
        lease: Whose records are read.
        keys: Makes the keys.
        routes: Key → table; a key that is not in it goes to *common*.
        common: The common table.
        files: Takes the rows.
        beat: Called after each chunk, and between the pieces of a large batch,
            so that the lease can be kept alive.
        suppressions: Whose events are dropped.
    """
    reader = Reader(lease.load_id, keys, routes, common, suppressions)
    for part in reader.rows(lease.records, beat):
        files.write(part.table.name, part.rows, part.size_bytes)
    reader.tally.dead.sort(key=lambda letter: letter.offset)
    return reader.tally


@attrs.define
class Reader:
    """
    Reads the records of one load, and tallies what becomes of them.
    """

    load_id: LoadId
    keys: KeyMaker
    routes: Routes
    common: Table
    suppressions: Suppressions = _NOBODY
    tally: Tally = attrs.field(factory=Tally)

    def rows(
        self, records: Iterable[Record | DamagedRecord], beat: Callable[[], None]
    ) -> Iterator[TableRows]:
        """
        Give the rows of *records*, which come by offset; beat as `write_rows` does.
        """
        for chunk in chunks_of(self.whole(records)):
            for part in _arranged(chunk, self, beat):
                self.tally.rescued_row_count += part.rescued_count
                if part.rescued_count:
                    self.tally.rescues.update(places_of(part))
                yield part
            beat()

    def whole(self, records: Iterable[Record | DamagedRecord]) -> Iterator[Record]:
        """
        Give the records that are not damaged; the others are dead.
        """
        for record in records:
            self.tally.saw(record.received_at)
            if isinstance(record, DamagedRecord):
                self.tally.dead.append(_dead(record, record.reason, self.load_id))
            else:
                yield record

    def read(self, record: Record) -> tuple[RoutedBatch, Sequence[EventKey]]:
        """
        Decode a record, and route its messages.

        Raises:
            PayloadError: It can't be forwarded.
        """
        decoded = decode(record.payload)
        keys = self.keys.keys(decoded)
        if len(keys) != record.message_count:
            msg = (
                f"it was counted as {record.message_count} messages when received and "
                f"has {len(keys)}"
            )
            raise DecodeError(msg)
        routed = [self.routes.get(key, self.common) for key in keys]
        tables = self.suppressions.spared(decoded, record.received_at, routed)
        return RoutedBatch(record.offset, record.received_at, decoded, tables), keys


@attrs.define
class _Reading:
    """
    One go at some records: what it came to counts once all of it went well.
    """

    reader: Reader
    keys: list[EventKey] = attrs.field(factory=list)
    tables: list[Table | None] = attrs.field(factory=list)
    dead: list[DeadLetter] = attrs.field(factory=list)

    def batches(self, records: Iterable[Record]) -> Iterator[RoutedBatch]:
        """
        Give the batches of *records*, each read when it is asked for.
        """
        for record in records:
            try:
                batch, keys = self.reader.read(record)
            except PayloadError as error:  # noqa: PERF203  # each dies alone
                self.dead.append(_dead(record, str(error), self.reader.load_id))
            else:
                self.keys += keys
                self.tables += batch.tables
                yield batch

    def tell(self) -> None:
        """
        Tally it.
        """
        tally = self.reader.tally
        kept = [
            key
            for key, table in zip(self.keys, self.tables, strict=True)
            if table is not None
        ]
        tally.counts.update(kept)
        tally.dropped += len(self.keys) - len(kept)
        tally.dead += self.dead


def _arranged(
    chunk: Sequence[Record], reader: Reader, beat: Callable[[], None]
) -> Iterable[TableRows]:
    """
    Arrange a chunk, and tally what came of it.
    """
    reading = _Reading(reader)
    try:
        parts = _parts(chunk, reading, beat)
    except MemoryError:
        if len(chunk) == 1:
            # Nobody's payload is to blame.
            raise
        return _each_alone(chunk, reader, beat)
    except Exception as error:  # noqa: BLE001  # whatever a payload does, it does alone
        if len(chunk) > 1:
            return _each_alone(chunk, reader, beat)
        reason = f"it can't be arranged in rows: {type(error).__name__}"
        reader.tally.dead.append(_dead(chunk[0], reason, reader.load_id))
        return []
    reading.tell()
    return parts


def _each_alone(
    chunk: Sequence[Record], reader: Reader, beat: Callable[[], None]
) -> Sequence[TableRows]:
    """
    Arrange the records of a chunk that is too much, or has a guilty one.
    """
    each_alone = (_arranged([each], reader, beat) for each in chunk)
    return [part for parts in each_alone for part in parts]


def _parts(
    chunk: Sequence[Record], reading: _Reading, beat: Callable[[], None]
) -> Iterable[TableRows]:
    """
    Arrange a chunk at once, or a batch whose rows are too much piece by piece.
    """
    batches = reading.batches(chunk)
    if is_chunk(chunk):
        return list(arrange(batches, reading.reader.load_id))
    # A record of so many bytes of rows is a chunk of its own.
    pieces = [
        piece for batch in batches for piece in pieces_of(batch, len(chunk[0].payload))
    ]
    parts = _arranged_one_by_one(pieces, reading, beat)
    if len(pieces) <= 1:
        return list(parts)
    # Gone through once before any row of it is given away.
    deque(parts, maxlen=0)
    return _arranged_one_by_one(pieces, reading, beat)


def _arranged_one_by_one(
    pieces: Iterable[RoutedBatch], reading: _Reading, beat: Callable[[], None]
) -> Iterator[TableRows]:
    for piece in pieces:
        yield from arrange([piece], reading.reader.load_id)
        beat()


def _dead(record: Record | DamagedRecord, reason: str, load_id: LoadId) -> DeadLetter:
    return DeadLetter(
        offset=record.offset,
        received_at=record.received_at,
        message_count=record.message_count,
        reason=reason,
        load_id=load_id,
    )
