"""
What may be done again, done again while it fails in a way that passes.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

from databricks_forwarder._backoff import pause_seconds
from databricks_forwarder._databricks.fates import (
    AlreadyThereError,
    ConflictError,
    UnknownOutcomeError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.protocols import Clock

__all__ = ["repeated"]

_T = TypeVar("_T")

# Conflicts are met by chance and pass; the walk repeats what is left of them.
_TRIES = 5
_PASSING = (AlreadyThereError, ConflictError, UnknownOutcomeError)


def repeated(step: Callable[[], _T], clock: Clock) -> _T:
    """
    Do *step* again while others are in the way, or an answer was lost.

    Args:
        step: It looks anew at what is there each time, or changes nothing when
            it is repeated.
        clock: For the pauses, about 15 seconds in all.

    Raises:
        ForwarderError: The last try's.
    """
    for attempt in range(1, _TRIES):
        try:
            return step()
        except _PASSING as error:  # noqa: PERF203  # a try each
            jitter = random.random()  # noqa: S311  # no secret
            clock.wait(pause_seconds(error, attempt, jitter=jitter))
    return step()
