"""
Whatever fails, and on which side of which call: the facts that are told agree.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from fact_order import problems
from walking import InMemory, batch, custom

from databricks_forwarder import facts as known
from databricks_forwarder.errors import PermanentError, SetupError, TransientError
from databricks_forwarder.facts import Fact, LoadCommitted, LoadParked
from databricks_forwarder.model import Payload
from databricks_forwarder.observers.memory import MemoryObserver
from databricks_forwarder.settings import ConnectionSettings
from databricks_forwarder.testing.faults import Fail, Killed, faulty

# The calls of a step with two tables, and how often each is made.
CALLS = {
    ("stager", "staged"): 1,
    ("batcher", "lease"): 1,
    ("router", "route"): 1,
    ("batcher", "note"): 4,
    ("stager", "stage"): 2,
    ("loader", "prepare"): 2,
    ("loader", "load"): 2,
    ("router", "loaded"): 1,
    ("batcher", "commit"): 1,
    ("stager", "discard"): 1,
}
POINTS = [
    (part, method, nth, when)
    for (part, method), times in CALLS.items()
    for nth in range(1, times + 1)
    for when in ("before", "after")
]
ERRORS: dict[str, Callable[[], BaseException]] = {
    "killed": Killed,
    "transient": lambda: TransientError("away"),
    "setup": lambda: SetupError("GRANT"),
    "permanent": lambda: PermanentError("never"),
    "foreign": lambda: ValueError("secret"),
}


@pytest.fixture(name="memory")
def _memory(tmp_path: Path) -> InMemory:
    """
    Hold seven messages: four for two tables, one to drop, two dead.
    """
    memory = InMemory(
        tmp_path, connection=ConnectionSettings(send_batches_without_events=False)
    )
    with memory.forwarder() as forwarder:
        forwarder.submit(batch(*(custom("Open", each) for each in (1, 2, 3))))
        forwarder.submit(batch())
        forwarder._batcher.append([Payload(b"{", 2)], at=memory.clock.now())
        forwarder.submit(batch(custom("Close", 4)))
    return memory


def carried(memory: InMemory, wrap: Callable[[str, Any], Any]) -> list[Fact]:
    """
    Carry what waits with parts that fail, then with others, seen by one observer.
    """
    seen = MemoryObserver()
    with memory.forwarder(wrap=wrap, observer=seen) as forwarder:
        for _ in range(6):
            # A killed process has no next step, but this one stands for both.
            with suppress(Exception, Killed):
                forwarder.flush()
                break
            memory.clock.advance(timedelta(hours=2))
        for report in forwarder.parked():
            forwarder.carry_on(report.load_id)
        forwarder.flush()
    return seen.facts


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("point", POINTS, ids=lambda it: f"{it[3]}-{it[1]}-{it[2]}")
def test_facts_agree_whatever_fails(
    memory: InMemory,
    point: tuple[str, str, int, Literal["before", "after"]],
    error: str,
) -> None:
    """
    Each try has one end, each table too, and what is committed adds up.
    """
    part_name, method, nth, when = point
    fault = Fail(method=method, nth=nth, when=when, error=ERRORS[error]())
    told = carried(
        memory, lambda name, part: faulty(part, fault) if name == part_name else part
    )
    done = [fact for fact in told if isinstance(fact, LoadCommitted)]

    assert [] == problems(told)
    # A commit whose answer is lost is none that can be told.
    is_untold = (method, when) == ("commit", "after")
    assert (0 if is_untold else 7) == sum(fact.received for fact in done)
    assert "secret" not in repr(told)


def test_parked_tables_are_told_before_their_loads(memory: InMemory) -> None:
    """
    Of a load that is parked in part each table that is so is told.
    """
    fault = Fail(method="load", error=PermanentError("never"))
    told = carried(
        memory, lambda name, part: faulty(part, fault) if name == "loader" else part
    )
    kinds = [type(fact).__name__ for fact in told]

    assert "LoadParked" == kinds[kinds.index("TableParked") + 1]
    assert kinds.count("LoadParked") == kinds.count("TableParked") == 1


def replaced(facts: list[Fact], kind: type[Fact], *others: Fact) -> list[Fact]:
    """
    Put *others* in the place of the first fact of *kind*.
    """
    at = [type(fact) for fact in facts].index(kind)
    return [*facts[:at], *others, *facts[at + 1 :]]


def first(facts: list[Fact], kind: type[Any]) -> Any:
    """
    The first fact of a kind.
    """
    return next(fact for fact in facts if isinstance(fact, kind))


LIES: dict[str, Callable[[list[Fact]], list[Fact]]] = {
    "a load without an end": lambda facts: replaced(facts, LoadCommitted),
    "a load without a beginning": lambda facts: replaced(facts, known.LoadLeased),
    "a load twice": lambda facts: replaced(
        facts, known.LoadLeased, *[first(facts, known.LoadLeased)] * 2
    ),
    "a table without an end": lambda facts: replaced(facts, known.TableLoaded),
    "a table without a beginning": lambda facts: replaced(facts, known.TableBegun),
    "a table twice": lambda facts: replaced(
        facts, known.TableBegun, *[first(facts, known.TableBegun)] * 2
    ),
    "a file that was not written": lambda facts: replaced(facts, known.FileWritten),
    "the order": lambda facts: [
        facts[0],
        *replaced(
            facts[1:],
            known.LoadWritten,
        ),
        first(facts, known.LoadWritten),
    ],
    "routes after files": lambda facts: replaced(
        replaced(facts, known.LoadRouted),
        known.LoadWritten,
        first(facts, known.LoadWritten),
        first(facts, known.LoadRouted),
    ),
    "figures": lambda facts: replaced(
        facts, LoadCommitted, attrs.evolve(first(facts, LoadCommitted), loaded=99)
    ),
    "times": lambda facts: replaced(
        facts,
        LoadCommitted,
        attrs.evolve(
            first(facts, LoadCommitted),
            at=first(facts, LoadCommitted).at - timedelta(days=1),
        ),
    ),
    "a destination that is found twice": lambda facts: [
        *facts,
        known.DestinationFound(at=facts[-1].at, load_id="x", seconds=1.0),  # type: ignore[arg-type]
    ],
}


@pytest.mark.parametrize("lie", LIES)
def test_facts_that_can_not_be_are_seen(memory: InMemory, lie: str) -> None:
    """
    The examination of facts misses none of these.
    """
    told = carried(memory, lambda _, part: part)

    assert [] == problems(told)
    assert LoadParked not in map(type, told)
    assert problems(LIES[lie](told))
