"""
Payload → batch: the fast road, and the slow road for what does not fit.

The fast road decodes into the batch classes at once. A payload that has an
unknown member, a member of another structure, a repeated key or a value that
the decoder refuses takes the slow road alone: generic JSON, fitted into the
same classes member by member; what has no place is rescued.

A rescued value is named by a JSON Pointer (RFC 6901) into the payload that
leaves out the event's index: ``/device_info/foo``, ``/events/data/foo``,
``/events`` for an event that is no object. A key that comes twice in one
object has its last value in its column; the values before are at its pointer
followed by ``~repeated/0``, ``~repeated/1``, ….
"""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

import msgspec

from databricks_forwarder.errors import DecodeError
from databricks_forwarder.mparticle.batch import (
    BODIES,
    AnyEventData,
    Batch,
    Event,
    EventData,
    UserIdentity,
    body_of,
)
from databricks_forwarder.mparticle.coerce import UNFIT, as_plain_text, as_text
from databricks_forwarder.mparticle.shapes import (
    Entries,
    Identities,
    Items,
    Leaf,
    Object,
    Shape,
    object_shape,
)

__all__ = [
    "DecodedBatch",
    "DecodedEvent",
    "decode",
    "escaped",
    "parse_json",
    "shared_bytes",
]

Rescued = dict[str, Any]
"""Pointer → JSON value."""


class DecodedEvent(msgspec.Struct, gc=False):
    """
    One event of a batch.

    Attributes:
        event_type: As text; None if the event does not say.
        data: Of the class of its type; None if it has none.
        rescued: What had no place in it.
    """

    event_type: str | None
    data: EventData | None
    rescued: dict[str, Any] | None = None

    __repr__ = object.__repr__


class DecodedBatch(msgspec.Struct, gc=False):
    """
    A batch with its events apart; its credentials are gone.

    Attributes:
        batch: Without its events.
        events: In their order; empty for a batch without events.
        rescued: What had no place in the batch itself.
    """

    batch: Batch
    events: list[DecodedEvent]
    rescued: dict[str, Any] | None = None

    __repr__ = object.__repr__


def decode(payload: bytes) -> DecodedBatch:
    """
    Read a payload as a batch; every leaf is in the result.

    Raises:
        DecodeError: It is no batch: no JSON, no object, ``events`` neither a
            list nor null, or nested deeper than can be read.
    """
    try:
        return _decode_fast(payload)
    except (_OddPayload, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_slowly(payload)


def shared_bytes(decoded: DecodedBatch, *, at_most: int) -> int:
    """
    Count the bytes of JSON in which a batch speaks for all its events.

    Args:
        decoded: The batch.
        at_most: The answer for a batch that can't be written as JSON again.
    """
    try:
        return len(_encoder.encode([decoded.batch, decoded.rescued]))
    except (UnicodeEncodeError, RecursionError):
        return at_most


# -- the fast road ----------------------------------------------------------


class _OddPayload(Exception):  # noqa: N818  # not an error: it takes the other road
    """
    Strictly private.
    """


_batch_decoder = msgspec.json.Decoder(Batch)
_body_decoders = {
    event_type: msgspec.json.Decoder(body | None) for event_type, body in BODIES.items()
}
_any_body_decoder = msgspec.json.Decoder(AnyEventData | None)
_encoder = msgspec.json.Encoder()


def _decode_fast(payload: bytes) -> DecodedBatch:
    batch = _batch_decoder.decode(payload)
    raw_events, batch.events = batch.events, None
    events = [_decode_event(event) for event in raw_events or ()]
    _refuse_repeated_keys(payload, batch, raw_events is not None, events)
    batch.api_key = batch.api_keys = None
    return DecodedBatch(batch, events)


def _decode_event(event: Event) -> DecodedEvent:
    event_type = event.event_type
    if type(event_type) is not str:
        raise _OddPayload
    if not event.data:
        return DecodedEvent(event_type, None)
    decoder = _body_decoders.get(event_type, _any_body_decoder)
    return DecodedEvent(event_type, decoder.decode(event.data))


def _refuse_repeated_keys(
    payload: bytes, batch: Batch, has_events: bool, events: list[DecodedEvent]
) -> None:
    """
    Compare the keys that came in with the keys that were understood.

    A decoder keeps the last of repeated keys without a word. Unknown keys are
    refused before, so a key that has a value and is missing in what was
    understood was repeated. Keys are counted by their colons: a colon inside
    a text stands on both sides, unless the payload spells it as an escape.
    """
    bodies = [event.data for event in events if event.data is not None]
    understood = _encoder.encode([batch, *bodies])
    around = has_events + len(events) + len(bodies)
    # Most payloads have no escape at all, which is soon seen.
    if (b"\\" in payload and b"\\u003" in payload) or (
        payload.count(b":") != understood.count(b":") + around
        and _valued_colons(payload) != _valued_colons(understood) + around
    ):
        raise _OddPayload


def _valued_colons(document: bytes) -> int:
    """
    Count the colons before which a value follows that is not null.

    A member that is null is not written again; an entry of a map is.
    """
    nulls = document.count(b":null") + document.count(b": null")
    return document.count(b":") - nulls


# -- the slow road ----------------------------------------------------------


class _Repeating(dict[str, Any]):
    """
    An object in which a key came more than once.
    """

    repeats: list[tuple[str, Any]]


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    repeating = _Repeating(plain)
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


def _decode_slowly(payload: bytes) -> DecodedBatch:
    document = parse_json(payload)
    if not isinstance(document, dict):
        msg = "not a JSON object"
        raise DecodeError(msg)
    events = document.get("events")
    if not isinstance(events, (list, type(None))):
        msg = "events is neither a list nor null"
        raise DecodeError(msg)
    try:
        rescued: Rescued = {}
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
    rescued: Rescued = {}
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
    rescued: Rescued,
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


def _fit(shape: Shape, value: Any, pointer: str, rescued: Rescued) -> Any:
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


def _fit_leaf(leaf: Leaf, value: Any, pointer: str, rescued: Rescued) -> Any:
    text = as_text(value) if leaf.type == "json" else as_plain_text(value)
    if text is UNFIT:
        _rescue(value, pointer, rescued)
        return None
    _rescue_repeats_within(value, pointer, rescued)
    return value


def _fit_entries(
    shape: Entries | Identities, value: dict[str, Any], pointer: str, rescued: Rescued
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


def _rescue(value: Any, pointer: str, rescued: Rescued) -> None:
    rescued[pointer] = value
    _rescue_repeats_within(value, pointer, rescued)


def _rescue_repeats_within(value: Any, pointer: str, rescued: Rescued) -> None:
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
    rescued: Rescued,
    secrets: frozenset[str] = frozenset(),
) -> None:
    if not isinstance(value, _Repeating):
        return
    counts: Counter[str] = Counter()
    for key, earlier in value.repeats:
        if key.lower() not in secrets:
            at = f"{pointer}/{escaped(key)}~repeated/{counts[key]}"
            counts[key] += 1
            _rescue(earlier, at, rescued)


def escaped(key: str) -> str:
    """
    A member's name as a step of a JSON Pointer.
    """
    return key.replace("~", "~0").replace("/", "~1")
