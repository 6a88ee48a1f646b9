"""
What an observer must do, clause by clause.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import attrs

from databricks_forwarder.facts import LoadFact, LoadLeased, TableBegun
from databricks_forwarder.model import LoadId
from databricks_forwarder.testing.contracts._clause import Contract, clause
from databricks_forwarder.testing.contracts._samples import at_once
from databricks_forwarder.testing.facts import make_fact, one_of_each

if TYPE_CHECKING:
    from databricks_forwarder._status import Status
    from databricks_forwarder.abilities import WatchingObserver
    from databricks_forwarder.facts import Fact
    from databricks_forwarder.protocols import Observer

__all__ = ["ObserverContract", "WatchingObserverContract"]


@attrs.frozen(kw_only=True)
class _LoadDreamt(LoadFact):
    """
    A kind of fact that no release has.
    """

    depth: int


class ObserverContract(Contract):
    """
    The clauses O1 to O3 of `databricks_forwarder.protocols.Observer`.

    Attributes:
        most_kept: How many loads an observer of the test may keep at most.
    """

    most_kept: ClassVar[int] = 1000

    @abstractmethod
    def open(self) -> Observer:
        """
        Make an observer.
        """

    @abstractmethod
    def kept(self, observer: Observer) -> int:
        """
        Back door: of how many loads it has anything in memory.
        """

    @clause("O1")
    def test_o1_every_kind_of_fact_is_taken(self) -> None:
        """
        Nothing is raised by any fact that follows those before it.
        """
        observer = self.open()
        for fact in one_of_each():
            observer.observe(fact)

        assert self.kept(observer) <= self.most_kept

    @clause("O1")
    def test_o1_an_unknown_kind_of_fact_is_passed_over(self) -> None:
        """
        What a later release tells is taken, too.
        """
        observer = self.open()
        observer.observe(make_fact(_LoadDreamt))

        assert self.kept(observer) <= self.most_kept

    @clause("O2")
    def test_o2_many_threads_may_tell(self) -> None:
        """
        Loads of several forwarders and tables side by side harm nobody.
        """
        observer = self.open()
        begun = [make_fact(LoadLeased, load_id=_load(number)) for number in range(4)]
        for fact in begun:
            observer.observe(fact)
        at_once(*(partial(self._tell, observer, fact.load_id) for fact in begun * 2))

        assert self.kept(observer) <= self.most_kept

    @clause("O3")
    def test_o3_each_fact_may_be_the_first(self) -> None:
        """
        An observer that missed the beginning of a load takes the rest of it.
        """
        for fact in one_of_each():
            observer = self.open()
            observer.observe(fact)

            assert self.kept(observer) <= self.most_kept

    @clause("O3")
    def test_o3_loads_without_an_end_are_not_kept_for_ever(self) -> None:
        """
        What is in memory stays bounded, however many loads never end.
        """
        observer = self.open()
        for number in range(self.most_kept + 100):
            observer.observe(make_fact(LoadLeased, load_id=_load(number)))
            observer.observe(make_fact(TableBegun, load_id=_load(number)))

        assert self.kept(observer) <= self.most_kept

    def _tell(self, observer: Observer, load_id: LoadId) -> None:
        for fact in one_of_each():
            observer.observe(_of(load_id, fact))


class WatchingObserverContract(ObserverContract):
    """
    The clauses of an observer that asks forwarders, O4 included.
    """

    @abstractmethod
    def open(self) -> WatchingObserver:
        """
        Make an observer.
        """

    @abstractmethod
    def ask(self, observer: Observer) -> None:
        """
        Have it ask the forwarders that it was handed, as it does by itself.
        """

    @clause("O4")
    def test_o4_each_forwarder_is_asked(self) -> None:
        """
        One that does not answer keeps it from asking no other.
        """
        asked: list[int] = []

        def silent(number: int) -> Status | None:
            asked.append(number)
            return None

        observer = self.open()
        for number in range(3):
            observer.watch(partial(silent, number))
        self.ask(observer)

        assert {0, 1, 2} == set(asked)


def _load(number: int) -> LoadId:
    return LoadId(f"0123456789ab-{number}-{number}")


def _of(load_id: LoadId, fact: Fact) -> Fact:
    return attrs.evolve(fact, load_id=load_id) if isinstance(fact, LoadFact) else fact
