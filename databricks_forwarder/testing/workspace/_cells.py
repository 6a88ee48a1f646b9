"""
The cells of a result, for wires that know fewer types than Arrow does.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from databricks_forwarder.testing.workspace._types import catalog_string, from_arrow

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["as_texts", "type_text", "type_word"]


def type_text(type_: pa.DataType) -> str:
    """
    Spell a column's type: ``bigint``, ``decimal(10,2)``, ``array<string>``.
    """
    return catalog_string(from_arrow(type_))


def type_word(type_: pa.DataType) -> str:
    """
    The first word of a type: ``bigint``, ``decimal``, ``array``.
    """
    return type_text(type_).partition("<")[0].partition("(")[0].partition("[")[0]


def as_texts(column: pa.ChunkedArray) -> list[str | None]:
    """
    The values of a column, each as text; nulls stay.

    Complex values are JSON, binary ones hexadecimal digits (as the SQL connector
    4.9.0 reads them), moments and days as in ISO 8601.
    """
    show = _shower(column.type)
    return [None if value is None else show(value) for value in column.to_pylist()]


def _shower(type_: pa.DataType) -> Callable[[Any], str]:
    if pa.types.is_nested(type_):
        return lambda value: msgspec.json.encode(_plain(value, type_)).decode()
    if pa.types.is_boolean(type_):
        return lambda value: "true" if value else "false"
    return _show


def _show(value: Any) -> str:
    if isinstance(value, datetime):
        shown = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        return shown + ("Z" if value.tzinfo else "")
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _plain(value: Any, type_: pa.DataType) -> Any:
    """
    A value with mappings for its maps, and texts for what JSON has not.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if pa.types.is_struct(type_):
        return {field.name: _plain(value[field.name], field.type) for field in type_}
    if pa.types.is_map(type_):
        return {
            str(_plain(key, type_.key_type)): _plain(item, type_.item_type)
            for key, item in value
        }
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return [_plain(item, type_.value_type) for item in value]
    return _show(value)
