"""
Python values → Arrow columns: types and arrays, derived from the batch classes.

A column is built at once from all its values. Only a column with a value that
does not belong in it is built value by value; what does not convert exactly
is null there, and is reported as rescued.
"""

from __future__ import annotations

from functools import cache, cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from databricks_forwarder._gathered import Gathered
from databricks_forwarder._identities import identities_by_name
from databricks_forwarder._memory import POOL, nulls
from databricks_forwarder.mparticle.batch import identity_name
from databricks_forwarder.mparticle.coerce import COERCIONS, UNFIT
from databricks_forwarder.mparticle.decoded import escaped
from databricks_forwarder.mparticle.shapes import (
    Entries,
    Identities,
    Items,
    Leaf,
    Object,
    Shape,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Rescue = Callable[[int, str, Any], None]
    """Told of a rescued value: index of the row, pointer below it, value."""

__all__ = ["arrow_type", "build", "spread"]

_LEAF_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "json": pa.string(),
}

# Arrow refuses what is no text for a text column and what is no boolean for a
# boolean one. For numbers it takes a boolean, and cuts off the fraction of a
# float for an integer column (observed with pyarrow 26.0.1): there the types
# are looked at first.
_FITTING: Mapping[str, frozenset[type]] = {
    "int64": frozenset({int, type(None)}),
    "double": frozenset({float, int, type(None)}),
}


@cache
def arrow_type(shape: Shape) -> pa.DataType:
    """
    The Arrow type of a shape's column; everything in it may be null.
    """
    if isinstance(shape, Leaf):
        return _LEAF_TYPES[shape.type]
    if isinstance(shape, Items):
        return pa.list_(arrow_type(shape.item))
    if isinstance(shape, (Entries, Identities)):
        return pa.map_(pa.string(), arrow_type(shape.value))
    return pa.struct([(each.name, arrow_type(each.shape)) for each in shape.fields])


def spread(array: pa.Array, rows: pa.Array) -> pa.Array:
    """
    Take *rows* of a column: indexes, null for a null.

    What is all null is not taken but made anew, which costs nothing.
    """
    if array.null_count == len(array):
        return nulls(array.type, len(rows))
    if not pa.types.is_struct(array.type):
        return pc.take(array, rows, boundscheck=False, memory_pool=POOL)
    fields = list(array.type)
    children = [spread(array.field(index), rows) for index in range(len(fields))]
    if array.null_count == 0 and rows.null_count == 0:
        return pa.StructArray.from_arrays(children, fields=fields)
    mask = array.is_null().take(rows).fill_null(True)
    return pa.StructArray.from_arrays(children, fields=fields, mask=mask)


def build(shape: Shape, values: Any, rescue: Rescue) -> pa.Array:
    """
    Build the column of *values*, one row each.

    Args:
        shape: What the values are.
        values: A sequence of them as decoded: scalars, lists, dicts, objects
            of the batch classes, None. Of objects also what was gathered.
        rescue: Is told each value that is null in the column because it does
            not convert exactly.
    """
    if isinstance(shape, Leaf):
        return _leaf(shape.type, values, rescue)
    if isinstance(shape, Object):
        is_gathered = isinstance(values, Gathered)
        return _object(values if is_gathered else Gathered.of(shape, values), rescue)
    if isinstance(shape, Items):
        return _items(shape, values, rescue)
    if isinstance(shape, Entries):
        return _entries(shape, values, rescue)
    return _identities(shape, values, rescue)


def _is_empty(values: Sequence[Any]) -> bool:
    """
    Whether all values are None; most columns are, so it is asked quickly.
    """
    return not any(values) and values.count(None) == len(values)


def _leaf(leaf_type: str, values: Sequence[Any], rescue: Rescue) -> pa.Array:
    if _is_empty(values):
        return nulls(_LEAF_TYPES[leaf_type], len(values))
    fitting = _FITTING.get(leaf_type)
    if fitting is None or fitting.issuperset(map(type, values)):
        try:
            return pa.array(values, _LEAF_TYPES[leaf_type], memory_pool=POOL)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
            pass
    return _leaf_by_value(leaf_type, values, rescue)


def _leaf_by_value(leaf_type: str, values: Sequence[Any], rescue: Rescue) -> pa.Array:
    coerce = COERCIONS[leaf_type]
    coerced = [coerce(value) for value in values]
    for index, value in enumerate(coerced):
        if value is UNFIT:
            coerced[index] = None
            rescue(index, "", values[index])
    return pa.array(coerced, _LEAF_TYPES[leaf_type], memory_pool=POOL)


def _object(gathered: Gathered, rescue: Rescue) -> pa.Array:
    shape, rows, length = gathered.shape, gathered.rows, gathered.length
    if not rows:
        return nulls(arrow_type(shape), length)
    arrays = [
        build(each.shape, column, _below(rescue, rows, f"/{escaped(each.json_name)}"))
        for each, column in zip(shape.fields, gathered.columns, strict=True)
    ]
    struct = pa.StructArray.from_arrays(arrays, fields=list(arrow_type(shape)))
    return struct if len(rows) == length else spread(struct, _indexes(rows, length))


