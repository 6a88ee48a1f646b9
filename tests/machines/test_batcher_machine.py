"""
Batchers in orders of calls that nobody thought of, against a list.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any, ClassVar

import attrs
import pytest
from broken_batchers import BROKEN
from machine_runs import bounded, finds_a_fault

from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import Offset, OffsetRange
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.machines.batcher import BatcherMachine


class MemoryMachine(BatcherMachine):
    """
    Memory batchers over one storage, whole or broken on purpose.
    """

    max_bytes = 200
    part: ClassVar[type[MemoryBatcher]] = MemoryBatcher

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        super().__init__()

    def open(self) -> MemoryBatcher:
        """
        Open the run's storage.
        """
        return self.part(storage=self.storage, max_spool_bytes=self.max_bytes)

    def damage(self, offset: Offset) -> None:
        """
        Change the last byte.
        """
        kept = self.storage.records[offset]
        payload = kept.record.payload[:-1] + b"?"
        record = attrs.evolve(kept.record, payload=payload)
        self.storage.records[offset] = attrs.evolve(kept, record=record)


class SqliteMachine(BatcherMachine):
    """
    SQLite batchers over one file; who dies leaves the lock to the system.
    """

    max_bytes = 200

    def open(self) -> SqliteBatcher:
        """
        Open the run's file.
        """
        path = self.tmp_path / "spool.db"
        return SqliteBatcher(path, max_spool_bytes=self.max_bytes)

    def damage(self, offset: Offset) -> None:
        """
        Change a byte in its column.
        """
        with closing(sqlite3.connect(self.tmp_path / "spool.db")) as database:
            database.execute(
                "UPDATE records SET payload = cast(replace(cast(payload AS text),"
                " '}', '?') AS blob) WHERE offset = ?",
                (offset,),
            )
            database.commit()

    def die(self, batcher: Any) -> None:
        """
        Give back what the system takes from a process that ends.
        """
        batcher._session.close()


class LeftBehindMachine(SqliteMachine):
    """
    The same, but who dies keeps the lock: a process that hangs.
    """

    die = BatcherMachine.die


TestMemoryBatcher = bounded(MemoryMachine, examples=40, steps=40)
TestSqliteBatcher = bounded(SqliteMachine, examples=10, steps=40)
TestSqliteBatcherLeftBehind = bounded(LeftBehindMachine, examples=5, steps=40)


class LosesOneOfMany(MemoryBatcher):
    """
    Forgets the third payload of an append.
    """

    def append(self, payloads: Any, /, **options: Any) -> OffsetRange | None:
        """
        Append, and remove one.
        """
        offsets = super().append(payloads, **options)
        if offsets is not None and len(payloads) > 2:
            del self._storage.records[offsets.last]
        return offsets


class DoublesWhatItReplays(MemoryBatcher):
    """
    Puts the last of the payloads that are replayed back twice.
    """

    def replay(self, offsets: Any, /) -> int:
        """
        Replay, and one more time.
        """
        count = super().replay(offsets)
        if count:
            kept = self._storage.records[Offset(self._storage.next_offset - 1)]
            self._storage.add(
                kept.record.payload, kept.record.message_count, NOON, kept.crc
            )
        return count


class RemovesANeighbour(MemoryBatcher):
    """
    Commits a load, and with it the record that follows.
    """

    def commit(self, load_id: Any, *args: Any, **options: Any) -> None:
        """
        Commit, and remove one record more.
        """
        super().commit(load_id, *args, **options)
        _, _, last = load_id.rpartition("-")
        self._storage.records.pop(Offset(int(last) + 1), None)


# What one host can't see (another storage's name, another thread) is left to
# the contract.
FOUND: dict[str, type[MemoryBatcher]] = {
    **{
        kind.__name__: kind
        for clause, kind in BROKEN.items()
        if clause not in {"B6", "B10"}
    },
    **{
        kind.__name__: kind
        for kind in (LosesOneOfMany, DoublesWhatItReplays, RemovesANeighbour)
    },
}


def machine_of(kind: type[MemoryBatcher]) -> type[MemoryMachine]:
    """
    Examine *kind* instead of the memory batcher.
    """
    return type("MachineOfABrokenBatcher", (MemoryMachine,), {"part": kind})


@pytest.mark.parametrize("name", FOUND)
def test_a_broken_batcher_disagrees_with_the_list(name: str) -> None:
    """
    A batcher with one fault is found out by some order of calls.
    """
    assert finds_a_fault(machine_of(FOUND[name]))


def test_a_batcher_that_refuses_nothing_is_told() -> None:
    """
    A call that was to raise and did not is a failure in words.
    """
    machine = MemoryMachine()
    for host in machine._hosts:
        host.note = lambda *args, **options: None  # type: ignore[method-assign]

    with pytest.raises(AssertionError, match="LeaseLostError was to be raised"):
        machine.settle_what_is_not_out(host=0, pick=0)
    machine.teardown()


class Forgetful:
    """
    A batcher that recalls no notes: it has no method for that.
    """

    def __init__(self, batcher: Any) -> None:
        self._batcher = batcher

    def __getattr__(self, name: str) -> Any:
        if name == "notes":
            raise AttributeError(name)
        return getattr(self._batcher, name)


def test_a_batcher_that_recalls_nothing_is_not_asked_for_notes() -> None:
    """
    The machine compares what such a batcher tells, and that is enough.
    """
    machine = MemoryMachine()
    machine._hosts = [Forgetful(each) for each in machine._hosts]
    machine.append(host=0, messages=[1], positions=set())
    machine.both_hosts_tell_what_the_list_tells()
    machine.teardown()

    assert not hasattr(machine._hosts[0], "notes")


@pytest.mark.parametrize(
    "hook", [BatcherMachine.open, lambda machine: machine.damage(Offset(0))]
)
def test_a_machine_s_hooks_are_asked_for(hook: Any) -> None:
    """
    A machine without a hook fails where the hook is needed.
    """
    machine = MemoryMachine()

    with pytest.raises(NotImplementedError):
        hook(super(MemoryMachine, machine))
    machine.teardown()
