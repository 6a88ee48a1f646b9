"""
Odd payloads between two good ones: refused, rescued or dead, never in the way.
"""

from __future__ import annotations

import json
import traceback
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from walking import InMemory, batch, custom, rows_of

from databricks_forwarder.errors import PayloadError
from databricks_forwarder.model import Account, Payload
from databricks_forwarder.mparticle.names import MAX_NAME_LENGTH

DEPTH = 10_000
DEEP = b"[" * DEPTH + b"]" * DEPTH

# What a payload's rows hold in _rescued_data, row by row.
RESCUED: dict[str, tuple[bytes, list[Any]]] = {
    "a lone surrogate in text": (
        (
            b'{"events":[{"event_type":"custom_event",'
            b'"data":{"event_name":"a\\ud800b","custom_attributes":{"y":"\\ud83d"}}}]}'
        ),
        [
            {
                "/events/data/event_name": "a\ud800b",
                "/events/data/custom_attributes/y": "\ud83d",
            }
        ],
    ),
    "a lone surrogate in a key": (
        b'{"user_attributes":{"x\\udfff":"1"}}',
        [{"/user_attributes/x\udfff": "1"}],
    ),
    "a lone surrogate in the type": (
        b'{"events":[{"event_type":"a\\ud800b"}]}',
        [{"/events/event_type": "a\ud800b"}],
    ),
    "a number past all doubles": (
        (
            b'{"events":[{"event_type":"session_start","data":{"location":'
            b'{"latitude":1e999}}}]}'
        ),
        [{"/events/data/location/latitude": "1e999"}],
    ),
    "integers past 64 bits": (
        (
            b'{"mpid":18446744073709551616,"events":[{"event_type":"session_end",'
            b'"data":{"event_id":9223372036854775808}}]}'
        ),
        [{"/mpid": 2**64, "/events/data/event_id": 2**63}],
    ),
    "an integer of 5000 digits": (
        b'{"mpid":' + b"9" * 5_000 + b"}",
        [{"/mpid": "9" * 5_000}],
    ),
    "repeated keys": (
        (
            b'{"mpid":1,"mpid":2,"events":[{"event_type":"custom_event",'
            b'"data":{"event_name":"a","event_name":"b"}}]}'
        ),
        [{"/mpid~repeated/0": 1, "/events/data/event_name~repeated/0": "a"}],
    ),
    "repeated events": (
        b'{"events":[{},{}],"events":[{"event_type":"profile"}]}',
        [{"/events~repeated/0": [{}, {}]}],
    ),
    "a type never heard of": (
        b'{"events":[{"event_type":"teleport","data":{"event_name":"x","to":"moon"}}]}',
        [{"/events/data/to": "moon"}],
    ),
    "events that are no objects": (
        b'{"events":[1,"two",[3],null,true,{"event_type":"profile"}]}',
        [
            {"/events": 1},
            {"/events": "two"},
            {"/events": [3]},
            {"/events": None},
            {"/events": True},
            None,
        ],
    ),
    "a type inside data": (
        b'{"events":[{"data":{"event_type":"custom_event","event_name":"x"}}]}',
        [{"/events/data/event_type": "custom_event"}],
    ),
    "a type that is an object": (
        b'{"events":[{"event_type":{"a":1}}]}',
        [{"/events/event_type": {"a": 1}}],
    ),
    "data that is a list": (
        b'{"events":[{"event_type":"profile","data":[1]}]}',
        [{"/events/data": [1]}],
    ),
    "attributes as lists": (
        (
            b'{"user_attributes":[1,2],"events":[{"event_type":"custom_event",'
            b'"data":{"custom_attributes":["a"]}}]}'
        ),
        [{"/user_attributes": [1, 2], "/events/data/custom_attributes": ["a"]}],
    ),
    "NUL": (
        (
            b'{"ip":"\\u0000","events":[{"event_type":"custom_event",'
            b'"data":{"event_name":"a\\u0000b"}}]}'
        ),
        [None],
    ),
    "a name of 300 characters": (batch(custom("n" * 300)), [None]),
    "a name of emoji": (batch(custom("\U0001f600\U0001f680")), [None]),
    "a type of 300 characters": (
        b'{"events":[{"event_type":"%s"}]}' % (b"t" * 300),
        [None],
    ),
    "no events": (b'{"events":null}', [None]),
}

