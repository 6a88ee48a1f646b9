"""
A clock that stands still until it is told.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

__all__ = ["FakeClock"]


class FakeClock:
    """
    A clock for tests; any thread may read it or move it.

    Args:
        start: The moment it shows first, aware.
    """

    def __init__(
        self,
        start: datetime = datetime(2026, 1, 1, tzinfo=timezone.utc),
    ) -> None:
        self._moving = threading.Lock()
        self._elapsed_seconds = 0.0
        self._waits: list[float] = []
        self.set(start)

    def __repr__(self) -> str:
        return f"FakeClock({self._now.isoformat()})"

    def now(self) -> datetime:
        """
        The moment it was set to, in UTC.
        """
        return self._now

    def set(self, moment: datetime) -> None:
        """
        Show *moment*, which may be an earlier one.

        Raises:
            ValueError: It is not aware; the clock shows what it showed.
        """
        if moment.utcoffset() is None:
            msg = f"a clock is set to an aware datetime, not to {moment.isoformat()}"
            raise ValueError(msg)
        self._now = moment.astimezone(timezone.utc)

    def advance(
        self,
        by: timedelta = timedelta(0),
        *,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> datetime:
        """
        Go on by the sum of all that is given; a negative sum goes back.

        Returns:
            The moment it shows then.
        """
        total = by + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        with self._moving:
            self._now += total
            self._elapsed_seconds += max(0.0, total.total_seconds())
            return self._now

    def monotonic(self) -> float:
        """
        Seconds that it was advanced by; it never goes back.
        """
        return self._elapsed_seconds

    def wait(self, seconds: float, /) -> None:
        """
        Go on by *seconds* at once, and keep that it was asked to.
        """
        self._waits.append(seconds)
        self.advance(seconds=seconds)

    @property
    def waits(self) -> list[float]:
        """
        The seconds of each `wait` so far, in their order.
        """
        return list(self._waits)
