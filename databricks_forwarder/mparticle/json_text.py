"""
JSON text → Python values; keys that repeat are kept beside their object.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from databricks_forwarder.errors import DecodeError

__all__ = ["Repeating", "parse_json"]


class Repeating(dict[str, Any]):
    """
    An object in which a key came more than once.

    Attributes:
        repeats: The pairs of such keys that came before the last of theirs.
    """

    repeats: list[tuple[str, Any]]


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    repeating = Repeating(plain)
    last = {key: index for index, (key, _) in enumerate(pairs)}
    repeating.repeats = [
        pair for index, pair in enumerate(pairs) if last[pair[0]] != index
    ]
    return repeating


def _parse_float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _parse_int(text: str) -> int | str:
    # Python refuses to convert more digits than this by default, as a guard
    # against quadratic time; no column holds more than 19.
    return int(text) if len(text) <= 4000 else text


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise DecodeError(msg)


_parser = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_float=_parse_float,
    parse_int=_parse_int,
    parse_constant=_refuse_constant,
)


def parse_json(payload: bytes) -> Any:
    """
    Read any JSON text; a number that no double can hold comes as text.

    Raises:
        DecodeError: It is no JSON, or nested deeper than can be read.
    """
    try:
        return _parser.decode(payload.decode())
    except UnicodeDecodeError as error:
        msg = f"not UTF-8 at byte {error.start}"
        raise DecodeError(msg) from None
    except json.JSONDecodeError as error:
        msg = f"not JSON: {error.msg} at character {error.pos}"
        raise DecodeError(msg) from None
    except RecursionError:
        msg = "nested deeper than can be read"
        raise DecodeError(msg) from None