# What the refusal of a payload says.
REFUSED: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "not JSON"),
    "no JSON": (b"secret-payload", "not JSON"),
    "two documents": (b'{}{"a":"secret-payload"}', "not JSON"),
    "a byte-order mark": (b"\xef\xbb\xbf{}", "not JSON"),
    "not UTF-8": (b'{"a":"secret-payload\xe9"}', "not UTF-8 at byte 20"),
    "a surrogate as bytes": (b'{"a":"\xed\xa0\x80"}', "not UTF-8 at byte 6"),
    "half a pair in text": ('{"a":"secret-payload\ud800"}', "surrogate pair"),
    "NUL as it is": (b'{"a":"secret-payload\x00"}', "not JSON: Invalid control"),
    "NaN": (b'{"events":[{"data":{"x":NaN}}]}', "NaN is not JSON"),
    "Infinity": (b'{"x":Infinity}', "Infinity is not JSON"),
    "minus Infinity": (b'{"events":[-Infinity]}', "-Infinity is not JSON"),
    "a list on top": (b'["secret-payload"]', "expected a JSON object"),
    "a text on top": (b'"secret-payload"', "expected a JSON object"),
    "null on top": (b"null", "expected a JSON object"),
    "events as an object": (b'{"events":{"a":"secret-payload"}}', "list or null"),
    "events as text": (b'{"events":"secret-payload"}', "list or null"),
    "events as a number": (b'{"events":5}', "list or null"),
    "events as false": (b'{"events":false}', "list or null"),
    "no bytes at all": (5, "not int"),
    "a list of Python": ([], "not list"),
    "a mapping with NaN": ({"secret-payload": float("nan")}, "no JSON form"),
    "a mapping with a set": ({"secret-payload": {1}}, "no JSON form"),
}


@pytest.fixture
def memory(tmp_path: Path) -> Any:
    """
    Give every kind of event a table of its own.
    """
    memory = InMemory(tmp_path, events_threshold=1)
    yield memory
    memory.die()


@pytest.mark.parametrize("oddity", RESCUED)
def test_what_has_no_column_is_rescued(memory: InMemory, oddity: str) -> None:
    """
    An odd payload has a row for each message, with what does not fit rescued.
    """
    payload, expected = RESCUED[oddity]
    with memory.forwarder() as forwarder:
        forwarder.submit(batch(custom("Good", 1)))
        receipt = forwarder.submit(payload)
        forwarder.submit(batch(custom("Good", 2)))
        (report,) = forwarder.flush()

        assert len(expected) == receipt.message_count
        assert Account(received=2 + len(expected), loaded=2 + len(expected)) == (
            report.account
        )
        assert len(expected) - expected.count(None) == report.rescued_row_count
    tables = memory.tables()
    rows = sorted(
        (row["_position"], row["_rescued_data"])
        for table in tables.values()
        for row in table.to_pylist()
        if row["_offset"] == 1
    )

    assert expected == [text and json.loads(text) for _, text in rows]
    assert Counter({0: 1, 1: len(expected), 2: 1}) == rows_of(tables, "_offset")
    assert all(1 <= len(name) <= MAX_NAME_LENGTH for name in tables)


@pytest.mark.parametrize("oddity", REFUSED)
def test_what_is_no_batch_is_refused_at_the_door(memory: InMemory, oddity: str) -> None:
    """
    A payload that can never be a batch is refused in words, and nothing is stored.
    """
    payload, reason = REFUSED[oddity]
    with memory.forwarder() as forwarder:
        forwarder.submit(batch(custom("Good", 1)))
        with pytest.raises(PayloadError, match=reason) as refusal:
            forwarder.submit(payload)
        forwarder.submit(batch(custom("Good", 2)))
        (report,) = forwarder.flush()

        assert Account(received=2, loaded=2) == report.account
        assert "secret-payload" not in str(refusal.value)
        assert "secret-payload" not in "".join(
            traceback.format_exception(
                type(refusal.value), refusal.value, refusal.value.__traceback__
            )
        )
    assert Counter({0: 1, 1: 1}) == rows_of(memory.tables(), "_offset")


@pytest.mark.parametrize(
    "payload",
    [
        DEEP,
        b'{"foo":' + DEEP + b"}",
        b'{"events":[' + DEEP + b"]}",
        b'{"events":[{"event_type":"custom_event","data":{"custom_attributes":{"a":'
        + DEEP
        + b"}}}]}",
        b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    ],
    ids=["on top", "unknown", "event", "attribute", "objects"],
)
def test_what_is_nested_too_deep_costs_no_neighbour(
    memory: InMemory, payload: bytes
) -> None:
    """
    Nesting 10 000 deep is refused, dead or loaded as the interpreter allows.
    """
    with memory.forwarder() as forwarder:
        forwarder.submit(batch(custom("Good", 1)))
        with suppress(PayloadError):
            forwarder.submit(payload)
        received = forwarder.status().waiting + 1
        forwarder.submit(batch(custom("Good", 2)))
        (report,) = forwarder.flush()

        assert received == report.account.loaded + report.account.dead
    good = memory.tables()

    assert 2 == len(good["event_navigation_good"])  # type: ignore[index]


