"""
Figures, sizes, times and kinds as a person reads them; in UTC, whatever the locale.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, tag
from databricks_forwarder._report.charts import nice

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.model import EventKind

__all__ = [
    "amount",
    "count",
    "day",
    "kind_words",
    "moment",
    "plural",
    "size",
    "span",
    "time_axis",
    "utc_day",
]

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_UNITS = ("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)


def count(number: float) -> str:
    """
    Spell a number whole, its thousands apart.
    """
    return f"{round(number):,}"


def plural(number: int, noun: str) -> str:
    """
    Spell a number of things.
    """
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def amount(number: float) -> str:
    """
    Spell a number in few characters, for an axis.
    """
    for step, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= step:
            return f"{number / step:.3g}{letter}"
    return f"{number:.3g}"


def size(size_bytes: float) -> str:
    """
    Spell a number of bytes; a megabyte is a million.
    """
    for step, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= step:
            number = size_bytes / step
            return f"{number:.1f} {unit}" if number < 100 else f"{number:,.0f} {unit}"
    return f"{size_bytes:.0f} B"


def span(time: timedelta) -> str:
    """
    Spell a time in its two largest units; less than 10 seconds with a digit more.
    """
    seconds = time.total_seconds()
    if 0 < abs(seconds) < 10:
        return f"{seconds:.1f} s"
    left = round(abs(seconds))
    parts: list[str] = []
    for unit, length in _UNITS:
        number, left = divmod(left, length)
        if number or parts or unit == "s":
            parts.append(f"{number} {unit}" if number else "")
    sign = "-" if seconds < 0 else ""
    return sign + (" ".join(part for part in parts[:2] if part) or "0 s")


def utc_day(at: datetime) -> date:
    """
    The day in UTC of a moment.
    """
    return at.astimezone(timezone.utc).date()


def day(of: date) -> str:
    """
    Spell a day.
    """
    return f"{_WEEKDAYS[of.weekday()]} {of.day} {_MONTHS[of.month - 1]}"


def moment(at: datetime) -> Html:
    """
    Spell a moment to the minute.
    """
    at = at.astimezone(timezone.utc)
    text = f"{at:%Y-%m-%d %H:%M} UTC"
    return tag("time", text, datetime=at.isoformat(timespec="seconds"))


def kind_words(kind: EventKind) -> str:
    """
    Spell a kind of event.
    """
    type_ = (kind.event_type or "an event without a type").replace("_", " ")
    if kind.custom_event_type:
        type_ = f"{type_}, {kind.custom_event_type}"
    return f"{kind.event_name} ({type_})" if kind.event_name else type_


def time_axis(most_seconds: float) -> tuple[float, Callable[[float], str]]:
    """
    The top of an axis of times in seconds, and how its values are told.
    """
    unit, length = next(
        (each for each in _UNITS if most_seconds > 2 * each[1]), _UNITS[-1]
    )
    top = nice(most_seconds / length) * length
    return top, lambda seconds: f"{seconds / length:g} {unit}"
