"""
The upload queue in memory: all of the contract, surviving nothing.

For tests, for programs that can afford to lose what waits, and as the plain
reading of what the durable batchers do.
"""

from __future__ import annotations

import zlib
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_forwarder.batchers import _memory_erasing as erasing
from databricks_forwarder.batchers._memory_loads import new_load, status_of
from databricks_forwarder.batchers._memory_storage import (
    KeptLoad,
    LoadRecords,
    MemoryStorage,
    letter_of,
)
from databricks_forwarder.batchers.rules import (
    check_options,
    checked_checkpoint,
    say_full,
    say_out,
)
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherFullError,
    LeaseLostError,
    TransientError,
)
from databricks_forwarder.model import BatcherStatus, Lease, Offset, OffsetRange

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Iterable,
        Iterator,
        Mapping,
        Sequence,
    )
    from datetime import datetime

    from databricks_forwarder.erasure import ErasureNote
    from databricks_forwarder.model import DeadLetter, LoadId, LoadReport, Payload
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["MemoryBatcher", "MemoryStorage"]


class MemoryBatcher:
    """
    The upload queue in memory; it survives nothing.

    Args:
        lease_seconds: How long a load stays with its holder without a note.
        max_spool_bytes: Most payload bytes kept, dead and parked ones
            included; None for as many as memory holds.
        storage: What to work on; batchers that share one see the same queue,
            as processes see one file. None for a queue of its own.
    """

    def __init__(
        self,
        *,
        lease_seconds: float = 900.0,
        max_spool_bytes: int | None = None,
        storage: MemoryStorage | None = None,
    ) -> None:
        check_options(lease_seconds, max_spool_bytes)
        self._lease_time = timedelta(seconds=lease_seconds)
        self._max_spool_bytes = max_spool_bytes
        self._storage = MemoryStorage() if storage is None else storage
        self._is_closed = False

    @property
    def id(self) -> str:
        """
        Name of the storage.
        """
        return self._storage.id

    def append(
        self,
        payloads: Sequence[Payload],
        /,
        *,
        at: datetime,
        checkpoint: Mapping[str, str] | None = None,
    ) -> OffsetRange | None:
        """
        Keep *payloads* until this process ends.

        Raises:
            ConfigurationError: The checkpoint is not text to text; nothing of
                this call was stored.
        """
        places = checked_checkpoint(checkpoint)
        with self._entered() as storage:
            self._require_room(sum(len(payload.document) for payload in payloads))
            first = storage.next_offset
            for payload in payloads:
                crc = zlib.crc32(payload.document)
                storage.add(payload.document, payload.message_count, at, crc)
            storage.count(received=sum(payload.message_count for payload in payloads))
            storage.checkpoint.update(places)
            if not payloads:
                return None
            return OffsetRange(Offset(first), Offset(storage.next_offset - 1))

    def lease(
        self, policy: UploadPolicy, /, *, at: datetime, seal: bool = False
    ) -> Lease | None:
        """
        Hand out the load that is out, else an open one, else a new one.
        """
        with self._entered() as storage:
            load = storage.next_open()
            if load is None:
                load = new_load(self.id, storage, policy, at, seal=seal)
            elif load.holder not in {None, self} and at < load.expires_at:
                return None
            if load is None:
                return None
            load.attempt += 1
            load.holder = self
            load.expires_at = at + self._lease_time
            return load.handed_out(LoadRecords(storage, load.offsets))

    def note(self, load_id: LoadId, key: str, text: str, /, *, at: datetime) -> None:
        """
        Keep *text* with the load.
        """
        with self._entered():
            load = self._held(load_id)
            load.notes[key] = text
            load.expires_at = at + self._lease_time

    def commit(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:  # noqa: ARG002 (when is told by the report)
        """
        Let go of the load's records; the reports are all kept.
        """
        with self._entered() as storage:
            if load_id in storage.committed:
                return
            load = self._held(load_id)
            storage.bury(load, {letter.offset: letter.reason for letter in report.dead})
            storage.tell(load, report.account)
            for kept in storage.of(load):
                del storage.records[kept.record.offset]
            del storage.loads[load_id]
            storage.committed[load_id] = report

    def park(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:  # noqa: ARG002 (when is told by the report)
        """
        Set the load aside with everything it has.
        """
        with self._entered() as storage:
            load = self._held(load_id)
            storage.tell(load, report.account)
            load.report = report
            load.holder = None

    def carry_on(self, load_id: LoadId, /) -> None:
        """
        Open a parked load again.
        """
        with self._entered() as storage:
            load = storage.loads.get(load_id)
            if load is None or load.report is None:
                raise KeyError(load_id)
            load.report = None
            load.attempt = 0

    def parked(self) -> Sequence[LoadReport]:
        """
        The reports of the parked loads, in the order of their offsets.
        """
        with self._entered() as storage:
            return tuple(report for _, report in storage.parked_loads())

    def loads(self, limit: int = 100, /) -> Sequence[LoadReport]:
        """
        The reports of the latest committed loads, newest first.
        """
        with self._entered() as storage:
            return tuple(reversed(storage.committed.values()))[:limit]

    def dead_letters(self) -> Iterable[DeadLetter]:
        """
        The dead letters as they are now, with their payloads, by offset.
        """
        with self._entered() as storage:
            return tuple(
                letter_of(*storage.dead[offset]) for offset in sorted(storage.dead)
            )

    def replay(self, offsets: Collection[Offset], /) -> int:
        """
        Put dead payloads back in the queue, in the order of their offsets.
        """
        with self._entered() as storage:
            return storage.replay(offsets)

    def checkpoint(self) -> Mapping[str, str]:
        """
        The host's stored positions, by name.
        """
        with self._entered() as storage:
            return dict(storage.checkpoint)

    def notes(self, load_id: LoadId, /) -> Mapping[str, str]:
        """
        What was noted of a load that is not committed.
        """
        with self._entered() as storage:
            load = storage.loads.get(load_id)
            return {} if load is None else dict(load.notes)

    def erase(
        self,
        note: ErasureNote,
        is_theirs: Callable[[bytes], bool | None],
        mark: tuple[str, str],
        /,
        *,
        at: datetime,
    ) -> ErasureNote:
        """
        Let go of payloads, all at once; what is freed memory is the system's.

        A holder whose lease has expired is taken for one that is gone.
        """
        with self._entered() as storage:
            load = storage.next_open()
            if load and load.holder not in {None, self} and at < load.expires_at:
                raise TransientError(say_out(load.load_id))
            spool = erasing.erase(storage, is_theirs, mark)
            note = note.with_spool(spool)
            storage.erasures[note.erasure.request_id] = note
            return note

    def keep_erasure(self, note: ErasureNote, /) -> None:
        """
        Keep *note* until this process ends.
        """
        with self._entered() as storage:
            storage.erasures[note.erasure.request_id] = note

    def erasures(self) -> Sequence[ErasureNote]:
        """
        All that is kept of erasures.
        """
        with self._entered() as storage:
            return tuple(storage.erasures.values())

    def status(self) -> BatcherStatus:
        """
        How the storage stands now.
        """
        with self._entered() as storage:
            return status_of(storage)

    def close(self) -> None:
        """
        Let go of the load that is out; the storage stays.
        """
        with self._storage.lock:
            self._is_closed = True
            for load in self._storage.loads.values():
                if load.holder is self:
                    load.holder = None

    @contextmanager
    def _entered(self) -> Iterator[MemoryStorage]:
        with self._storage.lock:
            if self._is_closed:
                msg = (
                    f"memory batcher {self.id} is closed; nothing was stored or changed"
                )
                raise BatcherClosedError(msg)
            yield self._storage

    def _require_room(self, size_bytes: int) -> None:
        if self._max_spool_bytes is None or not size_bytes:
            return
        stored = self._storage.stored_bytes()
        if stored + size_bytes > self._max_spool_bytes:
            raise BatcherFullError(say_full(stored, size_bytes, self._max_spool_bytes))

    def _held(self, load_id: LoadId) -> KeptLoad:
        load = self._storage.loads.get(load_id)
        if load is None or load.holder is not self:
            raise LeaseLostError(load_id)
        return load
