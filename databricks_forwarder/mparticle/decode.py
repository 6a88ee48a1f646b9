"""
Payload → batch: the fast road, and the slow road for what does not fit.

The fast road decodes into the batch classes at once. A payload that has an
unknown member, a member of another structure, a repeated key or a value that
the decoder refuses takes the slow road alone: see `fitting`.
"""

from __future__ import annotations

import msgspec

from databricks_forwarder.mparticle.batch import BODIES, AnyEventData, Batch, Event
from databricks_forwarder.mparticle.decoded import DecodedBatch, DecodedEvent
from databricks_forwarder.mparticle.fitting import decode_slowly

__all__ = ["decode", "shared_bytes"]


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
        return decode_slowly(payload)


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
