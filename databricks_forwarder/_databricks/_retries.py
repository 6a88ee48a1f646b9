"""
Doing a call again while the platform is too busy for it.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

from databricks_forwarder._backoff import pause_seconds
from databricks_forwarder._databricks.fates import BusyError
from databricks_forwarder.errors import TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.protocols import Clock

__all__ = ["retried"]

_T = TypeVar("_T")

_TRIES = 5

# The walk repeats for ever; a call ends while someone may still be watching.
_MOST_SECONDS = 60.0


def retried(attempt: Callable[[], _T], clock: Clock) -> _T:
    """
    Make *attempt* until it is not refused for now, five times at most.

    The pauses grow, are jittered, and are never shorter than what the platform
    asked for, where that is told: over REST. What would go on for longer than a
    minute is given up.

    Raises:
        TransientError: What the last refusal said; nobody tries that again at
            once.
    """
    begun = clock.monotonic()
    failures = 0
    while True:
        try:
            return attempt()
        except BusyError as error:
            last, failures = error, failures + 1
        jitter = random.random()  # noqa: S311  # spreads retries, guards nothing
        pause = max(
            last.retry_after_seconds, pause_seconds(last, failures, jitter=jitter)
        )
        ends = clock.monotonic() - begun + pause
        if failures == _TRIES or ends > _MOST_SECONDS:
            raise TransientError(str(last)) from last.__cause__
        clock.wait(pause)
