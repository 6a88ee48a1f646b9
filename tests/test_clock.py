"""
The clock for tests stands still until it is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from databricks_forwarder.testing.clock import FakeClock

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def test_clock_stands_still() -> None:
    """
    Asked twice, it says the same.
    """
    clock = FakeClock()

    assert (START, START) == (clock.now(), clock.now())


def test_advance_adds_all_that_is_given() -> None:
    """
    A duration and single units are summed.
    """
    clock = FakeClock()
    moment = clock.advance(
        timedelta(days=1), days=1, hours=2, minutes=3, seconds=4.000005
    )

    assert (datetime(2026, 1, 3, 2, 3, 4, 5, timezone.utc), moment) == (
        moment,
        clock.now(),
    )


def test_clock_can_go_backwards() -> None:
    """
    It can be set, or advanced, to an earlier moment.
    """
    clock = FakeClock()
    earlier = clock.advance(seconds=-1)
    clock.set(START - timedelta(days=1))

    assert (START - timedelta(seconds=1), START - timedelta(days=1)) == (
        earlier,
        clock.now(),
    )


def test_clock_shows_utc() -> None:
    """
    A moment in another zone is shown in UTC.
    """
    zone = timezone(timedelta(hours=2))
    clock = FakeClock(datetime(2026, 1, 1, 2, tzinfo=zone))

    assert "FakeClock(2026-01-01T00:00:00+00:00)" == repr(clock)


def test_naive_moment_is_refused() -> None:
    """
    A moment without a zone is no moment; the clock stays where it was.
    """
    clock = FakeClock()
    with pytest.raises(ValueError, match="aware"):
        clock.set(datetime(2025, 1, 1))  # noqa: DTZ001 (that is what is refused)

    assert START == clock.now()


def test_a_wait_is_over_at_once() -> None:
    """
    Waiting moves the clock on by what was waited, and is on record.
    """
    clock = FakeClock()
    clock.wait(240.0)
    clock.wait(0.5)

    assert (START + timedelta(seconds=240.5), 240.5, [240.0, 0.5]) == (
        clock.now(),
        clock.monotonic(),
        clock.waits,
    )


def test_monotonic_seconds_never_go_back() -> None:
    """
    A clock that is set back still counts on from where it was.
    """
    clock = FakeClock()
    clock.advance(seconds=5)
    clock.advance(seconds=-3)
    clock.set(START)

    assert 5.0 == clock.monotonic()
