"""
Where columns lie in memory.

Most columns of most tables are nothing but nulls, and share their memory. All
others are made in the system's pool: the default pool keeps giving pages back
and taking new ones that must be cleared, which took a tenth of a load's time
and a third more memory (observed with pyarrow 26.0.1).
"""

from __future__ import annotations

from functools import cache

import pyarrow as pa

__all__ = ["POOL", "filled_bytes", "nulls"]

POOL = pa.system_memory_pool()
"""For all columns that the walk makes."""


def nulls(type_: pa.DataType, length: int) -> pa.Array:
    """
    A column of nothing but nulls; all of one type share their memory.

    Most columns of most tables are of this kind.
    """
    room = 1 << max(12, (length - 1).bit_length())
    return _nulls(type_, room).slice(0, length)


@cache
def _nulls(type_: pa.DataType, length: int) -> pa.Array:
    return pa.nulls(length, type_)


def filled_bytes(array: pa.Array) -> int:
    """
    Memory that a column takes, but for what is all null.
    """
    if array.null_count == len(array):
        return 0
    if pa.types.is_struct(array.type):
        fields = range(array.type.num_fields)
        return sum(filled_bytes(array.field(index)) for index in fields)
    return int(array.nbytes)
