"""
Scripted misfortunes happen when the script says so, and once.
"""

from __future__ import annotations

import pytest

from databricks_forwarder.errors import TransientError
from databricks_forwarder.testing.faults import Fail, Killed, faulty


class Counter:
    """
    Something with an effect that can be seen.
    """

    def __init__(self) -> None:
        self.count = 0

    def add(self, number: int = 1) -> int:
        """
        Count on.
        """
        self.count += number
        return self.count

    def look(self) -> int:
        """
        Say what was counted.
        """
        return self.count


def outcome(part: Counter) -> int | str:
    """
    What a call of `add` returned, or the name of what it raised.
    """
    try:
        return part.add()
    except (TransientError, Killed) as error:
        return type(error).__name__


def outcomes(part: Counter, calls: int) -> list[int | str]:
    """
    The outcomes of several calls.
    """
    return [outcome(part) for _ in range(calls)]


def test_before_means_nothing_was_done() -> None:
    """
    The call that fails before has no effect, those around it have theirs.
    """
    part = faulty(Counter(), Fail(method="add", nth=2, error=TransientError("t")))

    assert [1, "TransientError", 2] == outcomes(part, 3)


def test_after_means_only_the_answer_is_lost() -> None:
    """
    The call that fails after has had its effect.
    """
    part = faulty(Counter(), Fail(method="add", nth=2, when="after"))

    assert [1, "Killed", 3] == outcomes(part, 3)


def test_calls_are_counted_by_method() -> None:
    """
    Calls of another method do not count.
    """
    part = faulty(Counter(), Fail(method="add", nth=2))
    part.look()
    part.look()

    assert [1, "Killed", 2] == outcomes(part, 3)


def test_several_faults_each_have_their_call() -> None:
    """
    Each fault of a script happens at its own call.
    """
    part = faulty(
        Counter(),
        Fail(method="add"),
        Fail(method="add", nth=3, error=TransientError, when="after"),
    )

    assert ["Killed", 1, "TransientError", 3] == outcomes(part, 4)


def test_without_faults_all_is_well() -> None:
    """
    An empty script changes nothing.
    """
    part = faulty(Counter())

    assert ([1, 2], 2, 2) == (outcomes(part, 2), part.look(), part.count)


def test_death_is_not_handled_as_an_error() -> None:
    """
    Code that handles every exception does not survive a death.
    """
    part = faulty(Counter(), Fail(method="look"))

    def careless() -> None:
        try:
            part.look()
        except Exception:  # noqa: BLE001 (that it is not caught is the point)
            pytest.fail("a death was handled")

    with pytest.raises(Killed):
        careless()

    assert not issubclass(Killed, Exception)
