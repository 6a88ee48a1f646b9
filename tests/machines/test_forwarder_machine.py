"""
Forwarders that live and die as nobody thought of, against a multiset of events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar

import pyarrow as pa
import pytest
from machine_runs import bounded, finds_a_fault
from walking import Composition, InMemory, OnDisk

from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    PermanentError,
)
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.model import LoadId, LoadResult, OffsetRange
from databricks_forwarder.stagers.memory import MemoryStager
from databricks_forwarder.testing.faults import Killed
from databricks_forwarder.testing.machines._machine import Machine
from databricks_forwarder.testing.machines._misfortunes import Misfortune
from databricks_forwarder.testing.machines._multiset import Drawn
from databricks_forwarder.testing.machines.forwarder import ForwarderMachine


class CompositionMachine(ForwarderMachine):
    """
    Forwarders of a composition, whole or with a part broken on purpose.

    Attributes:
        break_parts: What takes the place of a part, by its name.
        events_threshold: Of the router; at 1 no custom event goes to the
            common table, whose many columns cost time.
    """

    events_threshold: ClassVar[int] = 1
    break_parts: ClassVar[Mapping[str, Callable[[Any, Any], Any]]] = {}

    def __init__(self) -> None:
        self._composition: Any = None
        super().__init__()

    @property
    def composition(self) -> Any:
        """
        Make the run's composition when it is first asked for.
        """
        if self._composition is None:
            self._composition = self.compose()
        return self._composition

    def compose(self) -> Composition:
        """
        Begin with everything empty.
        """
        return InMemory(self.tmp_path, events_threshold=self.events_threshold)

    def parts(self) -> Mapping[str, Any]:
        """
        Make new parts.
        """
        batcher, counts, stager, loader = self.composition.parts()
        parts = {
            "router": self.composition.router(counts),
            "batcher": batcher,
            "stager": stager,
            "loader": loader,
        }
        for name, broken in self.break_parts.items():
            parts[name] = broken(self.composition, parts[name])
        return parts

    def tables(self) -> Mapping[str, pa.Table]:
        """
        Read them behind the loader's back.
        """
        tables: Mapping[str, pa.Table] = self.composition.tables()
        return tables

    def staged(self) -> Collection[str]:
        """
        Look behind the stager's back.
        """
        staged: Collection[str] = self.composition.staged()
        return staged

    def learnt(self) -> int | None:
        """
        Look into the counts.
        """
        by_kind = self.composition.event_counts._days_by_kind
        return sum(sum(days.values()) for days in by_kind.values())

    def die(self, parts: Mapping[str, Any]) -> None:
        """
        Give back what the system takes from a process that ends.
        """
        self.composition.die()


class OnDiskMachine(CompositionMachine):
    """
    The spool in SQLite, the tables in Delta Lake.
    """

    events_threshold = 3
    learnt = ForwarderMachine.learnt

    def compose(self) -> Composition:
        """
        Begin in the run's folder.
        """
        return OnDisk(self.tmp_path, events_threshold=self.events_threshold)


class LeftBehindMachine(CompositionMachine):
    """
    In memory, but nobody sees that a holder is gone before its lease is over.
    """

    die = ForwarderMachine.die


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


TestForwarderInMemory = bounded(CompositionMachine, examples=12, steps=12)
TestForwarderLeftBehind = bounded(LeftBehindMachine, examples=6, steps=12)
TestForwarderOnDisk = bounded(OnDiskMachine, examples=3, steps=10)


class ForgetsItsTransactions(MemoryLoader):
    """
    Loads again what it has loaded already.
    """

    def load(self, load_id: LoadId, table: Any, files: Any, /) -> LoadResult:
        """
        Load, a second time under another name.
        """
        if self._lake.holds(load_id, table):
            again = LoadId(f"{load_id}-{len(self._lake._tables[table].loads)}")
            return super().load(again, table, files)
        return super().load(load_id, table, files)


class LosesOneOfMany(MemoryBatcher):
    """
    Forgets the last payload of an append of three.
    """

    def append(self, payloads: Any, /, **options: Any) -> OffsetRange | None:
        """
        Append, and remove one.
        """
        offsets = super().append(payloads, **options)
        if offsets is not None and len(payloads) > 2:
            del self._storage.records[offsets.last]
        return offsets


class StoresNoCheckpoint(MemoryBatcher):
    """
    Stores payloads without the position that belongs to them.
    """

    def append(self, payloads: Any, /, *, at: Any, **_: Any) -> OffsetRange | None:
        """
        Append as if there were no checkpoint.
        """
        return super().append(payloads, at=at)


class NeverDiscards(MemoryStager):
    """
    Keeps what it is told to remove.
    """

    def discard(self, load_id: LoadId, /) -> None:
        """
        Do nothing.
        """


class LearnsByLife:
    """
    A router that takes a load told of by another process for another load.
    """

    def __init__(self, router: Any) -> None:
        self._router = router

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)

    def loaded(self, load_id: Any, counts: Any, /, *, at: Any) -> None:
        """
        Learn under a name of its own.
        """
        self._router.loaded(LoadId(f"{id(self)}-{load_id}"), counts, at=at)


FOUND: dict[str, Mapping[str, Callable[[Any, Any], Any]]] = {
    "a loader forgets its transactions": {
        "loader": lambda made, _: ForgetsItsTransactions(made.files, made.lake)
    },
    "a batcher loses one of many": {
        "batcher": lambda made, _: LosesOneOfMany(storage=made.storage)
    },
    "a batcher stores no checkpoint": {
        "batcher": lambda made, _: StoresNoCheckpoint(storage=made.storage)
    },
    "a stager never discards": {"stager": lambda made, _: NeverDiscards(made.files)},
    "a router learns by life": {"router": lambda _, router: LearnsByLife(router)},
}


def machine_of(
    broken: Mapping[str, Callable[[Any, Any], Any]],
) -> type[CompositionMachine]:
    """
    Put a broken part in its place.
    """
    return type("MachineOfABrokenPart", (CompositionMachine,), {"break_parts": broken})


@pytest.mark.parametrize("name", FOUND)
def test_a_broken_part_is_missed_in_the_multiset(name: str) -> None:
    """
    A forwarder with one broken part is found out by some life.
    """
    assert finds_a_fault(machine_of(FOUND[name]), steps=12)


@pytest.mark.parametrize(
    "hook", [ForwarderMachine.parts, ForwarderMachine.tables, ForwarderMachine.staged]
)
def test_a_machine_s_hooks_are_asked_for(hook: Any) -> None:
    """
    A machine without a hook fails where the hook is needed.
    """
    with pytest.raises(NotImplementedError):
        hook(object())


def test_what_befalls_a_host_is_lived_through() -> None:
    """
    A refused append, a dead letter, a parked load: each is settled in the end.
    """
    machine = CompositionMachine()
    batch = Drawn(names=["Open"])
    machine.live([Misfortune("batcher", "append", 1, BatcherError)], closes=True)
    machine.submit(batch)
    machine.change_the_router(is_broken=True)
    machine.submit_many(
        [batch, Drawn(names=["Close"], is_unlucky=True), Drawn(names=[])]
    )
    machine.flush(times=1)
    machine.look()
    dead = len(list(machine._parts["batcher"].dead_letters()))
    machine.change_the_router(is_broken=False)
    machine.replay()
    machine.live([Misfortune("loader", "load", 1, PermanentError)], closes=False)
    machine.wait(minutes=16)
    machine.flush(times=1)
    parked = len(machine._parts["batcher"].parked())
    machine.carry_on(pick=0)
    machine.live([Misfortune("batcher", "append", 1, Killed, "after")], closes=True)
    machine.submit(batch)
    machine.look()
    machine.teardown()

    assert (1, 1) == (dead, parked)


def test_an_error_that_nothing_explains_is_a_failure() -> None:
    """
    What a forwarder raises in a life in which nothing was to happen comes out.
    """
    machine = CompositionMachine()
    machine._parts["batcher"].close()
    with pytest.raises(BatcherClosedError):
        machine.submit(Drawn(names=["Open"]))
    Machine.teardown(machine)
