"""
What may be done again is done again, for a while.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from databricks_forwarder._databricks.fates import (
    AlreadyThereError,
    ConflictError,
    MissingTableError,
    UnknownOutcomeError,
)
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder.errors import TransientError
from databricks_forwarder.testing.clock import FakeClock


def failing(*errors: Exception) -> Callable[[], str]:
    """
    Make a step that fails so often, and then does not.
    """
    left = list(errors)

    def step() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return step


def test_what_passes_is_waited_for(clock: FakeClock) -> None:
    """
    A conflict, a lost answer and what is there already are tried again.
    """
    step = failing(ConflictError("x"), UnknownOutcomeError("x"), AlreadyThereError("x"))

    assert ("done", 3) == (repeated(step, clock), len(clock.waits))


def test_the_fifth_failure_is_the_last(clock: FakeClock) -> None:
    """
    After five tries, with pauses that grow between them, the error comes out.
    """
    with pytest.raises(ConflictError):
        repeated(failing(*[ConflictError("x")] * 5), clock)

    assert 4 == len(clock.waits)
    assert 7.5 <= sum(clock.waits) <= 15


@pytest.mark.parametrize("error", [MissingTableError("x"), TransientError("x")])
def test_other_errors_come_out_at_once(clock: FakeClock, error: Exception) -> None:
    """
    What no repeat mends is the caller's.
    """
    with pytest.raises(type(error)):
        repeated(failing(error), clock)

    assert [] == clock.waits
