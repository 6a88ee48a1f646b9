"""
JSON values → column values, exactly or not at all.

Each function takes a decoded JSON value and returns the column's value, None
for a null, or `UNFIT` when the value does not convert exactly.
"""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "COERCIONS",
    "UNFIT",
    "as_boolean",
    "as_integer",
    "as_number",
    "as_plain_text",
    "as_text",
    "is_unicode",
]


class _Unfit(Enum):
    """
    Strictly private.
    """

    UNFIT = "unfit"


UNFIT: Final = _Unfit.UNFIT
"""Said of a value that does not convert exactly: rescue it."""

_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?", re.ASCII)
_BOOLEANS = {"true": True, "True": True, "false": False, "False": False, "": None}


def as_text(value: Any) -> Any:
    """
    Text as it is; numbers, booleans, lists and objects as JSON.

    A text with half a surrogate pair is no Unicode text, and unfit.
    """
    if isinstance(value, str):
        return value if is_unicode(value) else UNFIT
    if value is None:
        return None
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def is_unicode(text: str) -> bool:
    """
    Whether *text* holds no half surrogate pair, and so has a UTF-8 form.
    """
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_plain_text(value: Any) -> Any:
    """
    A scalar as text; a list or an object is unfit.
    """
    return UNFIT if isinstance(value, (dict, list)) else as_text(value)


def as_integer(value: Any) -> Any:
    """
    An integer of 64 bits, from a number without a fraction or from digits.

    ``""`` is null. A number written with a fraction or an exponent is a
    double; from 2**53 on a double may stand for several integers: unfit.
    """
    if type(value) is int:
        return value if -(2**63) <= value < 2**63 else UNFIT
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return as_integer(int(value))
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return None if value is None or value == "" else UNFIT


def as_number(value: Any) -> Any:
    """
    The double nearest to a number, or to text that is one; ``""`` is null.

    An integer that no double holds exactly is unfit.
    """
    if isinstance(value, float):
        return value
    if type(value) is int:
        return float(value) if abs(value) < 2**1000 and float(value) == value else UNFIT
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        number = float(value)
        return number if abs(number) != float("inf") else UNFIT
    return None if value is None or value == "" else UNFIT


def as_boolean(value: Any) -> Any:
    """
    A boolean, also as text; ``""`` is null.
    """
    if value is None or isinstance(value, bool):
        return value
    return _BOOLEANS.get(value, UNFIT) if isinstance(value, str) else UNFIT


COERCIONS: dict[str, Callable[[Any], Any]] = {
    "string": as_plain_text,
    "int64": as_integer,
    "double": as_number,
    "bool": as_boolean,
    "json": as_text,
}
"""Leaf type → its conversion."""
