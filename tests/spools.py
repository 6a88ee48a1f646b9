"""
A spool with something of everything, and what must hold of it afterwards.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs

from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import (
    Account,
    DamagedRecord,
    DeadLetter,
    Lease,
    LoadReport,
    Offset,
    Payload,
    Record,
    TableName,
    TableReport,
)
from databricks_forwarder.settings import UploadPolicy

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)
ALL = UploadPolicy()


def payload(number: int, size: int = 0) -> Payload:
    """
    Make a payload that tells its number, at least *size* bytes, of two messages.
    """
    events = [{"event_type": "first_run"}] * 2
    text = f'{{"batch_id":"{number}","events":{events},"user_attributes":{{"a":"'
    text = text.replace("'", '"')
    filling = f"{number:x}-" * (size // len(f"{number:x}-") + 1)
    return Payload(f'{text}{filling}"}}}}'.encode(), 2)


def report(
    lease: Lease, *, dead: dict[int, str] | None = None, parked: str | None = None
) -> LoadReport:
    """
    Report a load: all of it loaded but for the dead, or all of it parked.
    """
    letters = tuple(
        DeadLetter(
            offset=Offset(offset),
            received_at=NOON,
            message_count=2,
            reason=reason,
            load_id=lease.load_id,
        )
        for offset, reason in sorted((dead or {}).items())
    )
    loaded = 0 if parked else lease.message_count - 2 * len(letters)
    return LoadReport(
        load_id=lease.load_id,
        offsets=lease.offsets,
        attempt=lease.attempt,
        settled_at=NOON,
        account=Account(
            received=lease.message_count,
            loaded=loaded,
            dead=2 * len(letters),
            pending=lease.message_count if parked else 0,
        ),
        tables=(
            TableReport(
                table=TableName("t"), row_count=loaded, file_count=1, size_bytes=1
            ),
        ),
        dead=letters,
        reason=parked,
    )


def leased(batcher: SqliteBatcher, messages: int = 100_000) -> Lease:
    """
    Lease what there is, up to so many messages.
    """
    policy = UploadPolicy(max_messages=messages)
    lease = batcher.lease(policy, at=NOON, seal=True)
    assert lease is not None
    return lease


@attrs.define
class Told:
    """
    What the makers of a spool were told is in it.
    """

    spool_id: str = ""
    records: dict[int, bytes] = attrs.field(factory=dict)
    dead: dict[int, bytes] = attrs.field(factory=dict)
    notes: dict[str, dict[str, str]] = attrs.field(factory=dict)
    parked: list[str] = attrs.field(factory=list)
    open: list[str] = attrs.field(factory=list)
    committed: list[str] = attrs.field(factory=list)
    checkpoint: dict[str, str] = attrs.field(factory=dict)


def fill(batcher: SqliteBatcher, *, waiting: int = 6, size: int = 5_000) -> Told:
    """
    Put something of everything into a new spool.

    A committed load with a dead letter, a parked one, an open one that is
    out with its notes, *waiting* records of *size* bytes and two larger ones,
    and checkpoints.
    """
    told = Told(batcher.id)
    for number in range(12):
        batcher.append([payload(number, size)], at=NOON, checkpoint={"p0": str(number)})
        told.records[number] = payload(number, size).document
    done = leased(batcher, 8)
    batcher.commit(done.load_id, report(done, dead={1: "unfit"}), at=NOON)
    told.committed.append(done.load_id)
    told.dead = {1: told.records[1]}
    for offset in range(4):
        del told.records[offset]
    aside = leased(batcher, 8)
    told.notes[aside.load_id] = {"routes": "aside" * 50}
    batcher.note(aside.load_id, "routes", "aside" * 50, at=NOON)
    batcher.park(aside.load_id, report(aside, parked="a column is text"), at=NOON)
    told.parked.append(aside.load_id)
    out = leased(batcher, 8)
    told.notes[out.load_id] = {}
    for key in ("routes", "staging", "table t"):
        batcher.note(out.load_id, key, f"{key} of it" * 40, at=NOON)
        told.notes[out.load_id][key] = f"{key} of it" * 40
    told.open.append(out.load_id)
    first = 12
    for number in range(first, first + waiting):
        batcher.append([payload(number, size)], at=NOON)
        told.records[number] = payload(number, size).document
    large = [payload(first + waiting + number, 36_000) for number in range(2)]
    batcher.append(large, at=NOON, checkpoint={"p0": "1042", "p1": "7"})
    for number, each in enumerate(large, first + waiting):
        told.records[number] = each.document
    told.checkpoint = {"p0": "1042", "p1": "7"}
    return told


@contextmanager
def opened(path: Path) -> Iterator[SqliteBatcher]:
    """
    Open a spool for a while.
    """
    with closing(SqliteBatcher(path)) as batcher:
        yield batcher


def copied(path: Path, folder: Path, *suffixes: str) -> Path:
    """
    Copy a spool's files, by default itself and its log, as a person would.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in suffixes or ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return folder / path.name


