"""
The observers hold their contract; broken ones don't.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from contract_runner import failing_clauses
from exported import Exported

from databricks_forwarder import facts
from databricks_forwarder.facts import Fact
from databricks_forwarder.observers.log import LogObserver
from databricks_forwarder.observers.memory import MemoryObserver
from databricks_forwarder.testing.contracts.observer import (
    ObserverContract,
    WatchingObserverContract,
)


class TestMemoryObserver(ObserverContract):
    """
    Facts in a list.
    """

    def open(self) -> MemoryObserver:
        """
        Keep a few of them.
        """
        return MemoryObserver(most=100)

    def kept(self, observer: Any) -> int:
        """
        Each fact may be of a load of its own.
        """
        return len(observer.facts)


class TestLogObserver(ObserverContract):
    """
    Lines of a log, which hold the facts they are made of.
    """

    def open(self) -> LogObserver:
        """
        Write everything.
        """
        logger = logging.getLogger("observed")
        logger.setLevel(logging.DEBUG)
        return LogObserver(logger)

    def kept(self, observer: Any) -> int:
        """
        It has a logger, and nothing else.
        """
        return len(vars(observer)) - 1


class TestOpenTelemetryObserver(WatchingObserverContract):
    """
    Metrics and traces, with the SDK behind them.
    """

    most_kept = 64

    def begin(self, tmp_path: Path) -> None:
        """
        Keep the SDK of each observer.
        """
        super().begin(tmp_path)
        self.made: dict[int, Exported] = {}

    def open(self) -> Any:
        """
        Set up the SDK.
        """
        exported = Exported.made()
        self.made[id(exported.observer)] = exported
        return exported.observer

    def kept(self, observer: Any) -> int:
        """
        Look for the loads whose spans are open.
        """
        return len(observer._traces._open)

    def ask(self, observer: Any) -> None:
        """
        Collect, as the SDK does now and then.
        """
        self.made[id(observer)].metrics()


class Choosy(MemoryObserver):
    """
    O1: knows what there is to know.
    """

    def observe(self, fact: Fact, /) -> None:
        """
        Look the kind up.
        """
        facts.FACTS.index(type(fact))


class Homely(MemoryObserver):
    """
    O2: takes facts from the thread that made it.
    """

    def __init__(self) -> None:
        super().__init__(most=100)
        self._home = threading.get_ident()

    def observe(self, fact: Fact, /) -> None:
        """
        Refuse others, as a connection to SQLite does.
        """
        if threading.get_ident() != self._home:
            raise RuntimeError("another thread")
        super().observe(fact)


class Expectant(MemoryObserver):
    """
    O3: was there from the beginning.
    """

    def observe(self, fact: Fact, /) -> None:
        """
        Look the load up.
        """
        if isinstance(fact, facts.LoadLeased):
            self.facts = [fact]
        elif isinstance(fact, facts.TableLoaded):
            self.of(facts.LoadLeased)[0]


class Greedy(MemoryObserver):
    """
    O3: keeps what has not ended.
    """

    def __init__(self) -> None:
        super().__init__(most=1_000_000)


class Impatient(MemoryObserver):
    """
    O4: stops at the first that does not answer.
    """

    def __init__(self) -> None:
        super().__init__(most=100)
        self.asked: list[Any] = []

    def watch(self, status: Any, /) -> None:
        """
        Keep it.
        """
        self.asked.append(status)

    def ask(self) -> None:
        """
        Ask one after another.
        """
        for status in self.asked:
            if status() is None:
                return


class Patient(Impatient):
    """
    Asks all of them.
    """

    def ask(self) -> None:
        """
        Pass over those that do not answer.
        """
        for status in self.asked:
            status()


@pytest.mark.parametrize(
    ("observer", "clauses"),
    [
        (lambda: MemoryObserver(most=100), set()),
        (lambda: Choosy(most=100), {"O1"}),
        (Homely, {"O2"}),
        (lambda: Expectant(most=100), {"O3"}),
        (Greedy, {"O3"}),
    ],
    ids=["memory", "choosy", "homely", "expectant", "greedy"],
)
def test_a_broken_observer_fails_in_the_clause_it_breaks(
    observer: Any, clauses: set[str], tmp_path: Path
) -> None:
    """
    Each breach is found by the tests of its clause, and by no other's.
    """
    hooks = {"open": lambda _: observer(), "kept": lambda _, it: len(it.facts)}
    contract = type("Examined", (ObserverContract,), hooks)

    assert clauses == failing_clauses(contract, tmp_path)


@pytest.mark.parametrize(
    ("observer", "clauses"), [(Patient, set()), (Impatient, {"O4"})]
)
def test_a_broken_watching_observer_fails_in_the_clause_it_breaks(
    observer: Any, clauses: set[str], tmp_path: Path
) -> None:
    """
    An observer that stops asking at a closed forwarder is found.
    """
    hooks = {
        "open": lambda _: observer(),
        "kept": lambda _, it: len(it.facts),
        "ask": lambda _, it: it.ask(),
    }
    contract = type("Examined", (WatchingObserverContract,), hooks)

    assert clauses == failing_clauses(contract, tmp_path)
