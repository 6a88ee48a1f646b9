"""
The contract of routers finds what is broken.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs
import pytest
from contract_runner import failing_clauses

from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.model import EventKey, LoadId, Table, TableName
from databricks_forwarder.mparticle.names import kind_name, normalise
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.testing.contracts.router import RouterContract

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping
    from pathlib import Path

Answers = dict[EventKey, Table | None]


@attrs.define(eq=False)
class Whole:
    """
    A threshold router with no fault, behind which others hide theirs.
    """

    counts: MemoryEventCounts
    sticky: bool = True
    asked_count: int = 0

    @property
    def router(self) -> ThresholdRouter:
        """
        What is behind it.
        """
        return ThresholdRouter(self.counts, schema_name="main", sticky=self.sticky)

    def route(self, counts: Mapping[EventKey, int], /, *, at: datetime) -> Answers:
        """
        Pass the question on.
        """
        self.asked_count += 1
        return dict(self.router.route(counts, at=at))

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        """
        Pass on what was loaded.
        """
        self.router.loaded(load_id, counts, at=at)


class Silent(Whole):
    """
    R1: leaves out batches without events.
    """

    def route(self, counts: Mapping[EventKey, int], /, *, at: datetime) -> Answers:
        """
        Answer for events only.
        """
        answers = super().route(counts, at=at)
        return {key: table for key, table in answers.items() if key.event_type}


class Fickle(Whole):
    """
    R2: changes its mind when asked a second time.
    """

    def route(self, counts: Mapping[EventKey, int], /, *, at: datetime) -> Answers:
        """
        Answer as if it had never been asked for this before.
        """
        answers = super().route(counts, at=at)
        name = TableName(f"main_otherevents_{self.asked_count}")
        return answers if self.asked_count == 1 else {next(iter(counts)): Table(name)}


class Eager(Whole):
    """
    R3: counts what it is told each time.
    """

    def loaded(
        self, load_id: LoadId, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> None:
        """
        Count under a load id that is new each time.
        """
        again = LoadId(f"{load_id} {len(self.counts._counted)}")
        super().loaded(again, counts, at=at)


class Faithless(Whole):
    """
    R5: takes a table away when its kind has become rare.
    """

    def route(self, counts: Mapping[EventKey, int], /, *, at: datetime) -> Answers:
        """
        Follow the count.
        """
        self.sticky = False
        return super().route(counts, at=at)


class Careless(Whole):
    """
    R6: names tables without asking who has the name.
    """

    def route(self, counts: Mapping[EventKey, int], /, *, at: datetime) -> Answers:
        """
        Name each table by the rules alone.
        """
        names = {key: TableName(normalise(kind_name(key.kind))) for key in counts}
        return {key: Table(name) for key, name in names.items()}


def contract_of(broken: type[Whole]) -> type[RouterContract]:
    """
    Make the contract's class for routers of a class.
    """

    class Examined(RouterContract):
        def begin(self, tmp_path: Path) -> None:
            super().begin(tmp_path)
            self.counts = MemoryEventCounts()

        def make(self) -> Whole:
            return broken(self.counts)

        def identity(self, key: EventKey) -> Hashable:
            return key.kind

        def shared(self) -> Collection[str]:
            return ["main_otherevents"]

        def learnt(self) -> object:
            return repr(self.counts._days_by_kind)

    return Examined


@pytest.mark.parametrize(
    ("clauses", "broken"),
    [
        (set(), Whole),
        ({"R1"}, Silent),
        ({"R2"}, Fickle),
        ({"R3"}, Eager),
        ({"R5"}, Faithless),
        ({"R6"}, Careless),
    ],
)
def test_exactly_the_broken_clause_fails(
    clauses: set[str], broken: type[Whole], tmp_path: Path
) -> None:
    """
    A router with one fault fails in the clause of that fault and in no other.
    """
    failing = failing_clauses(contract_of(broken), tmp_path)

    assert clauses == failing


def test_a_contract_without_its_hooks_fails_in_every_clause(tmp_path: Path) -> None:
    """
    What was not made is not taken for examined.
    """
    failing = failing_clauses(RouterContract, tmp_path)
    expected = {"R1", "R2", "R3", "R5", "R6", "R7"}

    assert expected == failing


def test_a_learning_router_without_its_back_door_fails(tmp_path: Path) -> None:
    """
    What a router learnt is asked of a back door; without one R3 fails.
    """

    class Examined(RouterContract):
        def make(self) -> Whole:
            return Whole(MemoryEventCounts())

    failing = failing_clauses(Examined, tmp_path)

    assert "R3" in failing
