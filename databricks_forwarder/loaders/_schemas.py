"""
How a table's schema grows: columns are added at every depth, none changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder.errors import SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from databricks_forwarder.model import TableName

__all__ = ["added", "covers", "widened"]

_LEAVES = frozenset(
    {
        pa.bool_(),
        pa.int8(),
        pa.int16(),
        pa.int32(),
        pa.int64(),
        pa.float32(),
        pa.float64(),
        pa.string(),
        pa.binary(),
        pa.date32(),
        pa.timestamp("us", "UTC"),
    }
)


def widened(held: pa.Schema, wanted: pa.Schema, table: TableName) -> pa.Schema:
    """
    The schema *held*, with the fields of *wanted* that it lacks at its end.

    Nullability is not compared, nor what Delta does not tell apart: large and
    plain text, the names of a list's element and of a map's entries. What is
    added can be null.

    Returns:
        A schema equal to *held* when nothing is to be added.

    Raises:
        SchemaError: A field of *wanted* has another type in *held*, a name
            that differs in case only, or a type that no table can have.
    """
    if held.equals(wanted):
        # As it mostly is; to go through the fields takes a thousand times longer.
        return held
    return pa.schema(_fields("", held, wanted, table))


def covers(held: pa.Schema, wanted: pa.Schema, table: TableName) -> bool:
    """
    Whether *held* has all that *wanted* has, and of the same types.
    """
    try:
        return bool(widened(held, wanted, table).equals(held))
    except SchemaError:
        return False


def added(
    held: pa.Schema, grown: pa.Schema, table: TableName
) -> Mapping[tuple[str, ...], pa.DataType]:
    """
    What *grown* has and *held* has not, for an engine that adds fields to structs.

    Args:
        held: A table's columns.
        grown: The same, `widened`.
        table: For the sentence.

    Returns:
        Path from the column down → type, in the order of *grown*.

    Raises:
        SchemaError: A field is new inside a list or a map.
    """
    return dict(_added((), held, grown, table))


def _added(
    path: tuple[str, ...],
    held: Iterable[pa.Field],
    grown: Iterable[pa.Field],
    table: TableName,
) -> Iterable[tuple[tuple[str, ...], pa.DataType]]:
    fields = {field.name: field.type for field in held}
    for field in grown:
        place = (*path, field.name)
        there = fields.get(field.name)
        if there is None:
            yield place, field.type
        elif pa.types.is_struct(there):
            yield from _added(place, there, field.type, table)
        elif there != field.type:
            msg = (
                f"column {'.'.join(place)} of table {table} lacks fields inside a list "
                "or a map, where the platform adds none; rename the table, a new one "
                "has them"
            )
            raise SchemaError(msg)


def _fields(
    path: str, held: Iterable[pa.Field], wanted: Iterable[pa.Field], table: TableName
) -> list[pa.Field]:
    fields = {field.name: field for field in held}
    spellings = {name.casefold(): name for name in fields}
    for field in wanted:
        column = f"{path}{field.name}"
        spelling = spellings.setdefault(field.name.casefold(), field.name)
        if spelling != field.name:
            msg = (
                f"column {column} of table {table} differs only in case from "
                f"{spelling}, which is there already; rename one of them"
            )
            raise SchemaError(msg)
        there = fields.get(field.name)
        if there is None:
            grown = pa.field(field.name, _plain(column, field.type, table))
        else:
            grown = there.with_type(_type(column, there.type, field.type, table))
        fields[field.name] = grown
    return list(fields.values())


def _type(
    column: str, held: pa.DataType, wanted: pa.DataType, table: TableName
) -> pa.DataType:
    types = pa.types
    if types.is_struct(held) and types.is_struct(wanted):
        return pa.struct(_fields(f"{column}.", held, wanted, table))
    if _is_list(held) and _is_list(wanted):
        element = f"{column}.element"
        grown = _type(element, held.value_type, wanted.value_type, table)
        return pa.list_(held.value_field.with_type(grown))
    if types.is_map(held) and types.is_map(wanted):
        key = _type(f"{column}.key", held.key_type, wanted.key_type, table)
        item = _type(f"{column}.value", held.item_type, wanted.item_type, table)
        return pa.map_(key, held.item_field.with_type(item))
    if _plain(column, wanted, table) != held:
        msg = (
            f"column {column} of table {table} is {_spelled(held)}, the rows have "
            f"{_spelled(wanted)}; rename the column or the table"
        )
        raise SchemaError(msg)
    return held


def _plain(column: str, wanted: pa.DataType, table: TableName) -> pa.DataType:
    # All as Delta gives it back, so that a schema equals its own reading.
    types = pa.types
    if types.is_struct(wanted):
        return pa.struct(_fields(f"{column}.", (), wanted, table))
    if _is_list(wanted):
        element = _plain(f"{column}.element", wanted.value_type, table)
        return pa.list_(pa.field("element", element))
    if types.is_map(wanted):
        key = _plain(f"{column}.key", wanted.key_type, table)
        item = _plain(f"{column}.value", wanted.item_type, table)
        return pa.map_(key, item)
    if types.is_dictionary(wanted):
        return _plain(column, wanted.value_type, table)
    leaf = {pa.large_string(): pa.string(), pa.large_binary(): pa.binary()}.get(
        wanted, wanted
    )
    if leaf not in _LEAVES:
        msg = f"column {column} of table {table} can't be {wanted}: no table has that"
        raise SchemaError(msg)
    return leaf


def _is_list(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list(type_) or pa.types.is_large_list(type_))


def _spelled(type_: pa.DataType) -> str:
    # The fields of a struct would bury the sentence.
    if pa.types.is_struct(type_):
        return "a struct"
    if _is_list(type_):
        return "a list"
    if isinstance(type_, pa.OpaqueType):
        return str(type_.type_name)
    return "a map" if pa.types.is_map(type_) else str(type_)
