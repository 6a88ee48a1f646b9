"""
The slow road: a JSON object fitted into the batch classes member by member.

What has no place is rescued. A rescued value is named by a JSON Pointer (RFC
6901) into the payload that leaves out the event's index: ``/device_info/foo``,
``/events/data/foo``, ``/events`` for an event that is no object. A key that
comes twice in one object has its last value in its column; the values before
are at its pointer followed by ``~repeated/0``, ``~repeated/1``, ….
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from databricks_forwarder.errors import DecodeError
from databricks_forwarder.mparticle.batch import Batch, Event, UserIdentity, body_of
from databricks_forwarder.mparticle.coerce import UNFIT, as_plain_text, as_text
from databricks_forwarder.mparticle.decoded import DecodedBatch, DecodedEvent, escaped
from databricks_forwarder.mparticle.json_text import Repeating, parse_json
from databricks_forwarder.mparticle.shapes import (
    Entries,
    Identities,
    Items,
    Leaf,
    Object,
    Shape,
    object_shape,
)

__all__ = ["decode_slowly"]

_Rescued = dict[str, Any]
"""Pointer → JSON value."""


def decode_slowly(payload: bytes) -> DecodedBatch:
    """
    Read any payload as a batch, whatever its members are.

    Raises:
        DecodeError: It is no batch.
    """
    document = parse_json(payload)
    if not isinstance(document, dict):
        msg = "not a JSON object"
        raise DecodeError(msg)
    events = document.get("events")
    if not isinstance(events, (list, type(None))):
        msg = "events is neither a list nor null"
        raise DecodeError(msg)
    try:
        rescued: _Rescued = {}
        batch = _fit_object(_BATCH, document, "", rescued, apart=frozenset({"events"}))
        fitted = [_fit_event(event) for event in events or ()]
    except RecursionError:
        msg = "nested deeper than can be read"
        raise DecodeError(msg) from None
    return DecodedBatch(batch, fitted, rescued or None)


_BATCH = object_shape(Batch)
_EVENT = object_shape(Event)
_IDENTITY = object_shape(UserIdentity)
_EVENT_POINTER = "/events"


def _fit_event(event: Any) -> DecodedEvent:
    rescued: _Rescued = {}
    if not isinstance(event, dict):
        _rescue(event, _EVENT_POINTER, rescued)
        return DecodedEvent(None, None, rescued)
    known = _fit_object(
        _EVENT, event, _EVENT_POINTER, rescued, apart=frozenset({"data"})
    )
    event_type = as_plain_text(known.event_type)
    data = _fit(
        object_shape(body_of(event_type)),
        event.get("data"),
        f"{_EVENT_POINTER}/data",
        rescued,
    )
    return DecodedEvent(event_type, data, rescued or None)


def _fit_object(
    shape: Object,
    value: dict[str, Any],
    pointer: str,
    rescued: _Rescued,
    *,
    apart: frozenset[str] = frozenset(),
) -> Any:
    members = {}
    places = {each.json_name: each for each in shape.fields}
    for key, member in value.items():
        at = f"{pointer}/{escaped(key)}"
        if key in places:
            members[places[key].name] = _fit(places[key].shape, member, at, rescued)
        elif key.lower() not in shape.secrets and key not in apart:
            _rescue(member, at, rescued)
    _rescue_repeats(value, pointer, rescued, shape.secrets)
    return shape.type(**members)


def _fit(shape: Shape, value: Any, pointer: str, rescued: _Rescued) -> Any:
    """
    Give back *value* as the shape wants it, or None and rescue it.
    """
    if value is None:
        return None
    if isinstance(shape, Leaf):
        return _fit_leaf(shape, value, pointer, rescued)
    if isinstance(value, dict) and isinstance(shape, Object):
        return _fit_object(shape, value, pointer, rescued)
    if isinstance(value, dict) and isinstance(shape, (Entries, Identities)):
        return _fit_entries(shape, value, pointer, rescued)
    if isinstance(value, list) and isinstance(shape, (Items, Identities)):
        item = shape.item if isinstance(shape, Items) else _IDENTITY
        return [
            _fit(item, each, f"{pointer}/{index}", rescued)
            for index, each in enumerate(value)
        ]
    _rescue(value, pointer, rescued)
    return None


def _fit_leaf(leaf: Leaf, value: Any, pointer: str, rescued: _Rescued) -> Any:
    text = as_text(value) if leaf.type == "json" else as_plain_text(value)
    if text is UNFIT:
        _rescue(value, pointer, rescued)
        return None
    _rescue_repeats_within(value, pointer, rescued)
    return value


def _fit_entries(
    shape: Entries | Identities, value: dict[str, Any], pointer: str, rescued: _Rescued
) -> dict[str, Any]:
    inner = shape.value if isinstance(shape, Entries) else Leaf("string")
    entries = {}
    for key, member in value.items():
        at = f"{pointer}/{escaped(key)}"
        if as_text(key) is UNFIT:
            _rescue(member, at, rescued)
        else:
            entries[key] = _fit(inner, member, at, rescued)
    _rescue_repeats(value, pointer, rescued)
    return entries


def _rescue(value: Any, pointer: str, rescued: _Rescued) -> None:
    rescued[pointer] = value
    _rescue_repeats_within(value, pointer, rescued)


def _rescue_repeats_within(value: Any, pointer: str, rescued: _Rescued) -> None:
    if isinstance(value, dict):
        _rescue_repeats(value, pointer, rescued)
        for key, member in value.items():
            _rescue_repeats_within(member, f"{pointer}/{escaped(key)}", rescued)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _rescue_repeats_within(item, f"{pointer}/{index}", rescued)


def _rescue_repeats(
    value: dict[str, Any],
    pointer: str,
    rescued: _Rescued,
    secrets: frozenset[str] = frozenset(),
) -> None:
    if not isinstance(value, Repeating):
        return
    counts: Counter[str] = Counter()
    for key, earlier in value.repeats:
        if key.lower() not in secrets:
            at = f"{pointer}/{escaped(key)}~repeated/{counts[key]}"
            counts[key] += 1
            _rescue(earlier, at, rescued)
