"""
The upload queue as lists and dicts: what a batcher is compared with.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.model import (
    Account,
    BatcherStatus,
    DeadLetter,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    Payload,
    Record,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from databricks_forwarder.protocols import Batcher

__all__ = ["GONE", "Load", "Queue", "seen"]

GONE = "gone"
"""The holder of a load whose batcher was left behind."""

_EXPIRED = datetime.min.replace(tzinfo=timezone.utc)


@attrs.define(kw_only=True, eq=False)
class Load:
    """
    A load that is not committed: open, or parked with its report.

    Attributes:
        holder: Who has it out: a host's number, `GONE`, or None for nobody.
        loaded: Messages that its last report tells of as loaded.
        dropped: Messages that its last report tells of as dropped.
    """

    load_id: LoadId
    records: list[Record]
    attempt: int = 0
    notes: dict[str, str] = attrs.field(factory=dict)
    holder: int | str | None = None
    expires_at: datetime = _EXPIRED
    loaded: int = 0
    dropped: int = 0
    report: LoadReport | None = None

    @property
    def offsets(self) -> OffsetRange:
        """
        From its first record to its last.
        """
        return OffsetRange(self.records[0].offset, self.records[-1].offset)

    @property
    def message_count(self) -> int:
        """
        Messages in all its records.
        """
        return sum(record.message_count for record in self.records)

    def letters(self, positions: Collection[int]) -> tuple[DeadLetter, ...]:
        """
        Dead letters, without payloads, of the records at *positions*.
        """
        return tuple(
            DeadLetter(
                offset=record.offset,
                received_at=record.received_at,
                message_count=record.message_count,
                reason=f"unfit: {record.offset}",
                load_id=self.load_id,
            )
            for position, record in enumerate(self.records)
            if position in positions
        )


@attrs.define(eq=False)
class Queue:
    """
    What a batcher must answer, for each thing that was done to it.
    """

    batcher_id: str
    waiting: list[Record] = attrs.field(factory=list)
    loads: list[Load] = attrs.field(factory=list)
    committed: list[LoadReport] = attrs.field(factory=list)
    dead: dict[Offset, DeadLetter] = attrs.field(factory=dict)
    damaged: set[Offset] = attrs.field(factory=set)
    checkpoint: dict[str, str] = attrs.field(factory=dict)
    next_offset: int = 0
    account: Account = attrs.field(factory=Account)

    def append(
        self, payloads: Sequence[Payload], at: datetime, checkpoint: Mapping[str, str]
    ) -> OffsetRange | None:
        """
        Take *payloads* in; give their offsets.
        """
        records = [
            self._wait(each.document, each.message_count, at) for each in payloads
        ]
        self._count(received=sum(record.message_count for record in records))
        self.checkpoint.update(checkpoint)
        if not records:
            return None
        return OffsetRange(records[0].offset, records[-1].offset)

    def open_load(self) -> Load | None:
        """
        The load that is out, else the open one with the lowest offsets.
        """
        found = [load for load in self.loads if load.report is None]
        found.sort(key=lambda load: (load.holder is None, load.offsets.first))
        return found[0] if found else None

    def new_load(
        self, max_age: timedelta, max_messages: int, at: datetime, *, seal: bool
    ) -> Load | None:
        """
        Make a load of the oldest waiting records if it is due, or sealed.
        """
        if not self.waiting:
            return None
        messages = sum(record.message_count for record in self.waiting)
        oldest_at = min(record.received_at for record in self.waiting)
        # What seems to come from ahead was received before a clock went back.
        due = abs(at - oldest_at) >= max_age or messages >= max_messages
        if not seal and not due:
            return None
        records = [self.waiting.pop(0)]
        room = max_messages - records[0].message_count
        while self.waiting and self.waiting[0].message_count <= room:
            room -= self.waiting[0].message_count
            records.append(self.waiting.pop(0))
        first, last = records[0].offset, records[-1].offset
        load = Load(
            load_id=LoadId(f"{self.batcher_id}-{first}-{last}"), records=records
        )
        self.loads.append(load)
        return load

    def commit(self, load: Load, report: LoadReport) -> None:
        """
        Let go of the load's records; those of its dead letters are kept.
        """
        self._tell(load, report)
        self.loads.remove(load)
        self.committed.insert(0, report)
        payloads = {record.offset: record.payload for record in load.records}
        for letter in report.dead:
            whole = attrs.evolve(letter, payload=payloads[letter.offset])
            self.dead[letter.offset] = whole
            self._count(dead=letter.message_count)

    def park(self, load: Load, report: LoadReport) -> None:
        """
        Set the load aside with everything it has.
        """
        self._tell(load, report)
        load.report = report
        load.holder = None

    def carry_on(self, load: Load) -> None:
        """
        Open a parked load again.
        """
        load.report = None
        load.attempt = 0

    def replay(self, offsets: Collection[Offset]) -> int:
        """
        Put dead payloads back, in the order of their offsets; tell how many.
        """
        found = sorted(set(offsets) & self.dead.keys())
        for offset in found:
            letter = self.dead.pop(offset)
            record = self._wait(
                letter.payload or b"", letter.message_count, letter.received_at
            )
            if offset in self.damaged:
                self.damaged.add(record.offset)
            self._count(dead=-letter.message_count)
        return len(found)

    def pending(self) -> list[Record]:
        """
        The records that wait or are in a load, by offset.
        """
        in_loads = [record for load in self.loads for record in load.records]
        return sorted([*in_loads, *self.waiting], key=lambda record: record.offset)

    @property
    def stored_bytes(self) -> int:
        """
        Payload bytes of all that is kept.
        """
        dead = sum(len(letter.payload or b"") for letter in self.dead.values())
        return dead + sum(len(record.payload) for record in self.pending())

    @property
    def notes(self) -> dict[LoadId, dict[str, str]]:
        """
        What was noted of each load there was; nothing of those committed.
        """
        notes = {load.load_id: dict(load.notes) for load in self.loads}
        return {**{report.load_id: {} for report in self.committed}, **notes}

    def seen(self) -> dict[str, Any]:
        """
        Everything that a batcher tells when it is asked.
        """
        loads = sorted(self.loads, key=lambda load: load.offsets.first)
        parked = [load for load in loads if load.report is not None]
        pending = sum(record.message_count for record in self.pending())
        pending -= sum(load.loaded + load.dropped for load in self.loads)
        received = [record.received_at for record in self.waiting]
        return {
            "status": BatcherStatus(
                account=attrs.evolve(self.account, pending=pending),
                waiting=sum(record.message_count for record in self.waiting),
                oldest_received_at=min(received, default=None),
                open_load_ids=tuple(
                    load.load_id for load in loads if load.report is None
                ),
                parked_load_ids=tuple(load.load_id for load in parked),
                stored_bytes=self.stored_bytes,
            ),
            "parked": [load.report for load in parked],
            "loads": self.committed[:100],
            "last load": self.committed[:1],
            "dead letters": [
                attrs.evolve(self.dead[offset], payload=None, is_damaged=True)
                if offset in self.damaged
                else self.dead[offset]
                for offset in sorted(self.dead)
            ],
            "checkpoint": self.checkpoint,
        }

    def _wait(self, document: bytes, message_count: int, at: datetime) -> Record:
        record = Record(
            offset=Offset(self.next_offset),
            received_at=at,
            message_count=message_count,
            payload=document,
        )
        self.next_offset += 1
        self.waiting.append(record)
        return record

    def _tell(self, load: Load, report: LoadReport) -> None:
        told = report.account
        self._count(
            loaded=told.loaded - load.loaded, dropped=told.dropped - load.dropped
        )
        load.loaded, load.dropped = told.loaded, told.dropped

    def _count(self, **changes: int) -> None:
        sums = {name: getattr(self.account, name) + n for name, n in changes.items()}
        self.account = attrs.evolve(self.account, **sums)


def seen(batcher: Batcher, damaged: Collection[Offset] = ()) -> dict[str, Any]:
    """
    Ask a batcher for everything that `Queue.seen` tells.

    Args:
        batcher: Who is asked.
        damaged: Offsets of payloads whose bytes nobody can expect.
    """
    status = batcher.status()
    return {
        "status": attrs.evolve(
            status,
            open_load_ids=tuple(status.open_load_ids),
            parked_load_ids=tuple(status.parked_load_ids),
        ),
        "parked": list(batcher.parked()),
        "loads": list(batcher.loads()),
        "last load": list(batcher.loads(1)),
        "dead letters": [
            attrs.evolve(letter, payload=None) if letter.offset in damaged else letter
            for letter in batcher.dead_letters()
        ],
        "checkpoint": dict(batcher.checkpoint()),
    }
