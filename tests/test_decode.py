"""
Payload → batch, by the fast road and by the slow one.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from databricks_forwarder.errors import DecodeError
from databricks_forwarder.mparticle import decode as module
from databricks_forwarder.mparticle import fitting
from databricks_forwarder.mparticle.batch import BODIES, AnyEventData, body_of
from databricks_forwarder.mparticle.decode import decode, shared_bytes
from databricks_forwarder.mparticle.decoded import DecodedBatch, DecodedEvent, escaped
from databricks_forwarder.mparticle.fitting import decode_slowly
from databricks_forwarder.mparticle.json_text import parse_json
from databricks_forwarder.testing.strategies import odd_payloads, payloads
from databricks_forwarder.testing.workload import workload

REFUSALS = (module._OddPayload, msgspec.MsgspecError, UnicodeDecodeError)


def written(decoded: DecodedBatch) -> tuple[bytes, list[type]]:
    """
    A decoded batch as bytes and the classes of its data, for comparison.
    """
    return msgspec.json.encode(decoded), [type(event.data) for event in decoded.events]


def without_earlier_nulls(rescued: dict[str, Any] | None) -> dict[str, Any] | None:
    """
    What was rescued but for nulls before the value of the same key.

    They say nothing: the fast road passes over them, the slow one tells of them.
    """
    kept = {
        pointer: value
        for pointer, value in (rescued or {}).items()
        if value is not None or "~repeated/" not in pointer
    }
    return kept or None


def one_event(payload: bytes) -> DecodedEvent:
    """
    The only event of a payload.
    """
    (event,) = decode(payload).events
    return event


def event_payload(data: str, event_type: str = '"custom_event"') -> bytes:
    """
    A batch of one event with that data, both as they are to be written.
    """
    return f'{{"events":[{{"event_type":{event_type},"data":{data}}}]}}'.encode()


def takes_fast_road(payload: bytes) -> bool:
    """
    Whether the fast road reads a payload.
    """
    try:
        module._decode_fast(payload)
    except REFUSALS:
        return False
    return True


# -- the two roads ----------------------------------------------------------

PLAIN = [
    b"{}",
    b'{"events":null}',
    b'{"events":[]}',
    b'{"events":[{"event_type":"first_run"}]}',
    b'{"events":[{"event_type":"first_run","data":null}]}',
    b'{"events":[{"event_type":"first_run","data":{}}]}',
    b'{"events":[{"event_type":"never_heard_of","data":{"event_name":"x"}}]}',
    b'{"mpid":"12","ip":5,"environment":true,"batch_id":null}',
    b'{"user_attributes":{"a":null,"b":[1,{"c":null}],"c:d":": null"}}',
    b'{"user_attributes":{"x":":null","y":"a: null b"}}',
    b'{"user_attributes":{"x:null":1,"y: null":null}}',
    b'{"user_identities":[{"identity_type":"email","identity":"a@example.com"},null]}',
    b'{"device_info":null,"consent_state":{"gdpr":{"x":null}}}',
    b'{"api_key":"k","api_keys":["a:b"]}',
    event_payload('{"custom_attributes":{},"location":{},"media_info":null}'),
    event_payload('{"new":[1],"old":{"a":null}}', '"user_attribute_change"'),
    event_payload('{"new":{"identity":"a"},"old":null}', '"user_identity_change"'),
]


@pytest.mark.parametrize("payload", PLAIN, ids=bytes.decode)
def test_a_plain_payload_takes_the_fast_road(payload: bytes) -> None:
    """
    A payload without oddities is read by the fast road as the slow one reads it.
    """
    fast = module._decode_fast(payload)

    assert written(decode_slowly(payload)) == written(fast)
    assert [] == [event for event in fast.events if event.rescued is not None]
    assert fast.rescued is None


def test_ordinary_traffic_takes_the_fast_road() -> None:
    """
    All of the benchmark's workload is read by the fast road.
    """
    actual = [takes_fast_road(payload) for payload in workload(30)]

    assert [True] * 30 == actual


@pytest.mark.parametrize("payload", PLAIN, ids=bytes.decode)
@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_pretty_printed_json_is_read_alike(
    payload: bytes, indent: int | str | None
) -> None:
    """
    White space between the parts of a payload changes nothing.
    """
    pretty = json.dumps(json.loads(payload), indent=indent).encode()

    assert written(decode(payload)) == written(decode(pretty))


def test_json_with_a_space_after_each_colon_takes_the_fast_road() -> None:
    """
    What `json.dumps` writes by default, nulls included, is read by the fast road.
    """
    batch = {
        "mpid": 1,
        "ip": None,
        "user_attributes": {"a": None},
        "events": [{"event_type": "custom_event", "data": {"event_name": None}}],
    }

    assert takes_fast_road(json.dumps(batch).encode())
    assert takes_fast_road(json.dumps(batch, indent=2).encode())


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(payload=payloads())
def test_the_roads_agree_on_clean_payloads(payload: bytes) -> None:
    """
    What the fast road reads of a clean payload, the slow road reads as well.
    """
    slow = decode_slowly(payload)

    assert (None, []) == (slow.rescued, [e for e in slow.events if e.rescued])
    assert written(slow) == written(decode(payload))


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(payload=odd_payloads())
def test_the_roads_agree_wherever_the_fast_one_goes(payload: bytes) -> None:
    """
    A hostile payload is read alike by both roads, or refused by the fast one.
    """
    if takes_fast_road(payload):
        slow = decode_slowly(payload)
        for each in (slow, *slow.events):
            each.rescued = without_earlier_nulls(each.rescued)

        assert written(slow) == written(module._decode_fast(payload))


# -- repeated keys ----------------------------------------------------------

REPEATED = {
    "batch": (b'{"mpid":1,"mpid":2}', {"/mpid~repeated/0": 1}),
    "batch, thrice": (
        b'{"mpid":1,"mpid":2,"mpid":3}',
        {"/mpid~repeated/0": 1, "/mpid~repeated/1": 2},
    ),
    "null last": (b'{"mpid":1,"mpid":null}', {"/mpid~repeated/0": 1}),
    "same value": (b'{"mpid":1,"mpid":1}', {"/mpid~repeated/0": 1}),
    "object": (
        b'{"device_info":{"brand":"a","brand":"b"}}',
        {"/device_info/brand~repeated/0": "a"},
    ),
    "whole object": (
        b'{"device_info":{"brand":"a"},"device_info":{"brand":"b"}}',
        {"/device_info~repeated/0": {"brand": "a"}},
    ),
    "empty object first": (
        b'{"device_info":{},"device_info":{"brand":"b"}}',
        {"/device_info~repeated/0": {}},
    ),
    "object in a repeated object": (
        b'{"context":{"data_plan":{"plan_id":1,"plan_id":2}},"context":{}}',
        {
            "/context~repeated/0": {"data_plan": {"plan_id": 2}},
            "/context~repeated/0/data_plan/plan_id~repeated/0": 1,
        },
    ),
    "map entry": (
        b'{"user_attributes":{"a":"x","a":"y"}}',
        {"/user_attributes/a~repeated/0": "x"},
    ),
    "map entry, null last": (
        b'{"user_attributes":{"a":"x","a":null}}',
        {"/user_attributes/a~repeated/0": "x"},
    ),
    "object in a map entry": (
        b'{"user_attributes":{"a":[{"b":1,"b":2}]}}',
        {"/user_attributes/a/0/b~repeated/0": 1},
    ),
    "map of maps": (
        b'{"integration_attributes":{"7":{"a":"x","a":"y"}}}',
        {"/integration_attributes/7/a~repeated/0": "x"},
    ),
    "identity": (
        b'{"user_identities":{"email":"x","email":"y"}}',
        {"/user_identities/email~repeated/0": "x"},
    ),
    "identity in a list": (
        b'{"user_identities":[{"identity":"x","identity":"y"}]}',
        {"/user_identities/0/identity~repeated/0": "x"},
    ),
    "events": (
        b'{"events":[{"event_type":"first_run"}],"events":null}',
        {"/events~repeated/0": [{"event_type": "first_run"}]},
    ),
    "empty events": (b'{"events":[],"events":null}', {"/events~repeated/0": []}),
    "a key with a slash": (
        b'{"user_attributes":{"a/b~":"x","a/b~":"y"}}',
        {"/user_attributes/a~1b~0~repeated/0": "x"},
    ),
    "an unknown key": (
        b'{"foo":1,"foo":2}',
        {"/foo": 2, "/foo~repeated/0": 1},
    ),
    "the text of a null beside it": (
        b'{"ip":":null","mpid":1,"mpid":2}',
        {"/mpid~repeated/0": 1},
    ),
}


@pytest.mark.parametrize(("payload", "rescued"), REPEATED.values(), ids=REPEATED)
def test_an_earlier_value_of_a_repeated_key_is_rescued(
    payload: bytes, rescued: dict[str, Any]
) -> None:
    """
    A key that comes again keeps its last value; the values before are rescued.
    """
    assert rescued == decode(payload).rescued


REPEATED_IN_EVENTS = {
    "event type": (
        b'{"events":[{"event_type":"x","event_type":"first_run","data":{}}]}',
        {"/events/event_type~repeated/0": "x"},
    ),
    "data": (
        b'{"events":[{"event_type":"first_run","data":{"event_id":1},"data":{}}]}',
        {"/events/data~repeated/0": {"event_id": 1}},
    ),
    "data, empty first": (
        b'{"events":[{"event_type":"first_run","data":{},"data":{}}]}',
        {"/events/data~repeated/0": {}},
    ),
    "data, null last": (
        b'{"events":[{"event_type":"first_run","data":{},"data":null}]}',
        {"/events/data~repeated/0": {}},
    ),
    "member of data": (
        event_payload('{"event_name":"a","event_name":"b"}'),
        {"/events/data/event_name~repeated/0": "a"},
    ),
    "member of data, null last": (
        event_payload('{"event_name":"a","event_name":null}'),
        {"/events/data/event_name~repeated/0": "a"},
    ),
    "attribute": (
        event_payload('{"custom_attributes":{"k":1,"k":2}}'),
        {"/events/data/custom_attributes/k~repeated/0": 1},
    ),
    "object in data": (
        event_payload('{"location":{"latitude":1,"latitude":2}}'),
        {"/events/data/location/latitude~repeated/0": 1},
    ),
    "product": (
        event_payload(
            '{"product_action":{"products":[{"id":"a","id":"b"}]}}', '"commerce_event"'
        ),
        {"/events/data/product_action/products/0/id~repeated/0": "a"},
    ),
}


@pytest.mark.parametrize(
    ("payload", "rescued"), REPEATED_IN_EVENTS.values(), ids=REPEATED_IN_EVENTS
)
def test_an_earlier_value_in_an_event_is_rescued_with_it(
    payload: bytes, rescued: dict[str, Any]
) -> None:
    """
    What a key repeated in an event said before is rescued with that event.
    """
    assert rescued == one_event(payload).rescued
    assert decode(payload).rescued is None


@pytest.mark.parametrize(
    "payload",
    [each for each, _ in (REPEATED | REPEATED_IN_EVENTS).values()],
    ids=[*REPEATED, *REPEATED_IN_EVENTS],
)
def test_the_fast_road_refuses_repeated_keys(payload: bytes) -> None:
    """
    No payload with an earlier value to be rescued passes the fast road.
    """
    with pytest.raises(REFUSALS):
        module._decode_fast(payload)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"mpid":null,"mpid":2}',
        b'{"mpid": null, "mpid": 2}',
        b'{"device_info":null,"device_info":{"brand":"a"}}',
        b'{"user_attributes":{"a":null,"a":"y"}}',
        b'{"events":null,"events":[]}',
        b'{"events":[{"event_type":"first_run","data":null,"data":{}}]}',
        event_payload('{"event_name":null,"event_name":"b"}'),
    ],
    ids=bytes.decode,
)
def test_an_earlier_null_loses_nothing(payload: bytes) -> None:
    """
    A null before the value of the same key says nothing; the value is kept.
    """
    twice = decode(payload)
    once = json.loads(payload)

    assert (
        msgspec.json.encode(decode(json.dumps(once).encode()).batch),
        [msgspec.json.encode(e.data) for e in decode(json.dumps(once).encode()).events],
    ) == (
        msgspec.json.encode(twice.batch),
        [msgspec.json.encode(e.data) for e in twice.events],
    )


@pytest.mark.parametrize(
    "payload",
    [
        b'{"ip":"\\u003a"}',
        b'{"ip":"\\u003A"}',
        b'{"ip":"\\u003a","mpid":1,"mpid":2}',
        b'{"user_attributes":{"a\\u003ab":1}}',
    ],
    ids=bytes.decode,
)
def test_an_escaped_colon_takes_the_slow_road(payload: bytes) -> None:
    """
    A colon that is spelt as an escape can't hide a repeated key.
    """
    assert not takes_fast_road(payload)
    assert json.loads(payload).get("ip") == decode(payload).batch.ip


# -- unknown keys -----------------------------------------------------------

UNKNOWN = {
    "batch": (b'{"foo":1}', {"/foo": 1}),
    "null": (b'{"foo":null}', {"/foo": None}),
    "empty": (b'{"foo":{},"bar":[]}', {"/foo": {}, "/bar": []}),
    "empty name": (b'{"":1}', {"/": 1}),
    "slash and tilde": (b'{"a/b":1,"~":2}', {"/a~1b": 1, "/~0": 2}),
    "object": (b'{"device_info":{"foo":1}}', {"/device_info/foo": 1}),
    "object in an object": (
        b'{"context":{"data_plan":{"foo":[1]}}}',
        {"/context/data_plan/foo": [1]},
    ),
    "object in a map": (
        b'{"consent_state":{"gdpr":{"a b":{"foo":1}}}}',
        {"/consent_state/gdpr/a b/foo": 1},
    ),
    "object in a list": (
        b'{"system_notifications":[null,{"foo":1}]}',
        {"/system_notifications/1/foo": 1},
    ),
    "identity in a list": (
        b'{"user_identities":[{"foo":1}]}',
        {"/user_identities/0/foo": 1},
    ),
    "another case": (b'{"MPID":5}', {"/MPID": 5}),
    "a column of ours": (b'{"_offset":5,"data":1}', {"/_offset": 5, "/data": 1}),
    "a name of ours": (b'{"event_type":"x"}', {"/event_type": "x"}),
}


@pytest.mark.parametrize(("payload", "rescued"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_key_is_rescued(payload: bytes, rescued: dict[str, Any]) -> None:
    """
    A key that the schema does not know is rescued with its value, at any level.
    """
    assert rescued == decode(payload).rescued


UNKNOWN_IN_EVENTS = {
    "event": (
        b'{"events":[{"event_type":"first_run","foo":1}]}',
        {"/events/foo": 1},
    ),
    "data": (event_payload('{"foo":{"a":1}}'), {"/events/data/foo": {"a": 1}}),
    "object in data": (
        event_payload('{"device_current_state":{"system_memory_available_Bytes":1}}'),
        {"/events/data/device_current_state/system_memory_available_Bytes": 1},
    ),
    "another kind's field": (
        event_payload('{"product_action":{"action":"click"}}'),
        {"/events/data/product_action": {"action": "click"}},
    ),
    "product": (
        event_payload('{"shopping_cart":{"products":[{"sku":1}]}}', '"commerce_event"'),
        {"/events/data/shopping_cart/products/0/sku": 1},
    ),
    "breadcrumb": (
        event_payload('{"breadcrumbs":[{"data":{"foo":1}}]}', '"crash_report"'),
        {"/events/data/breadcrumbs/0/data/foo": 1},
    ),
    "unknown type": (
        event_payload('{"foo":1}', '"never_heard_of"'),
        {"/events/data/foo": 1},
    ),
    "our name": (
        event_payload('{"new_identity":1}', '"user_identity_change"'),
        {"/events/data/new_identity": 1},
    ),
}


@pytest.mark.parametrize(
    ("payload", "rescued"), UNKNOWN_IN_EVENTS.values(), ids=UNKNOWN_IN_EVENTS
)
def test_an_unknown_key_in_an_event_is_rescued_with_it(
    payload: bytes, rescued: dict[str, Any]
) -> None:
    """
    An unknown key of an event is rescued with that event, at any level.
    """
    assert rescued == one_event(payload).rescued
    assert decode(payload).rescued is None


def test_known_neighbours_of_an_unknown_key_keep_their_places() -> None:
    """
    An unknown key costs its neighbours nothing.
    """
    decoded = decode(b'{"foo":1,"mpid":2,"device_info":{"bar":3,"brand":"x"}}')

    assert (2, "x") == (decoded.batch.mpid, decoded.batch.device_info.brand)


# -- values that do not fit -------------------------------------------------

MISFITS = {
    "scalar for an object": (b'{"device_info":"x"}', {"/device_info": "x"}),
    "empty text for an object": (b'{"device_info":""}', {"/device_info": ""}),
    "list for an object": (b'{"device_info":[]}', {"/device_info": []}),
    "list for a map": (b'{"user_attributes":["a"]}', {"/user_attributes": ["a"]}),
    "object for a list": (
        b'{"deleted_user_attributes":{"a":1}}',
        {"/deleted_user_attributes": {"a": 1}},
    ),
    "scalar for identities": (b'{"user_identities":5}', {"/user_identities": 5}),
    "object for a leaf": (b'{"mpid":{"a":1}}', {"/mpid": {"a": 1}}),
    "list for a leaf": (b'{"ip":[1]}', {"/ip": [1]}),
    "list for an item": (
        b'{"deleted_user_attributes":["a",["b"]]}',
        {"/deleted_user_attributes/1": ["b"]},
    ),
    "text for an identity in a list": (
        b'{"user_identities":["x"]}',
        {"/user_identities/0": "x"},
    ),
    "object for an identity": (
        b'{"user_identities":{"email":{"a":1}}}',
        {"/user_identities/email": {"a": 1}},
    ),
    "scalar for a group": (
        b'{"integration_attributes":{"7":1}}',
        {"/integration_attributes/7": 1},
    ),
    "half a surrogate pair": (b'{"ip":"\\ud800"}', {"/ip": "\ud800"}),
    "half a pair in an attribute": (
        b'{"user_attributes":{"a":"\\udc00"}}',
        {"/user_attributes/a": "\udc00"},
    ),
    "half a pair in a name": (
        b'{"user_attributes":{"\\ud800":"x"}}',
        {"/user_attributes/\ud800": "x"},
    ),
    "half a pair in an unknown key": (b'{"\\ud800":"x"}', {"/\ud800": "x"}),
    "half a pair in an identity type": (
        b'{"user_identities":{"\\ud800":"x"}}',
        {"/user_identities/\ud800": "x"},
    ),
}


@pytest.mark.parametrize(("payload", "rescued"), MISFITS.values(), ids=MISFITS)
def test_a_value_of_another_structure_is_rescued(
    payload: bytes, rescued: dict[str, Any]
) -> None:
    """
    A value whose structure has no place in its column is rescued.
    """
    assert rescued == decode(payload).rescued


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (b"0", 0),
        (b"-0", 0),
        (b"9223372036854775807", 2**63 - 1),
        (b"9223372036854775808", 2**63),
        (b"-9223372036854775809", -(2**63) - 1),
        (b"18446744073709551616", 2**64),
        (b"1" + b"0" * 300, 10**300),
        (b"9" * 5000, "9" * 5000),
        (b"-" + b"9" * 5000, "-" + "9" * 5000),
        (b"1e400", "1e400"),
        (b"-1E+400", "-1E+400"),
        (b"1e-400", 0.0),
        (b"1E2", 100.0),
        (b"1.0", 1.0),
        (b"-0.0", -0.0),
    ],
)
def test_a_number_of_any_size_is_read(number: bytes, value: Any) -> None:
    """
    A number keeps its value; one that no Python number should hold stays text.
    """
    actual = decode(b'{"mpid":' + number + b"}").batch.mpid

    assert (type(value), value) == (type(actual), actual)


def test_a_pair_of_surrogate_escapes_is_one_character() -> None:
    """
    A whole surrogate pair is read as the character that it stands for.
    """
    payload = b'{"ip":"\\ud83d\\ude00"}'

    assert "\U0001f600" == decode(payload).batch.ip
    assert takes_fast_road(payload)


@pytest.mark.parametrize(
    "text", ["\x00", "a\x00b", "\x1f", "\x7f", "\u2028", "e\u0301"]
)
def test_text_is_kept_as_it_is(text: str) -> None:
    """
    NUL, control characters and combining marks are text like any other.
    """
    payload = json.dumps({"ip": text, "user_attributes": {text: text}}).encode()
    batch = decode(payload).batch

    assert (text, {text: text}) == (batch.ip, batch.user_attributes)


# -- events -----------------------------------------------------------------


@pytest.mark.parametrize("event", ["null", "1", '"x"', "true", "[]", '["event_type"]'])
def test_an_event_that_is_no_object_is_rescued_whole(event: str) -> None:
    """
    An event that is no object is an event all the same, with nothing but its rest.
    """
    actual = one_event(f'{{"events":[{event}]}}'.encode())

    assert (None, None) == (actual.event_type, actual.data)
    assert {"/events": json.loads(event)} == actual.rescued


def test_an_odd_event_costs_its_neighbours_nothing() -> None:
    """
    The events beside an odd one are read as if it were not there.
    """
    payload = (
        b'{"events":[{"event_type":"first_run","data":{"event_id":1}},7,'
        b'{"event_type":"first_run","data":{"event_id":2}}]}'
    )
    first, odd, last = decode(payload).events

    assert (1, 2) == (first.data.event_id, last.data.event_id)
    assert [None, {"/events": 7}, None] == [
        first.rescued,
        odd.rescued,
        last.rescued,
    ]


@pytest.mark.parametrize(
    ("event_type", "text"),
    [("5", "5"), ("1.5", "1.5"), ("true", "true"), ('""', ""), ("null", None)],
)
def test_an_event_type_is_taken_as_text(event_type: str, text: str | None) -> None:
    """
    An event type that is another scalar is text, and a null is none.
    """
    actual = one_event(event_payload('{"event_id":1}', event_type))

    assert (text, 1, None) == (
        actual.event_type,
        actual.data.event_id,
        actual.rescued,
    )


@pytest.mark.parametrize("event_type", ["[]", '{"a":1}', '"\\ud800"'])
def test_an_event_type_that_is_no_text_is_rescued(event_type: str) -> None:
    """
    An event type that can't be text is none, and rescued.
    """
    actual = one_event(event_payload("{}", event_type))

    assert actual.event_type is None
    assert {"/events/event_type": json.loads(event_type)} == actual.rescued


def test_an_event_without_type_uses_all_fields() -> None:
    """
    The data of an event that does not say its type may have any known field.
    """
    actual = one_event(b'{"events":[{"data":{"label":"x","screen_name":"y"}}]}')

    assert (AnyEventData, "x", "y") == (
        type(actual.data),
        actual.data.label,
        actual.data.screen_name,
    )


def test_an_event_type_inside_the_data_is_unknown() -> None:
    """
    An event's type is beside its data; one inside is an unknown key.
    """
    actual = one_event(b'{"events":[{"data":{"event_type":"custom_event"}}]}')

    assert actual.event_type is None
    assert {"/events/data/event_type": "custom_event"} == actual.rescued


@pytest.mark.parametrize("event_type", [*sorted(BODIES), "never_heard_of"])
def test_data_is_of_the_class_of_its_type(event_type: str) -> None:
    """
    Both roads read an event's data as the class of its type.
    """
    fast = one_event(event_payload('{"event_id":1}', f'"{event_type}"'))
    slow = one_event(event_payload('{"event_id":1,"?":1}', f'"{event_type}"'))

    assert [body_of(event_type)] * 2 == [type(fast.data), type(slow.data)]


@pytest.mark.parametrize(
    "event",
    [
        '{"event_type":"first_run"}',
        '{"event_type":"first_run","data":null}',
        '{"event_type":"first_run","data": null }',
    ],
)
def test_an_event_may_have_no_data(event: str) -> None:
    """
    Data that is absent or null is None, and nothing is rescued.
    """
    actual = one_event(f'{{"events":[{event}]}}'.encode())

    assert ("first_run", None, None) == (
        actual.event_type,
        actual.data,
        actual.rescued,
    )


@pytest.mark.parametrize("data", ["[]", "[1]", "5", '"x"', "false"])
def test_data_that_is_no_object_is_rescued(data: str) -> None:
    """
    Data of another structure is None, and rescued.
    """
    actual = one_event(event_payload(data))

    assert actual.data is None
    assert {"/events/data": json.loads(data)} == actual.rescued


def test_attributes_as_a_list_are_rescued() -> None:
    """
    Attributes that are a list have no names, and are rescued.
    """
    actual = one_event(event_payload('{"custom_attributes":[{"a":1}]}'))

    assert actual.data.custom_attributes is None
    assert {"/events/data/custom_attributes": [{"a": 1}]} == actual.rescued


def test_rescued_values_of_events_stay_apart() -> None:
    """
    What is rescued of one event is not in the batch's rest nor in another event's.
    """
    payload = b'{"foo":1,"events":[{"bar":2},{"event_type":"first_run"},{"bar":3}]}'
    decoded = decode(payload)

    assert {"/foo": 1} == decoded.rescued
    assert [{"/events/bar": 2}, None, {"/events/bar": 3}] == [
        event.rescued for event in decoded.events
    ]


# -- identities -------------------------------------------------------------


def test_identities_are_read_in_both_forms() -> None:
    """
    Identities come as an object of texts, or as a list of objects.
    """
    as_object = decode(b'{"user_identities":{"email":"a"}}').batch
    as_list = decode(
        b'{"user_identities":[{"identity_type":"email","identity":"a"}]}'
    ).batch

    assert {"email": "a"} == as_object.user_identities
    assert ["a"] == [each.identity for each in as_list.user_identities]


def test_null_identities_in_a_list_keep_their_places() -> None:
    """
    A null in the list of identities stays, so that those after it keep their index.
    """
    payload = b'{"user_identities":[null,{"identity":"a"},{"foo":1}]}'
    none, second, third = decode(payload).batch.user_identities

    assert none is None
    assert ("a", None) == (second.identity, third.identity)


# -- credentials ------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b'{"api_key":"s3cret"}',
        b'{"api_keys":["s3cret"]}',
        b'{"api_key":{"k":"s3cret"}}',
        b'{"api_keys":"s3cret","foo":1}',
        b'{"api_key":"s3cret","api_key":"s3cret"}',
        b'{"api_key":"s3cret","api_key":null}',
        b'{"api_keys":[{"a":"s3cret","a":"s3cret"}]}',
        b'{"api_keys":{"a":"s3cret","a":1},"api_keys":2,"mpid":1,"mpid":2}',
        b'{"api_key":"\\ud800s3cret"}',
        b'{"api_key":"s3cret","events":[7]}',
    ],
    ids=bytes.decode,
)
def test_a_credential_is_nowhere(payload: bytes) -> None:
    """
    A key of the API is neither in the batch nor rescued, however it came.
    """
    decoded = decode(payload)

    assert (None, None) == (decoded.batch.api_key, decoded.batch.api_keys)
    assert "s3cret" not in str(msgspec.to_builtins(decoded))


# -- what is no batch -------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not JSON: Expecting value at character 0"),
        (b"{", "not JSON: Expecting property name"),
        (b'{"mpid":1}x', "not JSON: Extra data at character 10"),
        (b'{"mpid":1,}', "not JSON: "),
        (b"{'mpid':1}", "not JSON: "),
        (b'{"mpid":01}', "not JSON: "),
        (b'{"ip":"a\nb"}', "not JSON: Invalid control character"),
        (b"\xef\xbb\xbf{}", "not JSON: "),
        (b'{"ip":"\xff"}', "not UTF-8 at byte 7"),
        (b'{"ip":"\xed\xa0\x80"}', "not UTF-8 at byte 7"),
        (b'{"foo":"\xff"}', "not UTF-8 at byte 8"),
        ('{"ip":"x"}'.encode("utf-16"), "not UTF-8 at byte 0"),
        (b'{"mpid":NaN}', "NaN is not JSON"),
        (b'{"mpid":-Infinity}', "-Infinity is not JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"5", "not a JSON object"),
        (b'{"events":{}}', "events is neither a list nor null"),
        (b'{"events":"x"}', "events is neither a list nor null"),
        (b'{"events":[],"events":0}', "events is neither a list nor null"),
        (b'{"events":' + b"[" * 100_000, "nested deeper than can be read"),
        (
            b'{"foo":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "nested deeper than can be read",
        ),
    ],
)
def test_what_is_no_batch_is_refused_with_its_reason(
    payload: bytes, reason: str
) -> None:
    """
    What is no batch raises an error that says why, without the payload.
    """
    with pytest.raises(DecodeError) as caught:
        decode(payload)

    assert reason == str(caught.value)[: len(reason)]


def test_a_reason_says_nothing_of_the_payload() -> None:
    """
    The error of a payload that is no JSON holds no word of it, nor does its cause.
    """
    with pytest.raises(DecodeError) as caught:
        decode(b'{"ip":"person@example.com" oops}')

    assert "person" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_what_python_can_parse_but_not_walk_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A payload too deep for the walk is refused like one too deep for the parser.
    """

    def too_deep(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr(fitting, "_fit_event", too_deep)

    with pytest.raises(DecodeError, match="nested deeper than can be read"):
        decode(b'{"events":[7]}')


# -- parts ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "step"),
    [("a", "a"), ("", ""), ("a/b", "a~1b"), ("~", "~0"), ("~1", "~01"), ("/~", "~1~0")],
)
def test_a_step_of_a_pointer_is_escaped(key: str, step: str) -> None:
    """
    A member's name is escaped as RFC 6901 says.
    """
    assert step == escaped(key)


