"""
What memory batchers share: the queue as plain values, and its arithmetic.
"""

from __future__ import annotations

import secrets
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.batchers.rules import ERASED, checked
from databricks_forwarder.model import (
    Account,
    DamagedRecord,
    DeadLetter,
    Lease,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    Record,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from databricks_forwarder.erasure import ErasureNote

__all__ = ["KeptLoad", "KeptRecord", "LoadRecords", "MemoryStorage", "letter_of"]

_EXPIRED = datetime.min.replace(tzinfo=timezone.utc)


@attrs.frozen
class KeptRecord:
    """
    A record with the CRC-32 of its payload when it was stored, or `ERASED`.
    """

    record: Record
    crc: int


@attrs.define(eq=False, kw_only=True)
class KeptLoad:
    """
    A load that is not committed: open, or parked with its report.

    Attributes:
        holder: The batcher that has it out, or None.
        told: What the totals count of it as loaded and dropped already.
        report: Why it is parked; None while it is open.
    """

    load_id: LoadId
    offsets: OffsetRange
    message_count: int
    attempt: int = 0
    notes: dict[str, str] = attrs.field(factory=dict, repr=False)
    holder: object | None = attrs.field(default=None, repr=False)
    expires_at: datetime = _EXPIRED
    told: Account = attrs.field(factory=Account)
    report: LoadReport | None = None

    def handed_out(self, records: Iterable[Record | DamagedRecord]) -> Lease:
        """
        The lease of it as it is now.
        """
        return Lease(
            load_id=self.load_id,
            offsets=self.offsets,
            message_count=self.message_count,
            attempt=self.attempt,
            notes=dict(self.notes),
            records=records,
        )


@attrs.define(eq=False)
class MemoryStorage:
    """
    What several `MemoryBatcher` share as if it were one file.

    Attributes:
        id: Name of the storage, given once.
        records: What waits or is in a load, by offset.
        dead: The dead letters with their payloads, by offset.
        loads: The loads that are not committed, by id.
        committed: The reports of all others, oldest first.
        next_offset: The offset that the next record gets.
        next_waiting: The first offset that was never in a load.
        erasures: What is kept of erasures, by request id.
        totals: Messages so far; what is pending is counted, not kept.
    """

    id: str = attrs.field(factory=lambda: secrets.token_hex(6))
    records: dict[Offset, KeptRecord] = attrs.field(factory=dict, repr=False)
    dead: dict[Offset, tuple[KeptRecord, DeadLetter]] = attrs.field(
        factory=dict, repr=False
    )
    loads: dict[LoadId, KeptLoad] = attrs.field(factory=dict, repr=False)
    committed: dict[LoadId, LoadReport] = attrs.field(factory=dict, repr=False)
    checkpoint: dict[str, str] = attrs.field(factory=dict, repr=False)
    erasures: dict[str, ErasureNote] = attrs.field(factory=dict, repr=False)
    next_offset: int = 0
    next_waiting: int = 0
    totals: Account = attrs.field(factory=Account)
    lock: threading.RLock = attrs.field(factory=threading.RLock, repr=False)

    def add(self, payload: bytes, message_count: int, at: datetime, crc: int) -> None:
        """
        Put a payload at the next offset.
        """
        offset = Offset(self.next_offset)
        record = Record(
            offset=offset, received_at=at, message_count=message_count, payload=payload
        )
        self.records[offset] = KeptRecord(record, crc)
        self.next_offset += 1

    def count(self, **changes: int) -> None:
        """
        Add to the totals.
        """
        sums = {name: getattr(self.totals, name) + n for name, n in changes.items()}
        self.totals = attrs.evolve(self.totals, **sums)

    def waiting(self) -> list[Record]:
        """
        The records that are in no load, by offset.
        """
        return [
            kept.record for kept in self.between(self.next_waiting, self.next_offset)
        ]

    def between(self, first: int, beyond: int) -> list[KeptRecord]:
        """
        The records from offset *first* on, before *beyond*.
        """
        offsets = map(Offset, range(first, beyond))
        return [self.records[offset] for offset in offsets if offset in self.records]

    def of(self, load: KeptLoad) -> list[KeptRecord]:
        """
        The records of *load*, by offset.
        """
        return self.between(load.offsets.first, load.offsets.last + 1)

    def loads_by_offset(self) -> list[KeptLoad]:
        """
        The loads that are not committed, by offset.
        """
        return sorted(self.loads.values(), key=lambda load: load.offsets.first)

    def next_open(self) -> KeptLoad | None:
        """
        The load that is out, else the open one with the lowest offsets.
        """
        found = [load for load in self.loads_by_offset() if load.report is None]
        return min(found, key=lambda load: load.holder is None, default=None)

    def parked_loads(self) -> list[tuple[KeptLoad, LoadReport]]:
        """
        The loads that are parked, by offset, each with its report.
        """
        return [
            (load, load.report)
            for load in self.loads_by_offset()
            if load.report is not None
        ]

    def stored_bytes(self) -> int:
        """
        Payload bytes of all that is kept.
        """
        living = sum(len(kept.record.payload) for kept in self.records.values())
        return living + sum(len(kept.record.payload) for kept, _ in self.dead.values())

    def pending(self) -> int:
        """
        Messages that are kept and not told of as loaded or dropped.
        """
        kept = sum(each.record.message_count for each in self.records.values())
        return kept - sum(
            load.told.loaded + load.told.dropped for load in self.loads.values()
        )

    def tell(self, load: KeptLoad, account: Account) -> None:
        """
        Replace what the totals count of *load* as loaded and dropped.
        """
        self.count(
            loaded=account.loaded - load.told.loaded,
            dropped=account.dropped - load.told.dropped,
        )
        load.told = account

    def bury(self, load: KeptLoad, reasons: Mapping[Offset, str]) -> None:
        """
        Make dead letters of the load's records that have a reason.
        """
        for kept in self.of(load):
            record = kept.record
            if record.offset in reasons:
                letter = DeadLetter(
                    offset=record.offset,
                    received_at=record.received_at,
                    message_count=record.message_count,
                    reason=reasons[record.offset],
                    load_id=load.load_id,
                    payload=record.payload,
                )
                self.dead[record.offset] = (kept, letter)
                self.count(dead=record.message_count)

    def replay(self, offsets: Iterable[Offset]) -> int:
        """
        Put dead payloads at new offsets, in the order of their old ones.
        """
        found = sorted(set(offsets) & self.dead.keys())
        for offset in found:
            kept, _ = self.dead.pop(offset)
            old = kept.record
            self.add(old.payload, old.message_count, old.received_at, kept.crc)
            self.count(dead=-old.message_count)
        return len(found)


@attrs.frozen
class LoadRecords:
    """
    The records of a load, read anew by each iteration.
    """

    storage: MemoryStorage
    offsets: OffsetRange

    def __iter__(self) -> Iterator[Record | DamagedRecord]:
        for offset in range(self.offsets.first, self.offsets.last + 1):
            kept = self.storage.records.get(Offset(offset))
            # What was committed meanwhile is gone.
            if kept is not None and kept.crc != ERASED:
                yield checked(kept.record, kept.crc)


def letter_of(kept: KeptRecord, letter: DeadLetter) -> DeadLetter:
    """
    Give a dead letter with the bytes that are kept, and whether they are whole.
    """
    is_damaged = isinstance(checked(kept.record, kept.crc), DamagedRecord)
    return attrs.evolve(letter, payload=kept.record.payload, is_damaged=is_damaged)
