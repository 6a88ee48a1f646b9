"""
Leaving a step in time when the interpreter ends.

Until version 3.14 CPython ends the threads that are left by taking their stacks
down, engines' frames included, which those don't survive: with deltalake 1.6.6
on 3.11 four in ten processes that ended in the middle of a load crashed. So a
step is left where it next looks at the clock, between two calls of an engine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime

    from databricks_forwarder.protocols import Clock

__all__ = ["Leaving", "StepClock"]

# Longer than an engine takes for one call, much shorter than one that is stuck:
# such a one never comes back, so that it can't do harm.
_GRACE_SECONDS = 5.0


class Leaving:
    """
    Whether the interpreter ends, and who steps is to leave.

    Args:
        turn: Held by who steps.

    Attributes:
        is_due: Whether it ends.
    """

    def __init__(self, turn: threading.Lock) -> None:
        self.is_due = False
        self._turn = turn
        self._process_id = os.getpid()

    def await_step(self) -> None:
        """
        Have the step that runs be left, and wait for that, but not for long.
        """
        # In a forked child the turn may be with a thread of its parent's.
        if os.getpid() != self._process_id:
            return
        self.is_due = True
        if self._turn.acquire(timeout=_GRACE_SECONDS):
            self._turn.release()


class StepClock:
    """
    The clock that a step looks at.

    Args:
        clock: Tells the time.
        leave: Raises if the step is to be left.
    """

    def __init__(self, clock: Clock, leave: Callable[[], None]) -> None:
        self._clock = clock
        self._leave = leave

    def now(self) -> datetime:
        """
        This moment, if the step may go on.
        """
        self._leave()
        return self._clock.now()

    def monotonic(self) -> float:
        """
        As the other clock has it.
        """
        return self._clock.monotonic()

    def wait(self, seconds: float, /) -> None:
        """
        Wait as the other clock does.
        """
        self._clock.wait(seconds)
