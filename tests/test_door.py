"""
The door.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from databricks_forwarder._door import admit
from databricks_forwarder.errors import PayloadError
from databricks_forwarder.model import Payload

ENOUGH = 8 * 2**20


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b"{}", 1),
        (b' {"events":null}\n', 1),
        (b'{"events":[]}', 1),
        (b'{"events":[{}]}', 1),
        (b'{"events":[{},{},{}]}', 3),
        (b'{"events":[1,"two",null,[3]]}', 4),
        (b'{"events":[{"x":[{},{}]},{}],"x":{"events":[{},{},{}]}}', 2),
        (b'{"events":[{}],"events":[{},{}]}', 2),
        (b'{"events":[{},{}],"events":null}', 1),
        (b'{"events":"x","events":[{},{}]}', 2),
        (b'{"ev\\u0065nts":[{},{}]}', 2),
        (b'{"x":1e999,"y":123456789012345678901234567890,"events":[{},{}]}', 2),
        (b'{"x":"\\ud800","events":[{},{}]}', 2),
    ],
)
def test_messages_are_counted(document: bytes, expected: int) -> None:
    """
    A batch counts for its events, or for one message without any.
    """
    assert Payload(document, expected) == admit(document, ENOUGH)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b'{"a":"\xc3\xa4"}', b'{"a":"\xc3\xa4"}'),
        ('{"a":"ä"}', b'{"a":"\xc3\xa4"}'),
        (bytearray(b"{}"), b"{}"),
        (memoryview(b"{}"), b"{}"),
        ({"a": [1, None, "ä"]}, b'{"a":[1,null,"\\u00e4"]}'),
        (MappingProxyType({"a": 1}), b'{"a":1}'),
        ({"a": "\ud800"}, b'{"a":"\\ud800"}'),
    ],
)
def test_what_comes_is_kept_as_utf8_json(payload: Any, expected: bytes) -> None:
    """
    Bytes are kept as they are, text as UTF-8, mappings as JSON.
    """
    assert Payload(expected, 1) == admit(payload, ENOUGH)


def test_the_host_s_buffer_is_copied() -> None:
    """
    What the host does to its buffer later changes nothing.
    """
    buffer = bytearray(b'{"a":1}')
    admitted = admit(buffer, ENOUGH)
    buffer[5:6] = b"2"

    assert b'{"a":1}' == admitted.document


@pytest.mark.parametrize("payload", [b'{"a":"\xc3\xa4"}', '{"a":"ä"}'])
def test_the_limit_is_in_bytes_and_inclusive(payload: Any) -> None:
    """
    A payload may be as large as the limit, and not a byte larger.
    """
    assert 10 == len(admit(payload, 10).document)
    with pytest.raises(PayloadError) as refusal:
        admit(payload, 9)

    assert (
        "payload of 10 bytes is larger than 9: split the batch, or raise "
        "max_payload_bytes"
    ) == str(refusal.value)


def nested(depth: int) -> dict[str, Any]:
    """
    Make a mapping in a mapping, and so on.
    """
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"a": value}
    return value


def in_itself() -> dict[str, Any]:
    """
    Make a mapping that holds itself.
    """
    value: dict[str, Any] = {}
    value["a"] = value
    return value


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"", "payload is no mParticle batch: not JSON: "),
        (b"\xff", "payload is no mParticle batch: not UTF-8 at byte 0"),
        (b"[]", "payload is no mParticle batch: expected a JSON object at the top"),
        (b"[{}]", "payload is no mParticle batch: expected a JSON object at the top"),
        (b'{"events":{}}', "payload is no mParticle batch: events must be a list or"),
        (b'{"events":[}', "payload is no mParticle batch: not JSON: "),
        (b'{"a":1,}', "payload is no mParticle batch: not JSON: "),
        (b'{"a":NaN}', "payload is no mParticle batch: NaN is not JSON"),
        ('{"a":"\udfff"}', "payload has half a surrogate pair at character 6"),
        (None, "payload must be bytes, str or a mapping, not NoneType"),
        (["{}"], "payload must be bytes, str or a mapping, not list"),
        ({"a": object()}, "payload is a mapping that has no JSON form: TypeError"),
        ({(1, 2): 1}, "payload is a mapping that has no JSON form: TypeError"),
        (in_itself(), "payload is a mapping that has no JSON form: ValueError"),
        (nested(100_000), "payload is a mapping that has no JSON form: RecursionError"),
    ],
    ids=range(15),
)
def test_what_is_no_batch_is_refused_in_words(payload: Any, sentence: str) -> None:
    """
    A refusal says what was expected, and nothing of the payload.
    """
    with pytest.raises(PayloadError) as refusal:
        admit(payload, ENOUGH)

    assert str(refusal.value).startswith(sentence)
