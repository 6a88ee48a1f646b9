"""
When a kind of event is likely to reach the threshold: pure, from its days.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["likely_day", "per_day"]

# A week, so that its weekend counts once; one day alone is no habit.
_DAYS = 7
_LEAST = 2


def per_day(days: Mapping[date, int], *, today: date) -> float | None:
    """
    Messages a day, over the last whole days, seven at most.

    Args:
        days: Messages by day.
        today: The day that is not over yet.

    Returns:
        None if the kind has been there for less than two whole days.
    """
    first = min(days, default=today)
    span = min((today - first).days, _DAYS)
    if span < _LEAST:
        return None
    since = today - timedelta(days=span)
    return sum(count for day, count in days.items() if since <= day < today) / span


def likely_day(
    days: Mapping[date, int],
    rate: float,
    *,
    today: date,
    window: timedelta,
    threshold: int,
) -> date | None:
    """
    The first day on which the window holds enough, if each day brings *rate*.

    Days fall out of the window meanwhile, so a kind may never get there.

    Args:
        days: Messages by day, up to today.
        rate: Messages of each day from tomorrow on.
        today: The day that is not over yet.
        window: How far back messages count; the first day does.
        threshold: How many are enough.
    """
    for ahead in range(window.days + 2):
        day = today + timedelta(days=ahead)
        held = sum(count for each, count in days.items() if each >= day - window)
        if held + rate * min(ahead, window.days + 1) >= threshold:
            return day
    return None
