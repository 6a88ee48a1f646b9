"""
What is heard of an engine while a call of the walk uses it.

A loader's engine, and shared counts, run statements and wait, behind protocols
that know of neither. Who carries a load listens in the thread that calls; what
runs there, or in threads begun from there, finds the listener, if there is one.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Listener", "listener", "listening"]


class Listener(Protocol):
    """
    Takes in what engines do.
    """

    def statement_ran(
        self,
        operation: str,
        statement_id: str | None,
        seconds: float,
        error: BaseException | None,
    ) -> None:
        """
        A statement came to its end.
        """

    def awaited(self, message: str) -> None:
        """
        An engine is starting and is waited for; *message* tells how it stands.
        """

    def started(self, seconds: float) -> None:
        """
        An engine that was waited for runs.
        """


_LISTENER: ContextVar[Listener | None] = ContextVar(
    "databricks_forwarder_listener", default=None
)


def listener() -> Listener | None:
    """
    Who listens in this thread, or in the one that began it.
    """
    return _LISTENER.get()


@contextmanager
def listening(to_whom: Listener) -> Iterator[None]:
    """
    Have *to_whom* hear what this thread has engines do.
    """
    token = _LISTENER.set(to_whom)
    try:
        yield
    finally:
        _LISTENER.reset(token)
