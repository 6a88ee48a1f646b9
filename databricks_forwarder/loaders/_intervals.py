"""
How long, as a table's properties spell it.

Source: Delta Lake, "Table utility commands" and "Table properties", read
2026-11-26: ``interval 7 days``, and as Spark reads intervals.
"""

from __future__ import annotations

import re
from datetime import timedelta

__all__ = ["interval", "spelled"]

_PART = r"(\d+)\s+(week|day|hour|minute|second|millisecond|microsecond)s?"
_WHOLE = re.compile(rf"\s*(?:interval\s+)?{_PART}(?:\s+{_PART})*\s*", re.IGNORECASE)


def interval(text: str | None) -> timedelta | None:
    """
    Read a property; None if it is not set.

    What can't be read counts as no time at all: to be on the safe side.
    """
    if text is None:
        return None
    if not _WHOLE.fullmatch(text):
        return timedelta(0)
    total = timedelta(0)
    for number, unit in re.findall(_PART, text, re.IGNORECASE):
        total += timedelta(**{f"{unit.lower()}s": int(number)})
    return total


def spelled(how_long: timedelta) -> str:
    """
    Spell whole days as a property.
    """
    return f"interval {how_long.days} days"
