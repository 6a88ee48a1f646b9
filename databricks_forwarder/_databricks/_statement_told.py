"""
What is told of a statement to who listens.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from databricks_forwarder._listening import listener

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder._databricks._session import Session
    from databricks_forwarder.protocols import Clock

__all__ = ["operation", "statement_told"]


def operation(sql: str) -> str:
    """
    What a statement does, in its first words, without the remark before it.
    """
    first, second, *_ = sql.split("*/\n", 1)[-1].split(maxsplit=2)
    return first if first == "SELECT" else f"{first} {second}"


@contextmanager
def statement_told(sql: str, session: Session, clock: Clock) -> Iterator[None]:
    """
    Tell of the statement that runs over *session* in the block, at its end.
    """
    hears = listener()
    if hears is None:
        yield
        return
    begun = clock.monotonic()
    error: BaseException | None = None
    try:
        yield
    except BaseException as raised:
        error = raised
        raise
    finally:
        seconds = clock.monotonic() - begun
        hears.statement_ran(operation(sql), session.statement_id, seconds, error)
        del error
