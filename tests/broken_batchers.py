"""
Batchers with one fault each, by the clause that they break.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.errors import BatcherFullError
from databricks_forwarder.model import Account, OffsetRange, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from databricks_forwarder.model import Lease


class KeepsToItself(MemoryBatcher):
    """
    B1: stores what was appended only when it is called again.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._late: dict[Any, Any] = {}

    def append(self, *args: Any, **options: Any) -> OffsetRange | None:
        """
        Store, and take away what was stored until the next call.
        """
        with self._storage.lock:
            before = set(self._storage.records)
            offsets = super().append(*args, **options)
            for offset in self._storage.records.keys() - before:
                self._late[offset] = self._storage.records.pop(offset)
        return offsets

    @contextmanager
    def _entered(self) -> Iterator[MemoryStorage]:
        with super()._entered() as storage:
            storage.records.update(self._late)
            self._late.clear()
            yield storage


class CountsFromWhatIsThere(MemoryBatcher):
    """
    B2: goes on after the last record that it finds when it is opened.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._storage.next_offset = max(self._storage.records, default=-1) + 1


class TakesOneMore(MemoryBatcher):
    """
    B3: takes the limit of a load to be exclusive.
    """

    def lease(self, policy: Any, /, **options: Any) -> Lease | None:
        """
        Lease by a policy that allows one message more.
        """
        more = attrs.evolve(policy, max_messages=policy.max_messages + 1)
        return super().lease(more, **options)


class GrowsItsLoads(MemoryBatcher):
    """
    B4: adds what came meanwhile to a load that is handed out again.
    """

    def lease(self, policy: Any, /, **options: Any) -> Lease | None:
        """
        Stretch all loads to the last record before leasing.
        """
        for load in self._storage.loads.values():
            last = max(self._storage.records, default=load.offsets.last)
            load.offsets = attrs.evolve(load.offsets, last=last)
        return super().lease(policy, **options)


class NeverWaits(MemoryBatcher):
    """
    B5: takes over from a holder whose time is not over.
    """

    def lease(self, policy: Any, /, **options: Any) -> Lease | None:
        """
        Take all loads from their holders before leasing.
        """
        for load in self._storage.loads.values():
            load.holder = None
        return super().lease(policy, **options)


class HasNoName(MemoryBatcher):
    """
    B6: is called the same, whatever its storage.
    """

    @property
    def id(self) -> str:
        """
        The same twelve zeros for all.
        """
        return "0" * 12


class RemovesTooMuch(MemoryBatcher):
    """
    B7: removes also what was not in the load.
    """

    def commit(self, *args: Any, **options: Any) -> None:
        """
        Commit, and remove all other records too.
        """
        super().commit(*args, **options)
        self._storage.records.clear()


class ForgetsWhatItParks(MemoryBatcher):
    """
    B8: loses the notes of a load that is parked.
    """

    def park(self, load_id: Any, *args: Any, **options: Any) -> None:
        """
        Park, and drop the notes.
        """
        super().park(load_id, *args, **options)
        self._storage.loads[load_id].notes.clear()


class KeepsWhatItRefuses(MemoryBatcher):
    """
    B9: stores the first payload of those that it refuses.
    """

    def append(self, payloads: Any, /, **options: Any) -> OffsetRange | None:
        """
        Refuse, but store the first payload all the same.
        """
        try:
            return super().append(payloads, **options)
        except BatcherFullError:
            self._max_spool_bytes = None
            super().append(payloads[:1], at=options["at"])
            raise


class KnowsOneThread(MemoryBatcher):
    """
    B10: stores another thread's payloads where nobody finds them.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._maker = threading.get_ident()

    def append(self, *args: Any, **options: Any) -> OffsetRange | None:
        """
        Store elsewhere what comes from another thread.
        """
        if threading.get_ident() != self._maker:
            return MemoryBatcher().append(*args, **options)
        return super().append(*args, **options)


class SkipsTheDamaged(MemoryBatcher):
    """
    B11: says nothing of damaged records.
    """

    def lease(self, *args: Any, **options: Any) -> Lease | None:
        """
        Lease, and hand out whole records only.
        """
        lease = super().lease(*args, **options)
        if lease is None:
            return None
        whole = [each for each in lease.records if isinstance(each, Record)]
        return attrs.evolve(lease, records=whole)


class ReplacesTheCheckpoint(MemoryBatcher):
    """
    B12: forgets the names that a checkpoint does not say again.
    """

    def append(self, *args: Any, **options: Any) -> OffsetRange | None:
        """
        Forget the checkpoint before a new one is stored.
        """
        if options.get("checkpoint"):
            self._storage.checkpoint.clear()
        return super().append(*args, **options)


class NotesForItself(MemoryBatcher):
    """
    B13: shows its notes to nobody else.
    """

    def lease(self, *args: Any, **options: Any) -> Lease | None:
        """
        Drop the notes of a load that another one held.
        """
        for load in self._storage.loads.values():
            if load.holder is not self:
                load.notes.clear()
        return super().lease(*args, **options)


class CountsTwice(MemoryBatcher):
    """
    B14: adds the report of a load carried on to the one it was parked with.
    """

    def commit(self, load_id: Any, *args: Any, **options: Any) -> None:
        """
        Commit as if nothing had been told of the load before.
        """
        for load in self._storage.loads.values():
            load.told = Account()
        super().commit(load_id, *args, **options)


class RecallsItsOwn(MemoryBatcher):
    """
    B15: knows the notes of the loads that it holds itself.
    """

    def notes(self, load_id: Any, /) -> Mapping[str, str]:
        """
        Give the notes to nobody but the holder.
        """
        load = self._storage.loads.get(load_id)
        return {} if load is None or load.holder is not self else dict(load.notes)


class RecallsNothing(MemoryBatcher):
    """
    No breach: tells no notes but with the lease, more is not owed.
    """

    @property
    def notes(self) -> Any:
        """
        Have no such method.
        """
        raise AttributeError


BROKEN: dict[str, type[MemoryBatcher]] = {
    "B1": KeepsToItself,
    "B2": CountsFromWhatIsThere,
    "B3": TakesOneMore,
    "B4": GrowsItsLoads,
    "B5": NeverWaits,
    "B6": HasNoName,
    "B7": RemovesTooMuch,
    "B8": ForgetsWhatItParks,
    "B9": KeepsWhatItRefuses,
    "B10": KnowsOneThread,
    "B11": SkipsTheDamaged,
    "B12": ReplacesTheCheckpoint,
    "B13": NotesForItself,
    "B14": CountsTwice,
    "B15": RecallsItsOwn,
}
