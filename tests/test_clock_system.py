"""
The system's clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from databricks_forwarder._clock import SystemClock


def test_the_system_s_clock_tells_utc() -> None:
    """
    The moment is this machine's, aware, in UTC.
    """
    before = datetime.now(timezone.utc)
    now = SystemClock().now()
    after = datetime.now(timezone.utc)

    assert timedelta(0) == now.utcoffset()
    assert before <= now <= after


def test_the_system_s_clock_waits() -> None:
    """
    After a wait at least so many seconds are over.
    """
    clock = SystemClock()
    before = clock.monotonic()
    clock.wait(0.01)

    assert clock.monotonic() - before >= 0.01
