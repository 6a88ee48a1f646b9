"""
What a failed step leads to: pure, from the error and the attempt.
"""

from __future__ import annotations

from databricks_forwarder.errors import (
    BatcherError,
    ForwarderError,
    PermanentError,
    SetupError,
    TransientError,
)

__all__ = [
    "MAX_TABLE_ATTEMPTS",
    "gives_up",
    "is_foreseen",
    "pause_seconds",
    "sentence",
    "table_gives_up",
]

MAX_ATTEMPTS = 5
"""
Tries of a load whose step breaks in a way that no class foresees, or whose
router raises; the four pauses between them come to about ten seconds.
"""

MAX_TABLE_ATTEMPTS = 10
"""
Tries of a table that fails while others of its load get through; the nine
pauses between them come to about five minutes.
"""


def is_foreseen(error: Exception) -> bool:
    """
    Whether a load that failed so is tried for ever.

    It may pass by itself, or when a person acts: the destination may be away
    for days.
    """
    return isinstance(error, (TransientError, SetupError, BatcherError))


def gives_up(error: Exception, failures: int) -> bool:
    """
    Whether a load that failed so, for the *failures*-th time, is parked.
    """
    if is_foreseen(error):
        return False
    return isinstance(error, PermanentError) or failures >= MAX_ATTEMPTS


def table_gives_up(error: Exception, failures: int, *, others_load: bool) -> bool:
    """
    Whether one table of a load is parked so that the load can go on.

    What a person must mend is tried for ever, as for a whole load.

    Args:
        error: What the table failed with.
        failures: How often it has failed; starts at 1.
        others_load: Whether another table of the load got through at the same
            try: the destination is there.
    """
    if isinstance(error, PermanentError):
        return True
    if isinstance(error, SetupError):
        return False
    return others_load and failures >= MAX_TABLE_ATTEMPTS


def pause_seconds(error: Exception, failures: int, *, jitter: float) -> float:
    """
    How long to wait after the *failures*-th failure in a row.

    Args:
        error: The last failure; what a person must mend is tried rarely.
        failures: Starts at 1.
        jitter: From 0 to 1; the pause is between half of its full length and
            all of it.
    """
    first, most = (30.0, 600.0) if isinstance(error, SetupError) else (1.0, 120.0)
    full = min(most, first * 2.0 ** min(failures - 1, 16))
    return full * (0.5 + jitter / 2)


def sentence(error: BaseException) -> str:
    """
    What is told of an error in reports, in the status and in the log.

    Of an error that is not this library's the class alone: its text may hold
    a host's data.
    """
    return str(error) if isinstance(error, ForwarderError) else type(error).__name__
