"""
Hypothesis strategies for payloads, the odd ones included.

Payloads are drawn from the batch classes, so a new field is drawn without a
word here, and written as JSON text by a writer of its own: repeated keys, odd
white space, escapes and numbers that no Python value has are all possible.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
from hypothesis import strategies as st

from databricks_forwarder.mparticle.batch import (
    BODIES,
    IDENTITY_TYPES,
    Batch,
    UserIdentity,
    body_of,
)
from databricks_forwarder.mparticle.shapes import (
    Entries,
    Identities,
    Items,
    Leaf,
    Object,
    Shape,
    object_shape,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Members", "Number", "json_texts", "odd_payloads", "payloads"]


@attrs.frozen
class Members:
    """
    A JSON object as it is written: a key may come more than once.
    """

    pairs: Sequence[tuple[str, Any]]


@attrs.frozen
class Number:
    """
    A JSON number as it is written.
    """

    text: str


_NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
).map(Number)
_ODD_NUMBERS = st.sampled_from(
    [
        *("1e400", "-1e400", "1E2", "1.0", "-0", "-0.0", "1e-400", "0.1e1"),
        *(str(2**53 + 1), str(2**63), str(-(2**63) - 1), str(2**64), "9" * 5000),
    ]
).map(Number)
_ODD_TEXTS = st.one_of(
    st.sampled_from(
        [
            *("", " ", "true", "True", "FALSE", "null", "12", "-7", "007", "+1", "1_0"),
            *("1.5", "1e3", "NaN", "Infinity", "٣", "x\x00y", "\ud800", "a\udfffb"),
            *('":null', '": null', "a:b", '\\":', "\U0001f600", "é", "e\u0301"),
            str(2**63),
            str(-(2**63)),
        ]
    ),
    st.text(st.characters(codec=None), max_size=8),
)
_KEYS = st.one_of(
    st.sampled_from(
        ["a/b", "~", "~0", "", "with space", "a.b", "$Age", "event", "\ud800"]
    ),
    st.text(max_size=6),
)


def _anything() -> st.SearchStrategy[Any]:
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        _NUMBERS,
        _ODD_NUMBERS,
        _ODD_TEXTS,
        st.text(max_size=8),
    )
    return st.recursive(
        scalars,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.lists(st.tuples(_KEYS, inner), max_size=3).map(Members),
        ),
        max_leaves=6,
    )


_ANYTHING = _anything()
_ONE_IN_TWELVE = st.integers(0, 11)
_FEW = st.sampled_from([0, 0, 0, 1, 2])
_MOSTLY = st.sampled_from([True, True, False])

_FITTING: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=12),
    "int64": st.integers(-(2**63), 2**63 - 1).map(str).map(Number),
    "double": st.floats(allow_nan=False, allow_infinity=False).map(repr).map(Number),
    "bool": st.booleans(),
    "json": st.text(max_size=12),
}


@cache
def _fitting(shape: Shape) -> st.SearchStrategy[Any]:
    """
    Values that a shape's column takes as they are, and null.
    """
    if isinstance(shape, Leaf):
        return st.one_of(st.none(), _FITTING[shape.type])
    if isinstance(shape, Items):
        return st.one_of(
            st.none(), st.lists(st.deferred(lambda: _fitting(shape.item)), max_size=3)
        )
    if isinstance(shape, Entries):
        return st.one_of(st.none(), _entries(shape, st.text(max_size=8)))
    if isinstance(shape, Identities):
        return st.one_of(st.none(), _identities())
    return st.one_of(st.none(), _object(shape))


def _entries(
    shape: Entries, keys: st.SearchStrategy[str]
) -> st.SearchStrategy[Members]:
    value = st.deferred(lambda: _fitting(shape.value))
    return st.dictionaries(keys, value, max_size=3).map(
        lambda entries: Members(list(entries.items()))
    )


def _identities() -> st.SearchStrategy[Any]:
    inbound = st.dictionaries(
        st.sampled_from(IDENTITY_TYPES), st.text(max_size=8), max_size=4
    ).map(lambda entries: Members(list(entries.items())))
    outbound = st.lists(
        _object(object_shape(UserIdentity)),
        max_size=4,
    )
    return st.one_of(inbound, outbound)


@cache
def _object(shape: Object) -> st.SearchStrategy[Members]:
    return _some_members(shape)


@st.composite
def _some_members(draw: st.DrawFn, shape: Object) -> Members:
    fields = draw(st.lists(st.sampled_from(shape.fields), unique=True, max_size=5))
    return Members([(each.json_name, draw(_fitting(each.shape))) for each in fields])


@st.composite
def _event(draw: st.DrawFn) -> Members:
    event_type = draw(_EVENT_TYPES)
    data = draw(_object(object_shape(body_of(event_type))))
    return Members([("data", data), ("event_type", event_type)])


@st.composite
def _batch(draw: st.DrawFn) -> Members:
    batch = draw(_object(object_shape(Batch)))
    return Members([*batch.pairs, ("events", draw(_EVENTS))])


_EVENT_TYPES = st.sampled_from([*BODIES, "never_heard_of"])
_EVENTS = st.one_of(st.none(), st.lists(_event(), max_size=3))


def _bent(draw: st.DrawFn, node: Any) -> Any:
    """
    Bend a tree here and there: other values, other keys, keys again.
    """
    if draw(_ONE_IN_TWELVE) == 0:
        return draw(_ANYTHING)
    if isinstance(node, list):
        return [_bent(draw, item) for item in node]
    if not isinstance(node, Members):
        return node
    return Members(
        [(key, _bent(draw, value)) for key, value in _extra_pairs(draw, node)]
    )


_BATCHES = _batch()


@st.composite
def _bent_batch(draw: st.DrawFn) -> Members:
    """
    Bend a batch, and leave it one: its last ``events`` is a list or null.
    """
    batch = draw(_BATCHES)
    pairs = [
        (key, _bent(draw, value))
        for key, value in _extra_pairs(draw, batch)
        if key != "events"
    ]
    if draw(_ONE_IN_TWELVE) == 0:
        pairs.insert(0, ("events", draw(_ANYTHING)))
    events = batch.pairs[-1][1]
    last = None if events is None else [_bent(draw, event) for event in events]
    return Members([*pairs, ("events", last)])


def _extra_pairs(draw: st.DrawFn, members: Members) -> list[tuple[str, Any]]:
    pairs = list(members.pairs)
    for _ in range(draw(_FEW)):
        key = draw(_KEYS)
        if draw(_MOSTLY) and pairs:
            key = pairs[draw(st.integers(0, len(pairs) - 1))][0]
            key = key.upper() if draw(st.booleans()) else key
        pairs.insert(draw(st.integers(0, len(pairs))), (key, draw(_ANYTHING)))
    return pairs


_SPACES = st.sampled_from(["", "", "", " ", "\n", "\t "])


@st.composite
def json_texts(draw: st.DrawFn, tree: Any) -> str:
    """
    Write a tree of `Members`, lists, `Number` and scalars as JSON text.
    """
    space = draw(_SPACES)
    escape = draw(st.sampled_from([False, False, False, True]))
    return _written(tree, space, escape=escape)


def _written(node: Any, space: str, *, escape: bool) -> str:
    if isinstance(node, Members):
        members = (
            f"{space}{_quoted(key, escape=escape)}{space}:{space}"
            f"{_written(value, space, escape=escape)}"
            for key, value in node.pairs
        )
        return "{" + f"{space},".join(members) + space + "}"
    if isinstance(node, list):
        items = (space + _written(item, space, escape=escape) for item in node)
        return "[" + f"{space},".join(items) + space + "]"
    if isinstance(node, Number):
        return node.text
    return _quoted(node, escape=escape) if isinstance(node, str) else json.dumps(node)


def _quoted(text: str, *, escape: bool) -> str:
    if escape:
        return '"' + "".join(f"\\u{unit:04x}" for unit in _units(text)) + '"'
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)


def _units(text: str) -> list[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [
        int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)
    ]


def payloads() -> st.SearchStrategy[bytes]:
    """
    Batches that are what the schema says, of all event types.
    """
    return _batch().flatmap(json_texts).map(str.encode)


def odd_payloads() -> st.SearchStrategy[bytes]:
    """
    Batches that the door lets in, and that are hostile from there on.
    """
    return _bent_batch().flatmap(json_texts).map(str.encode)
