"""
The door: is it a batch, and how many messages does it count for?

A payload is looked through, not decoded: what is wrong inside a batch is found
later, and costs nobody's other events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from databricks_forwarder.errors import DecodeError, PayloadError
from databricks_forwarder.model import Payload
from databricks_forwarder.mparticle.json_text import parse_json

__all__ = ["admit", "admit_all", "split_array"]


class _Batch(msgspec.Struct):
    """
    Strictly private.
    """

    events: list[msgspec.Raw] | None = None


_decoder = msgspec.json.Decoder(_Batch)
_array_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_OPENING = re.compile(r"[ \t\r\n]*\[[ \t\r\n]*")
_SEPARATOR = re.compile(r"[ \t\r\n]*(,|\][ \t\r\n]*\Z)[ \t\r\n]*")
# Numbers are not looked at: Python refuses to convert very long ones.
_scanner = json.JSONDecoder(parse_int=str, parse_float=str)


def admit(payload: bytes | str | Mapping[str, Any], max_bytes: int) -> Payload:
    """
    Look a payload through.

    Args:
        payload: One mParticle batch: JSON as UTF-8 or text, or a mapping that
            is written as JSON.
        max_bytes: The most bytes of JSON, inclusive.

    Raises:
        PayloadError: It can never be a batch; the sentence says why.
    """
    document = _as_bytes(payload)
    if len(document) > max_bytes:
        msg = (
            f"payload of {len(document)} bytes is larger than {max_bytes}: split the "
            "batch, or raise max_payload_bytes"
        )
        raise PayloadError(msg)
    return Payload(document, _count_messages(document))


def admit_all(
    payloads: Iterable[bytes | str | Mapping[str, Any]], max_bytes: int
) -> list[Payload]:
    """
    Look many payloads through.

    Raises:
        PayloadError: One can never be a batch; the sentence says which.
    """
    return [
        _admit_nth(index, payload, max_bytes) for index, payload in enumerate(payloads)
    ]


def _admit_nth(
    index: int, payload: bytes | str | Mapping[str, Any], max_bytes: int
) -> Payload:
    try:
        return admit(payload, max_bytes)
    except PayloadError as error:
        msg = f"payload {index} of this call: {error}"
        raise PayloadError(msg) from None


def split_array(document: bytes) -> list[bytes]:
    """
    Take a JSON array apart; each element keeps its bytes, however odd it is.

    Raises:
        PayloadError: It is no array; the sentence says why.
    """
    try:
        return [bytes(element) for element in _array_decoder.decode(document)]
    except (msgspec.MsgspecError, RecursionError):
        return _cut_elements(document)


def _cut_elements(document: bytes) -> list[bytes]:
    """
    Cut what the quick look refused: an odd element is the door's to refuse.
    """
    elements: list[bytes] = []
    try:
        text = document.decode()
        mark = _OPENING.match(text)
        while mark is not None:
            _, end = _scanner.raw_decode(text, mark.end())
            elements.append(text[mark.end() : end].encode())
            mark = _SEPARATOR.match(text, end)
            if mark is not None and mark[1] != ",":
                return elements
    except (ValueError, RecursionError) as error:
        msg = f"not a JSON array: {error}"
        raise PayloadError(msg) from None
    msg = f"not a JSON array: neither comma nor end after {len(elements)} elements"
    raise PayloadError(msg)


def _as_bytes(payload: Any) -> bytes:
    if isinstance(payload, (bytes, bytearray, memoryview)):
        return bytes(payload)
    if isinstance(payload, Mapping):
        return _written(payload)
    if not isinstance(payload, str):  # a host may not have a type checker
        msg = f"payload must be bytes, str or a mapping, not {type(payload).__name__}"
        raise PayloadError(msg)
    try:
        return payload.encode()
    except UnicodeEncodeError as error:
        msg = f"payload has half a surrogate pair at character {error.start}"
        raise PayloadError(msg) from None


def _written(payload: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(dict(payload), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        msg = f"payload is a mapping that has no JSON form: {type(error).__name__}"
        raise PayloadError(msg) from None
    return text.encode()


def _count_messages(document: bytes) -> int:
    try:
        document.decode()
        events = _decoder.decode(document).events
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        events = _read_events(document)
    return len(events) if events else 1


def _read_events(document: bytes) -> list[Any] | None:
    """
    Look again at what the quick look refused: it may be odd and yet a batch.
    """
    try:
        batch = parse_json(document)
    except DecodeError as error:
        msg = f"payload is no mParticle batch: {error}"
        raise PayloadError(msg) from None
    if not isinstance(batch, dict):
        msg = "payload is no mParticle batch: expected a JSON object at the top"
        raise PayloadError(msg)
    events = batch.get("events")
    if not isinstance(events, (list, type(None))):
        msg = "payload is no mParticle batch: events must be a list or null"
        raise PayloadError(msg)
    return events