@pytest.mark.parametrize("depth", range(960, 1000, 3))
def test_nesting_as_deep_as_can_be_read_costs_no_neighbour(
    memory: InMemory, depth: int
) -> None:
    """
    What one step can still read and the next can't dies alone.
    """
    payload = b'{"foo":1,"user_attributes":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    with memory.forwarder() as forwarder:
        forwarder.submit(batch(custom("Good", 1)))
        at = memory.clock.now()
        forwarder._batcher.append([Payload(payload, 1)], at=at)
        forwarder.submit(batch(custom("Good", 2)))
        (report,) = forwarder.flush()

        assert 3 == report.account.loaded + report.account.dead
    assert 2 == len(memory.tables()["event_navigation_good"])  # type: ignore[index]


def test_the_largest_payload_is_taken_and_one_byte_more_is_not(
    memory: InMemory,
) -> None:
    """
    The limit on a payload's bytes is inclusive.
    """
    good = batch(custom("Good", 1))
    with memory.forwarder(max_payload_bytes=len(good)) as forwarder:
        forwarder.submit(good)
        with pytest.raises(PayloadError, match="raise max_payload_bytes"):
            forwarder.submit(good + b" ")

        assert 1 == forwarder.status().waiting


def test_eight_mebibytes_are_taken(memory: InMemory) -> None:
    """
    The largest payload of the default limit is loaded, a larger one refused.
    """
    frame = batch(custom("Good", 1), ip="")
    padding = b"x" * (8 * 2**20 - len(frame))
    largest = frame.replace(b'"ip": ""', b'"ip": "%s"' % padding)
    with memory.forwarder() as forwarder:
        forwarder.submit(largest)
        with pytest.raises(PayloadError, match="8388609 bytes is larger than 8388608"):
            forwarder.submit(largest + b"\n")
        (report,) = forwarder.flush()

        assert Account(received=1, loaded=1) == report.account


@pytest.mark.parametrize(
    "identities",
    [
        {"customerid": "c-1", "email": "e@example.com"},
        {"customerId": "c-1", "email": "e@example.com"},
        [
            {"identity_type": "customer_id", "identity": "c-1"},
            {"identity_type": "email", "identity": "e@example.com"},
        ],
    ],
    ids=["object", "camel case", "list"],
)
def test_identities_come_in_either_form(memory: InMemory, identities: Any) -> None:
    """
    The object and the list of identities give the same map.
    """
    with memory.forwarder() as forwarder:
        forwarder.submit(batch(user_identities=identities))
        forwarder.flush()
    ((row,),) = (table.to_pylist() for table in memory.tables().values())

    assert {"customer_id": "c-1", "email": "e@example.com"} == {
        name: identity["identity"] for name, identity in row["user_identities"]
    }
    assert row["_rescued_data"] is None


def test_two_odd_names_have_two_tables(memory: InMemory) -> None:
    """
    Names of emoji only, or alike for 300 characters, are told apart.
    """
    names = ["\U0001f600", "\U0001f680", "n" * 300 + "1", "n" * 300 + "2"]
    with memory.forwarder() as forwarder:
        forwarder.submit(batch(*(custom(name) for name in names)))
        forwarder.flush()

    assert [1, 1, 1, 1] == [len(table) for table in memory.tables().values()]


def test_a_payload_that_reached_the_spool_all_the_same_is_dead(
    memory: InMemory,
) -> None:
    """
    What is found to be no batch after the door is kept with its reason.
    """
    with memory.forwarder() as forwarder:
        forwarder.submit(batch(custom("Good", 1)))
        at = memory.clock.now()
        forwarder._batcher.append([Payload(b'["secret-payload"]', 4)], at=at)
        forwarder.submit(batch(custom("Good", 2)))
        (report,) = forwarder.flush()
        (letter,) = forwarder.dead_letters()

        assert Account(received=6, loaded=2, dead=4) == report.account
        assert "not a JSON object" == letter.reason
        assert b'["secret-payload"]' == letter.payload
        assert "secret-payload" not in repr(letter)
