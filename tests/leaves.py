"""
The leaves of a payload, and where they must be found again.

Written from the documented rules, not from the code that follows them: this
module reads JSON with its own parser and walks rows by their Arrow types.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import attrs
import pyarrow as pa

CREDENTIALS = ("api_key", "api_keys")


@attrs.frozen
class Pairs:
    """
    A JSON object with its keys as often as they were written.
    """

    pairs: tuple[tuple[str, Any], ...]


@attrs.frozen
class Leaf:
    """
    A scalar, or an empty list or object, and the way to it.
    """

    path: tuple[str | int, ...]
    value: Any


def parse(payload: bytes) -> Any:
    """
    Read JSON, keeping repeated keys and numbers too large as text.
    """
    return json.loads(
        payload,
        object_pairs_hook=lambda pairs: Pairs(tuple(pairs)),
        parse_int=lambda text: int(text) if len(text) <= 4000 else text,
        parse_float=lambda text: float(text) if math.isfinite(float(text)) else text,
    )


def plain(node: Any) -> Any:
    """
    The tree as ordinary Python values, the last of repeated keys winning.
    """
    if isinstance(node, Pairs):
        return {key: plain(value) for key, value in node.pairs}
    return [plain(item) for item in node] if isinstance(node, list) else node


def leaves_of(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[Leaf]:
    """
    Every leaf below *node*; an earlier value of a repeated key under its own name.
    """
    if isinstance(node, Pairs) and node.pairs:
        keys = [key for key, _ in node.pairs]
        for index, (key, value) in enumerate(node.pairs):
            if key in keys[index + 1 :]:
                yield from leaves_of(
                    value, (*path, _Repeated(key, keys[:index].count(key)))
                )
            else:
                yield from leaves_of(value, (*path, key))
    elif isinstance(node, list) and node:
        for index, item in enumerate(node):
            yield from leaves_of(item, (*path, index))
    else:
        yield Leaf(path, plain(node))


class _Repeated(str):
    """
    A key's step that names one of its earlier values.
    """

    __slots__ = ("number",)

    number: int

    def __new__(cls, key: str, number: int) -> _Repeated:
        """
        Name the *number*-th earlier value of *key*.
        """
        step = super().__new__(cls, key)
        step.number = number
        return step


def rows_expected(payload: bytes) -> list[list[Leaf]]:
    """
    For each row of a payload the leaves that it must hold.
    """
    batch = parse(payload)
    last_events = None
    shared = []
    for leaf in leaves_of(batch):
        is_event = leaf.path[:1] == ("events",) and not isinstance(
            leaf.path[0], _Repeated
        )
        if not is_event and leaf.path and leaf.path[0] not in CREDENTIALS:
            shared.append(leaf)
    for key, value in batch.pairs:
        if key == "events":
            last_events = value
    if not last_events:
        return [shared]
    return [
        [
            *shared,
            *(Leaf(("events", *leaf.path), leaf.value) for leaf in leaves_of(event)),
        ]
        for event in last_events
    ]


def is_found(leaf: Leaf, row: dict[str, Any], schema: pa.Schema) -> bool:
    """
    Whether *leaf* is in its column, or among the row's rescued values.
    """
    if not any(isinstance(step, _Repeated) for step in leaf.path) and _is_in_column(
        leaf, row, schema
    ):
        return True
    if leaf.value is None and any(isinstance(step, _Repeated) for step in leaf.path):
        return True  # an earlier null says nothing
    return _is_rescued(leaf, json.loads(row["_rescued_data"] or "{}"))


def _is_rescued(leaf: Leaf, rescued: dict[str, Any]) -> bool:
    pointer = ""
    candidates = [("", leaf.path)]
    for index, step in enumerate(leaf.path):
        pointer += "/" + str(step).replace("~", "~0").replace("/", "~1")
        if isinstance(step, _Repeated):
            pointer += f"~repeated/{step.number}"
        candidates.append((pointer, leaf.path[index + 1 :]))
    return any(
        name in rescued and _is_below(leaf.value, rest, rescued[name])
        for name, rest in candidates
    )


def _is_below(value: Any, rest: tuple[str | int, ...], node: Any) -> bool:
    for step in rest:
        if isinstance(step, _Repeated):
            return False
        is_member = isinstance(node, dict) and isinstance(step, str) and step in node
        is_item = isinstance(node, list) and isinstance(step, int) and step < len(node)
        if not is_member and not is_item:
            return False
        node = node[step]
    return same(node, value)


def same(left: Any, right: Any) -> bool:
    """
    Equal as JSON: a number is no boolean.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _is_in_column(leaf: Leaf, row: dict[str, Any], schema: pa.Schema) -> bool:
    name = str(leaf.path[0])
    if name == "events":
        return _is_in_event(leaf, row, schema.field("data").type)
    is_own = name in ("data", "event_type") or name.startswith("_")
    if is_own or name not in schema.names:
        return False
    if name == "user_identities":
        return _is_identity(leaf, leaf.path[1:], row[name])
    return _walk(leaf, leaf.path[1:], row[name], schema.field(name).type, row)


def _is_in_event(leaf: Leaf, row: dict[str, Any], data_type: pa.DataType) -> bool:
    rest = leaf.path[1:]
    if not rest:
        return bool(leaf.value == {})  # the row itself says that there was an event
    if rest == ("event_type",):
        return _fits(leaf.value, row["event_type"], pa.string())
    if rest[0] != "data":
        return False
    return _walk(leaf, rest[1:], row["data"], data_type, row)


