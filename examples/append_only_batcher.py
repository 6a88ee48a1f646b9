"""
A batcher of one's own: a file that only grows, with a line for each thing done.

``<path>`` has the lines, ``<CRC-32> <JSON>``; what there is now is what all of
them together say. ``<path>.payloads`` has the bytes, so that damage to them
damages no line: a line tells how many they are, and their CRC-32.

1. Bytes are synced before the line that tells of them is written. One line is
   one step, whole or not there.
2. What follows the last whole line was being written by a process that died,
   and is cut off. A broken line before a whole one is damage, and refused.
3. Whoever acts locks ``<path>`` first, and reads what others wrote: threads and
   processes alike, as each opens the file anew.

An append costs two ``fsync``. Who opens the files reads all lines, and nothing
is ever removed from them: that is left out here. How it was tried is told in
``docs/how-to/write-a-batcher.md``.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sys
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from deltalake import DeltaTable

from databricks_forwarder import Forwarder, UploadPolicy
from databricks_forwarder.batchers import rules
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    BatcherFullError,
    LeaseLostError,
)
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.model import (
    Account,
    BatcherStatus,
    DamagedRecord,
    DeadLetter,
    Lease,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    Payload,
    Record,
)
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.stagers.directory import DirectoryStager
from databricks_forwarder.testing.payloads import make_payload


@attrs.define
class Kept:
    """
    A payload that is kept: where its bytes are, and what was told of it.
    """

    received_at: datetime
    message_count: int
    place: int
    size: int
    crc: int


@attrs.define
class Load:
    """
    A load that is not committed: open, or parked with its report.
    """

    first: int
    last: int
    message_count: int
    attempt: int = 0
    notes: dict[str, str] = attrs.field(factory=dict)
    holder: str | None = None
    expires_at: datetime | None = None
    loaded: int = 0
    dropped: int = 0
    report: LoadReport | None = None

    @property
    def offsets(self) -> OffsetRange:
        return OffsetRange(Offset(self.first), Offset(self.last))


class State:
    """
    What all lines together say: a method for each kind of line.
    """

    def __init__(self) -> None:
        self.id = ""
        self.next_offset = 0
        self.next_waiting = 0
        self.end_of_payloads = 0
        self.records: dict[int, Kept] = {}
        self.dead: dict[int, tuple[Kept, DeadLetter]] = {}
        self.loads: dict[str, Load] = {}
        self.committed: dict[str, LoadReport] = {}
        self.checkpoint: dict[str, str] = {}
        self.totals = Account()

    def made(self, name: str) -> None:
        self.id = name

    def appended(
        self, at: str, payloads: list[tuple[int, int, int]], places: dict[str, str]
    ) -> None:
        for message_count, size, crc in payloads:
            self._wait(
                Kept(_moment(at), message_count, self.end_of_payloads, size, crc)
            )
            self.end_of_payloads += size
            self._count(received=message_count)
        self.checkpoint.update(places)

    def leased(self, load_id: str, holder: str, until: str, new: list[int]) -> None:
        if new:
            self.loads[load_id] = Load(*new)
            self.next_waiting = self.loads[load_id].last + 1
        load = self.loads[load_id]
        load.attempt += 1
        load.holder, load.expires_at = holder, _moment(until)

    def noted(self, load_id: str, key: str, text: str, until: str) -> None:
        self.loads[load_id].notes[key] = text
        self.loads[load_id].expires_at = _moment(until)

    def parked(self, load_id: str, report: str) -> None:
        load, told = self.loads[load_id], rules.report_of_text(report)
        self._tell(load, told)
        load.report, load.holder = told, None

    def done(self, load_id: str, report: str) -> None:
        load, told = self.loads.pop(load_id), rules.report_of_text(report)
        self._tell(load, told)
        self.committed[load_id] = told
        of_load = dict(self.records_of(load))
        for letter in told.dead:
            self.dead[letter.offset] = of_load[letter.offset], letter
            self._count(dead=letter.message_count)
        for offset in of_load:
            del self.records[offset]

    def carried_on(self, load_id: str) -> None:
        self.loads[load_id].report = None
        self.loads[load_id].attempt = 0

    def replayed(self, offsets: list[int]) -> None:
        for offset in offsets:
            kept, _ = self.dead.pop(offset)
            self._wait(kept)
            self._count(dead=-kept.message_count)

    def let_go(self, holder: str) -> None:
        for load in self.loads.values():
            if load.holder == holder:
                load.holder = None

    def records_of(self, load: Load) -> list[tuple[int, Kept]]:
        within = range(load.first, load.last + 1)
        return [(each, self.records[each]) for each in within if each in self.records]

    def waiting(self) -> list[tuple[int, Kept]]:
        return [each for each in self.records.items() if each[0] >= self.next_waiting]

    def loads_by_offset(self, *, are_parked: bool) -> list[tuple[LoadId, Load]]:
        found = [
            (LoadId(load_id), load)
            for load_id, load in self.loads.items()
            if are_parked == (load.report is not None)
        ]
        return sorted(found, key=lambda each: each[1].first)

    def _wait(self, kept: Kept) -> None:
        self.records[self.next_offset] = kept
        self.next_offset += 1

    def _tell(self, load: Load, report: LoadReport) -> None:
        loaded, dropped = report.account.loaded, report.account.dropped
        self._count(loaded=loaded - load.loaded, dropped=dropped - load.dropped)
        load.loaded, load.dropped = loaded, dropped

    def _count(self, **changes: int) -> None:
        sums = {name: getattr(self.totals, name) + n for name, n in changes.items()}
        self.totals = attrs.evolve(self.totals, **sums)


@attrs.frozen
class Records:
    """
    The records of a load, read anew by each iteration, one at a time.
    """

    path: Path
    records: Sequence[tuple[int, Kept]]

    def __iter__(self) -> Iterator[Record | DamagedRecord]:
        for offset, kept in self.records:
            record = Record(
                offset=Offset(offset),
                received_at=kept.received_at,
                message_count=kept.message_count,
                payload=_bytes_of(self.path, kept),
            )
            yield rules.checked(record, kept.crc)


class AppendOnlyBatcher:
    """
    The upload queue in a file that only grows; it survives process and power.
    """

    def __init__(
        self,
        path: Path,
        *,
        lease_seconds: float = 900.0,
        max_spool_bytes: int | None = None,
    ) -> None:
        rules.check_options(lease_seconds, max_spool_bytes)
        self._path = path
        self._payloads = path.with_name(f"{path.name}.payloads")
        self._lease_time = timedelta(seconds=lease_seconds)
        self._max_spool_bytes = max_spool_bytes
        self._holder = secrets.token_hex(8)
        self._state, self._end = State(), 0
        self._is_closed = False
        for each in (path, self._payloads):
            each.touch()
        _sync_folder(path.parent)
        with self._acting() as state:
            if not state.id:
                self._write("made", name=secrets.token_hex(6))

    @property
    def id(self) -> str:
        return self._state.id

    def append(
        self,
        payloads: Sequence[Payload],
        /,
        *,
        at: datetime,
        checkpoint: Mapping[str, str] | None = None,
    ) -> OffsetRange | None:
        places = rules.checked_checkpoint(checkpoint)
        documents = [payload.document for payload in payloads]
        with self._acting() as state:
            self._require_room(sum(map(len, documents)))
            first = state.next_offset
            self._write_payloads(b"".join(documents))
            told = [
                (payload.message_count, len(document), zlib.crc32(document))
                for payload, document in zip(payloads, documents, strict=True)
            ]
            self._write("appended", at=at.isoformat(), payloads=told, places=places)
            last = state.next_offset - 1
        return OffsetRange(Offset(first), Offset(last)) if payloads else None

    def lease(
        self, policy: UploadPolicy, /, *, at: datetime, seal: bool = False
    ) -> Lease | None:
        with self._acting() as state:
            found = state.loads_by_offset(are_parked=False)
            new: list[int] = []
            if found:
                load_id, load = min(found, key=lambda each: each[1].holder is None)
                if not self._may_have(load, at):
                    return None
            else:
                new = self._new_load(policy, at, seal=seal)
                if not new:
                    return None
                load_id = rules.name_load(state.id, new[0], new[1])
            until = self._until(at)
            self._write(
                "leased", load_id=load_id, holder=self._holder, until=until, new=new
            )
            load = state.loads[load_id]
            return Lease(
                load_id=load_id,
                offsets=load.offsets,
                message_count=load.message_count,
                attempt=load.attempt,
                notes=dict(load.notes),
                records=Records(self._payloads, state.records_of(load)),
            )

    def note(self, load_id: LoadId, key: str, text: str, /, *, at: datetime) -> None:
        with self._acting():
            self._require_held(load_id)
            until = self._until(at)
            self._write("noted", load_id=load_id, key=key, text=text, until=until)

    def commit(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:  # noqa: ARG002 (when is told by the report)
        with self._acting() as state:
            if load_id not in state.committed:
                self._require_held(load_id)
                text = rules.report_to_text(report)
                self._write("done", load_id=load_id, report=text)

    def park(self, load_id: LoadId, report: LoadReport, /, *, at: datetime) -> None:  # noqa: ARG002 (when is told by the report)
        with self._acting():
            self._require_held(load_id)
            text = rules.report_to_text(report)
            self._write("parked", load_id=load_id, report=text)

    def carry_on(self, load_id: LoadId, /) -> None:
        with self._acting() as state:
            if load_id not in dict(state.loads_by_offset(are_parked=True)):
                raise KeyError(load_id)
            self._write("carried_on", load_id=load_id)

    def parked(self) -> Sequence[LoadReport]:
        with self._acting() as state:
            loads = state.loads_by_offset(are_parked=True)
            return [load.report for _, load in loads if load.report is not None]

    def loads(self, limit: int = 100, /) -> Sequence[LoadReport]:
        with self._acting() as state:
            return list(reversed(state.committed.values()))[:limit]

    def dead_letters(self) -> Sequence[DeadLetter]:
        with self._acting() as state:
            return [
                self._with_bytes(*state.dead[offset]) for offset in sorted(state.dead)
            ]

    def replay(self, offsets: Collection[Offset], /) -> int:
        with self._acting() as state:
            found = sorted(set(offsets) & state.dead.keys())
            self._write("replayed", offsets=found)
            return len(found)

    def checkpoint(self) -> Mapping[str, str]:
        with self._acting() as state:
            return dict(state.checkpoint)

    def notes(self, load_id: LoadId, /) -> Mapping[str, str]:
        with self._acting() as state:
            load = state.loads.get(load_id)
            return dict(load.notes) if load else {}

    def status(self) -> BatcherStatus:
        with self._acting() as state:
            waiting = [kept for _, kept in state.waiting()]
            pending = sum(kept.message_count for kept in state.records.values())
            told = sum(load.loaded + load.dropped for load in state.loads.values())
            is_open, is_parked = (
                tuple(load_id for load_id, _ in state.loads_by_offset(are_parked=each))
                for each in (False, True)
            )
            return BatcherStatus(
                account=attrs.evolve(state.totals, pending=pending - told),
                waiting=sum(kept.message_count for kept in waiting),
                oldest_received_at=min(
                    (kept.received_at for kept in waiting), default=None
                ),
                open_load_ids=is_open,
                parked_load_ids=is_parked,
                stored_bytes=self._stored_bytes(),
            )

    def close(self) -> None:
        if not self._is_closed:
            with self._acting():
                self._write("let_go", holder=self._holder)
            self._is_closed = True

    def _new_load(self, policy: UploadPolicy, at: datetime, *, seal: bool) -> list[int]:
        waiting = self._state.waiting()
        if not waiting:
            return []
        oldest_at = min(kept.received_at for _, kept in waiting)
        messages = sum(kept.message_count for _, kept in waiting)
        is_due = rules.is_due(policy, oldest_at=oldest_at, messages=messages, at=at)
        if not seal and not is_due:
            return []
        rows = ((offset, kept.message_count) for offset, kept in waiting)
        return [waiting[0][0], *rules.take(rows, policy.max_messages)]

    def _with_bytes(self, kept: Kept, letter: DeadLetter) -> DeadLetter:
        payload = _bytes_of(self._payloads, kept)
        is_damaged = zlib.crc32(payload) != kept.crc
        return attrs.evolve(letter, payload=payload, is_damaged=is_damaged)

    def _until(self, at: datetime) -> str:
        return (at + self._lease_time).isoformat()

    def _may_have(self, load: Load, at: datetime) -> bool:
        is_over = load.expires_at is None or load.expires_at <= at
        return is_over or load.holder in {None, self._holder}

    def _require_held(self, load_id: LoadId) -> None:
        load = self._state.loads.get(load_id)
        if load is None or load.holder != self._holder:
            raise LeaseLostError(load_id)

    def _require_room(self, size: int) -> None:
        most, stored = self._max_spool_bytes, self._stored_bytes()
        if most is not None and size and stored + size > most:
            raise BatcherFullError(rules.say_full(stored, size, most))

    def _stored_bytes(self) -> int:
        dead = [kept for kept, _ in self._state.dead.values()]
        return sum(kept.size for kept in [*self._state.records.values(), *dead])

    @contextmanager
    def _acting(self) -> Iterator[State]:
        """
        Have the file to oneself, and know what others wrote.
        """
        try:
            with self._path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._is_closed:
                    msg = f"{self._path} is closed; nothing was stored or changed"
                    raise BatcherClosedError(msg)
                self._catch_up()
                yield self._state
        except OSError as error:
            msg = f"{self._path} failed, see to its disk: {error.strerror}"
            raise BatcherError(msg) from error

    def _write_payloads(self, content: bytes) -> None:
        with self._payloads.open("r+b") as file:
            file.seek(self._state.end_of_payloads)
            file.write(content)
            _sync(file)

    def _write(self, did: str, **what: Any) -> None:
        """
        Write one line and sync it; then it is read as if it were another's.
        """
        text = json.dumps([did, what]).encode()
        with self._path.open("r+b") as file:
            file.truncate(self._end)
            file.seek(self._end)
            file.write(b"%08x %s\n" % (zlib.crc32(text), text))
            _sync(file)
        self._catch_up()

    def _catch_up(self) -> None:
        """
        Take in the lines that were not read yet, up to the last whole one.
        """
        with self._path.open("rb") as file:
            file.seek(self._end)
            lines = [(line, _read(line)) for line in file]
        while lines and lines[-1][1] is None:
            lines.pop()
        for line, read in lines:
            if read is None:
                msg = f"{self._path} is damaged at byte {self._end}; restore it"
                raise BatcherError(msg)
            did, what = read
            getattr(self._state, did)(**what)
            self._end += len(line)


def _read(line: bytes) -> tuple[str, dict[str, Any]] | None:
    """
    Read one line; None when it is not whole.
    """
    crc, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or crc != b"%08x" % zlib.crc32(text):
        return None
    did, what = json.loads(text)
    return did, what


def _bytes_of(path: Path, kept: Kept) -> bytes:
    with path.open("rb") as file:
        file.seek(kept.place)
        return file.read(kept.size)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    place = os.open(folder, os.O_RDONLY)
    os.fsync(place)
    os.close(place)


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with Forwarder(
        router=default_router(MemoryEventCounts(), schema_name="shop"),
        batcher=AppendOnlyBatcher(folder / "spool.log"),
        stager=DirectoryStager(folder / "staging"),
        loader=DeltaLoader(folder / "lake"),
        common_table="shop_otherevents",
    ) as forwarder:
        receipt = forwarder.submit_many([make_payload(batch_id=n) for n in range(3)])
        print(f"{receipt.record_count} batches are safe in spool.log")
        forwarder.flush()
        account = forwarder.status().account

    table = DeltaTable(folder / "lake" / "shop_otherevents")
    print(f"shop_otherevents has {table.to_pyarrow_dataset().count_rows()} rows")
    print(account)
    return 0 if account.is_balanced and not account.pending else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if sys.argv[1:] else "append-only")))
