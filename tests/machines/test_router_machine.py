"""
Routers and counts in orders of calls that nobody thought of, against a dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from machine_runs import bounded, finds_a_fault

from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.model import TableName
from databricks_forwarder.testing.machines.router import RouterMachine


class MemoryMachine(RouterMachine):
    """
    Counts in memory that both hosts share, whole or broken on purpose.
    """

    part: ClassVar[type[MemoryEventCounts]] = MemoryEventCounts

    def __init__(self) -> None:
        super().__init__()
        self.counts = self.part()

    def open(self) -> MemoryEventCounts:
        """
        Hand out the run's counts.
        """
        return self.counts


class SqliteMachine(RouterMachine):
    """
    Counts in one file.
    """

    def open(self) -> SqliteEventCounts:
        """
        Open the run's file.
        """
        return SqliteEventCounts(self.tmp_path / "counts.db")


TestMemoryCounts = bounded(MemoryMachine, examples=30, steps=30)
TestSqliteCounts = bounded(SqliteMachine, examples=6, steps=30)


class ForgetsAName(MemoryEventCounts):
    """
    Forgets the name of one owner when a load is counted.
    """

    def add(self, *args: Any, **options: Any) -> None:
        """
        Count, and forget a name.
        """
        super().add(*args, **options)
        if self._names:
            _, name = self._names.popitem()
            self._taken.discard(name)


class SharesAName(MemoryEventCounts):
    """
    Gives names that others have.
    """

    def give(self, wishes: Any, /) -> Mapping[str, TableName]:
        """
        Forget who has what before names are given.
        """
        self._taken.clear()
        return super().give(wishes)


class CountsAgain(MemoryEventCounts):
    """
    Counts a load as often as it is told of it.
    """

    def add(self, *args: Any, **options: Any) -> None:
        """
        Forget which loads are counted before counting one.
        """
        self._counted.clear()
        super().add(*args, **options)


class ForgetsTheEdge(MemoryEventCounts):
    """
    Takes the first day of a window to be outside of it.
    """

    def _total(self, kind: Any, since: Any) -> int | None:
        days = self._days_by_kind.get(kind, {})
        recent = [messages for day, messages in days.items() if day > since]
        return sum(recent) if recent else None


FOUND: dict[str, type[MemoryEventCounts]] = {
    kind.__name__: kind
    for kind in (ForgetsAName, SharesAName, CountsAgain, ForgetsTheEdge)
}


def machine_of(kind: type[MemoryEventCounts]) -> type[MemoryMachine]:
    """
    Examine *kind* instead of the memory counts.
    """
    return type("MachineOfBrokenCounts", (MemoryMachine,), {"part": kind})


@pytest.mark.parametrize("name", FOUND)
def test_broken_counts_disagree_with_the_dictionary(name: str) -> None:
    """
    Counts with one fault are found out by some order of calls.
    """
    assert finds_a_fault(machine_of(FOUND[name]))


def test_the_machine_asks_for_counts() -> None:
    """
    A machine without counts fails as it begins.
    """
    machine = RouterMachine()

    with pytest.raises(NotImplementedError):
        machine.open()
    machine.teardown()