def _walk(
    leaf: Leaf, rest: tuple[str | int, ...], value: Any, type_: pa.DataType, row: Any
) -> bool:
    """
    Go on from *value* by the steps that are left, as its type says.
    """
    if value is None and rest:
        return False
    if pa.types.is_struct(type_):
        return _walk_struct(leaf, rest, value, type_, row)
    if pa.types.is_map(type_):
        return _walk_map(leaf, rest, value, type_, row)
    if pa.types.is_list(type_):
        return _walk_list(leaf, rest, value, type_, row)
    if rest:
        return _is_in_json_text(leaf, rest, value)
    return _fits(leaf.value, value, type_)


def _walk_struct(
    leaf: Leaf, rest: tuple[str | int, ...], value: Any, type_: pa.DataType, row: Any
) -> bool:
    if not rest:
        return (leaf.value == {} and value is not None) or same(leaf.value, value)
    name = _renamed(rest[0], type_, row)
    if name not in [field.name for field in type_]:
        return False
    return _walk(leaf, rest[1:], value[name], type_.field(name).type, row)


def _walk_map(
    leaf: Leaf, rest: tuple[str | int, ...], value: Any, type_: pa.DataType, row: Any
) -> bool:
    entries = None if value is None else dict(value)
    if not rest:
        return same(leaf.value, entries)
    if entries is None or rest[0] not in entries:
        return False
    return _walk(leaf, rest[1:], entries[rest[0]], type_.item_type, row)


def _walk_list(
    leaf: Leaf, rest: tuple[str | int, ...], value: Any, type_: pa.DataType, row: Any
) -> bool:
    if not rest:
        return same(leaf.value, value)
    if not isinstance(rest[0], int) or rest[0] >= len(value):
        return False
    return _walk(leaf, rest[1:], value[rest[0]], type_.value_type, row)


def _is_in_json_text(leaf: Leaf, rest: tuple[str | int, ...], value: Any) -> bool:
    """
    Whether the leaf is below a list or an object that is kept as JSON text.
    """
    try:
        return _is_below(leaf.value, rest, json.loads(value))
    except (TypeError, ValueError):
        return False


def _renamed(step: str | int, type_: pa.DataType, row: Any) -> str | int:
    """
    The two members of an identity change have names of their own.
    """
    is_change = row["event_type"] == "user_identity_change"
    names = [field.name for field in type_]
    if is_change and step in ("new", "old") and f"{step}_identity" in names:
        return f"{step}_identity"
    return step


def _fits(value: Any, column: Any, type_: pa.DataType) -> bool:
    if column is None:
        return value is None or (value == "" and not pa.types.is_string(type_))
    if pa.types.is_string(type_):
        return column == value if isinstance(value, str) else _is_json_of(column, value)
    if pa.types.is_boolean(type_):
        return column is value or column is _BOOLEAN_TEXTS.get(str(value))
    return _fits_number(value, column, type_)


_BOOLEAN_TEXTS = {"true": True, "True": True, "false": False, "False": False}


def _fits_number(value: Any, column: Any, type_: pa.DataType) -> bool:
    if isinstance(value, bool) or value is None:
        return False
    if isinstance(value, str):
        value = int(value) if pa.types.is_integer(type_) else float(value)
    return bool(column == value)


def _is_json_of(text: str, value: Any) -> bool:
    try:
        return same(json.loads(text), value)
    except ValueError:
        return False


def _is_identity(leaf: Leaf, rest: tuple[str | int, ...], value: Any) -> bool:
    entries = None if value is None else dict(value)
    if not rest:
        return same(leaf.value, entries) or (leaf.value == [] and entries == {})
    if isinstance(rest[0], str):
        known = (entries or {}).get(_identity_name(rest[0]), _MISSING)
        return (
            len(rest) == 1
            and known is not _MISSING
            and _fits(leaf.value, known["identity"], pa.string())
        )
    if leaf.value is None:
        return True  # a null in the list form is no identity, or no member of one
    if len(rest) == 1:
        return False
    if rest[1] == "identity_type":
        text = leaf.value if isinstance(leaf.value, str) else json.dumps(leaf.value)
        return _identity_name(text) in (entries or {})
    types = {
        "identity": pa.string(),
        "timestamp_unixtime_ms": pa.int64(),
        "created_this_batch": pa.bool_(),
    }
    return (
        len(rest) == 2
        and rest[1] in types
        and any(
            _fits(leaf.value, entry[rest[1]], types[str(rest[1])])
            for entry in (entries or {}).values()
        )
    )


_MISSING = object()


_IDENTITY_TYPES = (
    "other",
    "customer_id",
    "facebook",
    "twitter",
    "google",
    "microsoft",
    "yahoo",
    "email",
    "alias",
    "facebook_custom_audience_id",
    "other_id_2",
    "other_id_3",
    "other_id_4",
    "other_id_5",
    "other_id_6",
    "other_id_7",
    "other_id_8",
    "other_id_9",
    "other_id_10",
    "mobile_number",
    "phone_number_2",
    "phone_number_3",
)


def _identity_name(key: str) -> str:
    known = {each.replace("_", ""): each for each in _IDENTITY_TYPES}
    return known.get(key.lower().replace("_", ""), key)