def _indexes(rows: Sequence[int], length: int) -> pa.Array:
    """
    For each of *length* places the index in *rows* that names it, or null.
    """
    indexes: list[int | None] = [None] * length
    for index, row in enumerate(rows):
        indexes[row] = index
    return pa.array(indexes, pa.int32())


def _below(rescue: Rescue, rows: Sequence[int], pointer: str) -> Rescue:
    return lambda index, rest, value: rescue(rows[index], pointer + rest, value)


def _items(shape: Items, values: Sequence[Any], rescue: Rescue) -> pa.Array:
    if _is_empty(values):
        return nulls(arrow_type(shape), len(values))
    places = _Places(values)

    def rescue_item(place: int, rest: str, value: Any) -> None:
        row, index = places[place]
        rescue(row, f"/{index}{rest}", value)

    flat = list(chain.from_iterable(filter(None, values)))
    items = build(shape.item, flat, rescue_item)
    return pa.ListArray.from_arrays(_offsets(values), items, type=arrow_type(shape))


def _entries(shape: Entries, values: Sequence[Any], rescue: Rescue) -> pa.Array:
    if _is_empty(values):
        return nulls(arrow_type(shape), len(values))
    maps = list(filter(None, values))
    keys = list(chain.from_iterable(maps))
    places = _Places(values)

    def rescue_entry(place: int, rest: str, value: Any) -> None:
        rescue(places[place][0], f"/{escaped(keys[place])}{rest}", value)

    flat = list(chain.from_iterable(map(dict.values, maps)))
    items = build(shape.value, flat, rescue_entry)
    return pa.MapArray.from_arrays(
        _offsets(values), pa.array(keys, pa.string(), memory_pool=POOL), items
    )


class _Places:
    """
    Row and index of each item of a list of lists, found when first asked.
    """

    def __init__(self, values: Sequence[Any]) -> None:
        self._values = values

    @cached_property
    def _all(self) -> list[tuple[int, int]]:
        return [
            (row, index)
            for row, value in enumerate(self._values)
            if value
            for index in range(len(value))
        ]

    def __getitem__(self, place: int) -> tuple[int, int]:
        return self._all[place]


def _offsets(values: Sequence[Any]) -> pa.Array:
    """
    Where each row's items begin; null for a row that is null itself.
    """
    offsets: list[int | None] = []
    total = 0
    for value in values:
        if value is None:
            offsets.append(None)
        else:
            offsets.append(total)
            total += len(value)
    offsets.append(total)
    return pa.array(offsets, pa.int32())


def _identities(shape: Identities, values: Sequence[Any], rescue: Rescue) -> pa.Array:
    """
    Build the map from identity type to identity from both forms of the JSON.
    """
    if _is_empty(values):
        return nulls(arrow_type(shape), len(values))
    plain = _plain_identities(shape, values, rescue)
    return _mixed_identities(shape, values, rescue) if plain is None else plain


def _plain_identities(
    shape: Identities, values: Sequence[Any], rescue: Rescue
) -> pa.Array | None:
    """
    Build the map if all have the object form and no two names of one are one.
    """
    if not {dict, type(None)}.issuperset(map(type, values)):
        return None
    keys: list[str] = []
    for value in filter(None, values):
        names = list(map(identity_name, value))
        if len(set(names)) < len(names):
            return None
        keys += names
    places = _Places([list(value or ()) for value in values])

    def rescue_identity(place: int, rest: str, value: Any) -> None:
        row, index = places[place]
        rescue(row, f"/{escaped(list(values[row])[index])}{rest}", value)

    flat = list(chain.from_iterable(map(dict.values, filter(None, values))))
    texts = build(shape.value.fields[0].shape, flat, rescue_identity)
    others = [
        nulls(arrow_type(each.shape), len(flat)) for each in shape.value.fields[1:]
    ]
    items = pa.StructArray.from_arrays(
        [texts, *others], fields=list(arrow_type(shape.value))
    )
    names = pa.array(keys, pa.string(), memory_pool=POOL)
    return pa.MapArray.from_arrays(_offsets(values), names, items)


def _mixed_identities(
    shape: Identities, values: Sequence[Any], rescue: Rescue
) -> pa.Array:
    rows = [
        None if value is None else identities_by_name(value, _below(rescue, [row], ""))
        for row, value in enumerate(values)
    ]
    named = [row for row in rows if row]
    entries = list(chain.from_iterable(map(dict.values, named)))
    keys = pa.array(list(chain.from_iterable(named)), pa.string())
    places = _Places(rows)

    def rescue_member(place: int, rest: str, value: Any) -> None:
        entry = entries[place]
        pointer = entry.pointer + (rest if entry.is_object else "")
        rescue(places[place][0], pointer, value)

    items = build(shape.value, [entry.identity for entry in entries], rescue_member)
    return pa.MapArray.from_arrays(_offsets(rows), keys, items)
