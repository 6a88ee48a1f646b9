"""
The contract of event counts finds what is broken.
"""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from contract_runner import failing_clauses

from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.model import EventKind, LoadId, TableName
from databricks_forwarder.testing.contracts.counts import EventCountsContract

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path


class Forgetful(MemoryEventCounts):
    """
    C1: counts a load each time it is told of it.
    """

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count under a load id that is new each time.
        """
        again = LoadId(f"{load_id} {len(self._counted)}")
        super().add(again, counts, on=on)


class Exclusive(MemoryEventCounts):
    """
    C2: leaves out the first day.
    """

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Sum the days after *since*.
        """
        return super().totals(kinds, since=since + timedelta(days=1))


class Sharing(MemoryEventCounts):
    """
    C3: gives an owner somebody else's name when none is free.
    """

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Give, and never refuse.
        """
        try:
            return super().give(wishes)
        except ValueError:
            self._names.update({owner: names[0] for owner, names in wishes.items()})
            return self._given(wishes)


class Volatile(MemoryEventCounts):
    """
    C4: each opening starts anew.
    """


class Lonely(MemoryEventCounts):
    """
    C5: works in the thread that made it, and in no other.
    """

    def __init__(self) -> None:
        super().__init__()
        self._home = threading.get_ident()

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count, at home only.
        """
        if threading.get_ident() != self._home:
            raise RuntimeError("made in another thread")
        super().add(load_id, counts, on=on)


class Halving(MemoryEventCounts):
    """
    C6: tells of every other kind.
    """

    def kept(self, *, since: date) -> Mapping[EventKind, Mapping[date, int]]:
        """
        Tell of the first kind, the third and so on.
        """
        return dict(list(super().kept(since=since).items())[::2])


class Plain:
    """
    Counts that do what they must, and nothing beyond.
    """

    def __init__(self) -> None:
        counts = MemoryEventCounts()
        self.totals, self.add = counts.totals, counts.add
        self.given, self.give, self.propose = counts.given, counts.give, counts.propose


@pytest.mark.parametrize(
    ("clauses", "broken"),
    [
        (set(), MemoryEventCounts),
        ({"C1"}, Forgetful),
        ({"C2"}, Exclusive),
        ({"C3"}, Sharing),
        ({"C4"}, Volatile),
        ({"C5"}, Lonely),
        ({"C6"}, Halving),
        (set(), Plain),
    ],
)
def test_exactly_the_broken_clause_fails(
    clauses: set[str], broken: type[MemoryEventCounts], tmp_path: Path
) -> None:
    """
    Counts with one fault fail in the clause of that fault and in no other.
    """

    class Examined(EventCountsContract):
        def begin(self, tmp_path: Path) -> None:
            super().begin(tmp_path)
            self.counts = broken()

        def open(self) -> MemoryEventCounts:
            return Volatile() if broken is Volatile else self.counts

    failing = failing_clauses(Examined, tmp_path)

    assert clauses == failing


def test_a_contract_without_its_hooks_fails_in_every_clause(tmp_path: Path) -> None:
    """
    What was not opened is not taken for examined.
    """
    failing = failing_clauses(EventCountsContract, tmp_path)
    expected = {"C1", "C2", "C3", "C4", "C5", "C6"}

    assert expected == failing