@pytest.mark.parametrize("text", ["1e308", "-1.5", "1e309", "-1e309"])
def test_a_parsed_number_is_finite_or_text(text: str) -> None:
    """
    A number is a finite double, or its text.
    """
    actual = parse_json(text.encode())

    assert text == actual if math.isinf(float(text)) else float(text) == actual


def test_a_repr_says_nothing_of_the_payload() -> None:
    """
    The repr of what was decoded is its class and its place.
    """
    decoded = decode(b'{"ip":"192.0.2.1","events":[{"event_type":"x","foo":"y"}]}')
    (event,) = decoded.events

    assert object.__repr__(decoded) == repr(decoded)
    assert object.__repr__(event) == repr(event)


@pytest.mark.parametrize(
    "depth", [1, 200, 400, 600, 800, 900, 950, 990, 1100, 5000, 100_000]
)
@pytest.mark.parametrize(
    "around",
    [
        b'{"user_attributes":{"a":%b}}',
        b'{"foo":%b}',
        b'{"events":[{"foo":%b}]}',
        b'{"events":[{"event_type":"first_run","data":{"custom_attributes":{"a":%b}}}]}',
    ],
    ids=bytes.decode,
)
def test_any_depth_is_read_or_refused(depth: int, around: bytes) -> None:
    """
    A value nested however deep is read, or the payload is refused in a sentence.
    """
    payload = around % (b"[" * depth + b"1" + b"]" * depth)
    reason = None
    try:
        decode(payload)
    except DecodeError as error:
        reason = str(error)

    assert reason in (None, "nested deeper than can be read")
    assert reason is not None or depth < 100_000


def test_bytes_shared_by_events_are_those_outside_them() -> None:
    """
    What a batch says for all its events counts, rescued values too, events don't.
    """
    event = b'{"event_type":"screen_view","data":{"screen_name":"Home"}}'
    few = b'{"sdk_version":"12345","events":[' + event + b"]}"
    many = b'{"sdk_version":"12345","events":[' + b",".join([event] * 9) + b"]}"
    odd = b'{"sdk_version":"12345","foo":"' + b"x" * 100 + b'","events":[]}'
    expected = len('[{"sdk_version":"12345"},null]')

    assert expected == shared_bytes(decode(few), at_most=10**6)
    assert expected == shared_bytes(decode(many), at_most=10**6)
    assert expected + 100 < shared_bytes(decode(odd), at_most=10**6)


def test_bytes_shared_are_at_most_a_payload_s() -> None:
    """
    A batch that can't be written as JSON again is taken for all of its payload.
    """
    decoded = decode(b'{"foo":"\\ud800"}')

    assert 16 == shared_bytes(decoded, at_most=16)
