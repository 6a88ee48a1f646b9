"""
Sessions that lie idle until a thread needs one.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from databricks_forwarder._side_threads import are_over, begun

if TYPE_CHECKING:
    from databricks_forwarder._databricks._session import Session
    from databricks_forwarder.protocols import Clock

__all__ = ["IdleSessions"]

# A session that lies idle for longer is not used again: the platform may have
# forgotten it, a firewall the connection, and a new one costs one call.
_IDLE_SECONDS = 300.0


class IdleSessions:
    """
    Open sessions that no thread is using, the latest first; many threads may call.

    Args:
        clock: Tells for how long they lie.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._idle: deque[tuple[Session, float]] = deque()

    def borrowed(self) -> Session | None:
        """
        Take one that can still be used; those that can't are dropped.
        """
        with suppress(IndexError):
            while True:
                session, idle_from = self._idle.pop()
                idle_seconds = self._clock.monotonic() - idle_from
                if idle_seconds < _IDLE_SECONDS and not session.is_inherited:
                    return session
                session.drop()
        return None

    def keep(self, session: Session) -> None:
        """
        Have *session* lie here from now on.
        """
        self._idle.append((session, self._clock.monotonic()))

    def drop(self) -> None:
        """
        Drop all of them, without a word to the platform.
        """
        with suppress(IndexError):
            while True:
                self._idle.pop()[0].drop()

    def close(self, seconds: float) -> None:
        """
        Close all of them; wait that long for it at most.
        """
        closing = []
        with suppress(IndexError):
            while True:
                closing.append(begun(self._idle.pop()[0].close))
        are_over(closing, seconds)
