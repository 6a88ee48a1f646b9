"""
A row of a SQLite file, taken apart.

Source: SQLite, "Database File Format", section 2.1, read 2026-11-25.
"""

from __future__ import annotations

import struct
from typing import Any

__all__ = ["BrokenError", "values_of", "varint"]

_INT_SIZES = (0, 1, 2, 3, 4, 6, 8)


class BrokenError(Exception):
    """
    What stands there can't be what was written.
    """


def varint(page: bytes, at: int) -> tuple[int, int]:
    """
    Read a number, and tell where it ends.
    """
    value = 0
    for count in range(8):
        byte = page[at + count]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    value = value << 8 | page[at + 8]
    return value - (1 << 64 if value >> 63 else 0), at + 9


def values_of(content: bytes) -> tuple[Any, ...]:
    """
    Take a row apart into its columns.
    """
    header_size, at = varint(content, 0)
    kinds = []
    while at < header_size:
        kind, at = varint(content, at)
        kinds.append(kind)
    if at != header_size:
        raise BrokenError
    values = []
    for kind in kinds:
        size = _size_of(kind)
        values.append(_value(kind, content[at : at + size]))
        at += size
    return tuple(values)


def _size_of(kind: int) -> int:
    if kind < 0 or kind in {10, 11}:
        raise BrokenError
    if kind >= 12:
        return (kind - 12) // 2
    return 8 if kind == 7 else _INT_SIZES[kind] if kind < 7 else 0


def _value(kind: int, stored: bytes) -> object:
    if kind >= 12:
        return stored.decode(errors="replace") if kind % 2 else stored
    if kind == 0:
        return None
    if kind in {8, 9}:
        return kind - 8
    if len(stored) != _size_of(kind):
        raise BrokenError
    if kind == 7:
        return struct.unpack(">d", stored)[0]
    return int.from_bytes(stored, "big", signed=True)
