"""
Each clause of erasing finds a part that breaks it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
from contract_runner import failing_clauses
from erasures import InMemoryBatcher, InMemoryLoader

from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.erasure import ErasureNote, Place
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.model import TableName
from databricks_forwarder.mparticle.person import Person


class ForgetsTheDead(MemoryBatcher):
    """
    B16: leaves dead letters alone.
    """

    def erase(self, *args: Any, **options: Any) -> ErasureNote:
        """
        Put the dead letters away meanwhile.
        """
        dead, self._storage.dead = self._storage.dead, {}
        note = super().erase(*args, **options)
        self._storage.dead = dead
        return note


class CountsNothing(MemoryBatcher):
    """
    B17: erases without a word in the account.
    """

    def erase(self, *args: Any, **options: Any) -> ErasureNote:
        """
        Put the totals back.
        """
        dropped = self._storage.totals.dropped
        note = super().erase(*args, **options)
        self._storage.totals = attrs.evolve(self._storage.totals, dropped=dropped)
        return note


class MarksNothing(MemoryBatcher):
    """
    B18: opens loads without a mark.
    """

    def erase(self, note: Any, is_theirs: Any, _: Any, /, *, at: Any) -> ErasureNote:
        """
        Note another key.
        """
        return super().erase(note, is_theirs, ("", ""), at=at)


class WaitsForNobody(MemoryBatcher):
    """
    B19: erases what somebody else has out.
    """

    def erase(self, *args: Any, **options: Any) -> ErasureNote:
        """
        Take the load away first.
        """
        for load in self._storage.loads.values():
            load.holder = None
        return super().erase(*args, **options)


class KeepsOne(MemoryBatcher):
    """
    B20: knows the latest erasure only.
    """

    def erasures(self) -> Sequence[ErasureNote]:
        """
        Give the last.
        """
        return super().erasures()[-1:]


class LooksAtMpids(MemoryLoader):
    """
    L8: asks no identity.
    """

    def places(self, person: Person, /) -> Mapping[TableName, Sequence[Place]]:
        """
        Look for the mpids alone.
        """
        return super().places(attrs.evolve(person, identities={}))


class TakesLoads(MemoryLoader):
    """
    L9: takes whole loads out.
    """

    def erase(self, table: TableName, places: Sequence[Place], /) -> Sequence[str]:
        """
        Name every offset of the loads.
        """
        wide = [
            Place(each.load_id, offset, 1) for each in places for offset in range(9)
        ]
        return super().erase(table, wide)


@pytest.mark.parametrize(
    ("part", "clauses"),
    [
        (MemoryBatcher, set()),
        (ForgetsTheDead, {"B16", "B17"}),
        (CountsNothing, {"B17", "B18"}),
        (MarksNothing, {"B18"}),
        (WaitsForNobody, {"B19"}),
        (KeepsOne, {"B20"}),
    ],
)
def test_a_broken_batcher_fails_in_the_clause_it_breaks(
    part: type[MemoryBatcher], clauses: set[str], tmp_path: Path
) -> None:
    """
    Each breach is found by the tests of its clause.
    """
    contract = type("Examined", (InMemoryBatcher,), {"part": part})

    assert clauses == failing_clauses(contract, tmp_path)


@pytest.mark.parametrize(
    ("part", "clauses"),
    [(MemoryLoader, set()), (LooksAtMpids, {"L8", "L9"}), (TakesLoads, {"L9"})],
)
def test_a_broken_loader_fails_in_the_clause_it_breaks(
    part: type[MemoryLoader], clauses: set[str], tmp_path: Path
) -> None:
    """
    Each breach is found by the tests of its clause.
    """
    contract = type("Examined", (InMemoryLoader,), {"part": part})

    assert clauses == failing_clauses(contract, tmp_path)