@attrs.define
class Carried:
    """
    What came out of a spool when all of it was carried.
    """

    payloads: dict[int, bytes] = attrs.field(factory=dict)
    damaged: dict[int, str] = attrs.field(factory=dict)
    notes: dict[str, dict[str, str]] = attrs.field(factory=dict)
    dead: dict[int, DeadLetter] = attrs.field(factory=dict)
    account: Account = attrs.field(factory=Account)


def carried(batcher: SqliteBatcher, result: Carried | None = None) -> Carried:
    """
    Carry all that is in a spool, parked loads too; what is damaged dies.

    Args:
        batcher: The spool.
        result: What came out before an error; more is added.
    """
    result = Carried() if result is None else result
    for parked in batcher.parked():
        batcher.carry_on(parked.load_id)
    while lease := batcher.lease(UploadPolicy(max_messages=8), at=NOON, seal=True):
        records = list(lease.records)
        dead = {
            int(record.offset): record.reason
            for record in records
            if isinstance(record, DamagedRecord)
        }
        batcher.commit(lease.load_id, settled(lease, dead), at=NOON)
        result.notes[lease.load_id] = dict(lease.notes)
        result.damaged |= dead
        for record in records:
            if isinstance(record, Record):
                assert record.offset not in result.payloads
                result.payloads[record.offset] = record.payload
    result.dead = {letter.offset: letter for letter in batcher.dead_letters()}
    result.account = batcher.status().account
    return result


def settled(lease: Lease, dead: dict[int, str]) -> LoadReport:
    """
    Report a load whose damaged records died, by what they are counted as.
    """
    records = list(lease.records)
    letters = tuple(
        DeadLetter(
            offset=record.offset,
            received_at=record.received_at,
            message_count=record.message_count,
            reason=dead[record.offset],
            load_id=lease.load_id,
        )
        for record in records
        if record.offset in dead
    )
    lost = sum(letter.message_count for letter in letters)
    loaded = sum(each.message_count for each in records) - lost
    return attrs.evolve(
        report(lease),
        account=Account(received=loaded + lost, loaded=loaded, dead=lost),
        dead=letters,
    )


def asked(path: Path, question: str) -> list[tuple[object, ...]]:
    """
    Look into a file by the back door.
    """
    with closing(sqlite3.connect(path)) as database:
        return database.execute(question).fetchall()


def state(path: Path) -> dict[str, object]:
    """
    Say all that a spool holds, but for who has a load out.
    """
    with opened(path) as batcher:
        account = batcher.status().account
        found = {
            "account": account,
            "loads": batcher.loads(),
            "parked": batcher.parked(),
            "dead": list(batcher.dead_letters()),
            "checkpoint": batcher.checkpoint(),
        }
    assert account.is_balanced
    for table, columns in (
        ("spool", "*"),
        ("records", "*"),
        ("loads", "load_id, first, last, message_count, attempt, report"),
        ("notes", "*"),
    ):
        found[table] = asked(path, f"SELECT {columns} FROM {table} ORDER BY 1, 2")
    return found


def steps(batcher: SqliteBatcher) -> Iterator[Callable[[], object]]:
    """
    Give the calls of a life, one transaction each.
    """
    for number in range(3):
        yield lambda number=number: batcher.append(
            [payload(number)], at=NOON, checkpoint={"p": str(number)}
        )
    large = [payload(number, 6_000) for number in range(3, 6)]
    yield lambda: batcher.append(large, at=NOON)
    for dead in ({1: "unfit"}, None):
        found: list[Any] = []
        yield lambda found=found: found.append(leased(batcher, 4))
        (lease,) = found
        for key, text in (("routes", "a"), ("staging", "b"), ("routes", "c")):
            yield lambda lease=lease, key=key, text=text: batcher.note(
                lease.load_id, key, text * 100, at=NOON
            )
        done = report(lease, dead=dead)
        if dead is None:
            aside = report(lease, parked="a column is text")
            yield lambda lease=lease, aside=aside: batcher.park(
                lease.load_id, aside, at=NOON
            )
            yield lambda lease=lease: batcher.carry_on(lease.load_id)
            yield lambda: leased(batcher)
        yield lambda lease=lease, done=done: batcher.commit(
            lease.load_id, done, at=NOON
        )
    yield lambda: batcher.replay([1])
