"""
The system's clock: the only place that asks what time it is.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

__all__ = ["SystemClock"]


class SystemClock:
    """
    The time of this machine.
    """

    def now(self) -> datetime:
        """
        This moment, aware, in UTC.
        """
        return datetime.now(timezone.utc)

    def monotonic(self) -> float:
        """
        Seconds since some moment; they never go back.
        """
        return time.monotonic()

    def wait(self, seconds: float, /) -> None:
        """
        Sleep.
        """
        time.sleep(seconds)
