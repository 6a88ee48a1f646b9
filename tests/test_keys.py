"""
Batch and event → key.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from databricks_forwarder.errors import DecodeError, RouteError
from databricks_forwarder.model import EventKey
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.mparticle.keys import SOURCE_FEED, KeyMaker
from databricks_forwarder.testing.strategies import odd_payloads, payloads
from databricks_forwarder.testing.workload import workload


def keys_of(payload: bytes) -> list[EventKey]:
    """
    The keys of a payload's messages, on which both ways of reading agree.
    """
    maker = KeyMaker()
    keys = list(maker.keys(decode(payload)))

    assert keys == list(maker.glance(payload))
    return keys


def key_of(event: dict[str, Any], **batch: Any) -> EventKey:
    """
    The key of an event that is the only one of its batch.
    """
    (key,) = keys_of(json.dumps({**batch, "events": [event]}).encode())
    return key


def event_of(event_type: Any, **data: Any) -> dict[str, Any]:
    """
    An event of a type with its data.
    """
    return {"event_type": event_type, "data": data}


# -- the two ways -----------------------------------------------------------


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(payload=payloads())
def test_a_glance_at_a_clean_batch_sees_its_keys(payload: bytes) -> None:
    """
    A glance at a clean payload reads the keys that decoding all of it gives.
    """
    assert KeyMaker().keys(decode(payload)) == KeyMaker().glance(payload)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(payload=odd_payloads())
def test_a_glance_at_a_hostile_batch_sees_its_keys(payload: bytes) -> None:
    """
    A glance at a hostile payload reads the keys that decoding all of it gives.
    """
    assert KeyMaker().keys(decode(payload)) == KeyMaker().glance(payload)


def test_a_glance_at_ordinary_traffic_sees_its_keys() -> None:
    """
    A glance at the benchmark's workload reads one key for each event.
    """
    for payload in workload(20):
        assert len(json.loads(payload)["events"]) == len(keys_of(payload))


@pytest.mark.parametrize(
    "payload", [b"", b"[]", b'{"events":5}', b"{]", b'{"ip":NaN}', b"\xff"]
)
def test_a_glance_at_no_batch_is_refused(payload: bytes) -> None:
    """
    A glance at what is no batch raises the error that decoding it raises.
    """
    with pytest.raises(DecodeError) as glancing:
        KeyMaker().glance(payload)
    with pytest.raises(DecodeError) as decoding:
        decode(payload)

    assert str(decoding.value) == str(glancing.value)


def test_a_glance_at_half_a_surrogate_pair_decodes_in_full() -> None:
    """
    A name that a glance can't read is read by decoding, which has no text for it.
    """
    payload = (
        b'{"events":[{"event_type":"custom_event","data":{"event_name":"\\ud800"}}]}'
    )

    assert [EventKey("custom_event")] == keys_of(payload)


# -- type and name ----------------------------------------------------------


def test_a_custom_event_has_its_type_and_its_name() -> None:
    """
    The key of a custom event says its custom type and its name.
    """
    event = event_of("custom_event", event_name="Sign Up", custom_event_type="social")
    expected = EventKey(
        "custom_event", custom_event_type="social", event_name="Sign Up"
    )

    assert expected == key_of(event)


@pytest.mark.parametrize(
    "event_type", ["screen_view", "session_start", "never_heard_of", "Custom_Event"]
)
def test_other_kinds_have_no_name(event_type: str) -> None:
    """
    The key of any other kind is its type, whatever names its data holds.
    """
    event = event_of(event_type, event_name="x", custom_event_type="y")

    assert EventKey(event_type) == key_of(event)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"event_name": "eCommerce - Purchase"}, "eCommerce - Purchase"),
        (
            {"event_name": "x", "product_action": {"action": "purchase"}},
            "x",
        ),
        ({"event_name": "", "product_action": {"action": "click"}}, "click"),
        ({"event_name": None, "product_action": {"action": "click"}}, "click"),
        ({"product_action": {"action": "purchase"}}, "purchase"),
        ({"product_action": {"action": 7}}, "7"),
        ({"product_action": {}}, None),
        (
            {"product_action": {}, "promotion_action": {"action": "view"}},
            None,
        ),
        ({"promotion_action": {"action": "view"}}, "promotion_view"),
        (
            {"product_action": None, "promotion_action": {"action": "click"}},
            "promotion_click",
        ),
        ({"promotion_action": {"action": ""}}, None),
        ({"promotion_action": {}}, None),
        ({"product_impressions": [{"products": []}]}, "impression"),
        ({"product_impressions": [None]}, "impression"),
        ({"product_impressions": []}, None),
        ({"product_impressions": None}, None),
        ({"shopping_cart": {"products": []}}, None),
        ({}, None),
    ],
)
def test_a_commerce_event_is_named_by_its_name_or_its_action(
    data: dict[str, Any], name: str | None
) -> None:
    """
    A commerce event without a name is named by what was done.
    """
    expected = EventKey("commerce_event", event_name=name)

    assert expected == key_of(event_of("commerce_event", **data))


@pytest.mark.parametrize("odd", ["x", 5, {"a": 1}, True])
def test_impressions_that_are_no_list_name_nothing(odd: Any) -> None:
    """
    What stands in place of the list of impressions is no impression.
    """
    event = event_of("commerce_event", product_impressions=odd)

    assert EventKey("commerce_event") == key_of(event)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (12, "12"),
        (1.5, "1.5"),
        (True, "true"),
        (2**70, str(2**70)),
        ("é", "é"),
        (" ", " "),
        ("\x00", "\x00"),
        ("", None),
        (None, None),
        ([], None),
        (["x"], None),
        ({"a": 1}, None),
    ],
)
def test_a_name_is_text_that_says_something(name: Any, text: str | None) -> None:
    """
    A name that is a scalar is text; an empty one and a structure are none.
    """
    event = event_of("custom_event", event_name=name, custom_event_type=name)
    expected = EventKey("custom_event", custom_event_type=text, event_name=text)

    assert expected == key_of(event)


@pytest.mark.parametrize(
    ("event_type", "text"),
    [(None, ""), ("", ""), ([], ""), ({}, ""), (5, "5"), (False, "false"), ("é", "é")],
)
def test_an_event_that_does_not_say_its_type_has_the_empty_one(
    event_type: Any, text: str
) -> None:
    """
    The type in a key is text, and empty for an event that does not say it.
    """
    assert EventKey(text) == key_of(event_of(event_type))


@pytest.mark.parametrize("event", [None, 5, "x", [], {}])
def test_an_event_without_members_has_a_key(event: Any) -> None:
    """
    An event that says nothing, or is no object, has the key of the empty type.
    """
    assert EventKey("") == key_of(event)


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_an_event_without_data_has_no_name(data: Any) -> None:
    """
    An event whose data is no object is keyed by its type alone.
    """
    event = {"event_type": "custom_event", "data": data}

    assert EventKey("custom_event") == key_of(event)


def test_the_last_of_repeated_names_is_the_name() -> None:
    """
    Of repeated keys the last one counts, for a glance as for decoding.
    """
    payload = (
        b'{"events":[{"event_type":"custom_event","event_type":"custom_event",'
        b'"data":{"event_name":"a"},"data":{"event_name":"b","event_name":"c"}}]}'
    )

    assert [EventKey("custom_event", event_name="c")] == keys_of(payload)


# -- batches ----------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"{}", b'{"events":null}', b'{"events":[]}'])
def test_a_batch_without_events_has_one_key(payload: bytes) -> None:
    """
    A batch without events has one key, of no event type.
    """
    assert [EventKey(None)] == keys_of(payload)


def test_keys_come_in_the_order_of_the_events() -> None:
    """
    A batch has one key for each event, in their order, equal ones included.
    """
    types = ["first_run", "opt_out", "first_run"]
    payload = json.dumps({"events": [{"event_type": each} for each in types]}).encode()

    assert [EventKey(each) for each in types] == keys_of(payload)


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ("production", "production"),
        ("Development", "Development"),
        ("", None),
        (None, None),
        (1, "1"),
        ([], None),
    ],
)
def test_a_key_says_the_environment(environment: Any, text: str | None) -> None:
    """
    The environment is in each key as the batch says it, also without events.
    """
    payload = json.dumps({"environment": environment}).encode()

    assert [EventKey(None, environment=text)] == keys_of(payload)
    assert text == key_of(event_of("opt_out"), environment=environment).environment


def test_equal_keys_are_one_object() -> None:
    """
    A maker makes each distinct key once, for a glance and for decoding.
    """
    maker = KeyMaker()
    payload = b'{"events":[{"event_type":"opt_out"},{"event_type":"opt_out"}]}'
    keys = [*maker.glance(payload), *maker.keys(decode(payload))]

    assert 1 == len({id(key) for key in keys})


# -- feeds ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source_info", "feed"),
    [
        ({"channel": "partner", "partner": "Corner Shop"}, "Corner Shop"),
        ({"channel": "partner", "partner": ""}, "partner"),
        ({"channel": "partner", "partner": None}, "partner"),
        ({"channel": "partner", "partner": []}, "partner"),
        ({"channel": "partner"}, "partner"),
        ({"channel": "partner", "partner": 7}, "7"),
        ({"channel": "native", "partner": "Corner Shop"}, None),
        ({"channel": None, "partner": "Corner Shop"}, None),
        ({"channel": ["partner"]}, None),
        ({}, None),
        (None, None),
        ([], None),
        ("partner", None),
    ],
)
def test_a_feed_is_known_by_the_channel(source_info: Any, feed: str | None) -> None:
    """
    A batch whose channel is ``partner`` comes from the feed of that partner.
    """
    payload = json.dumps({"source_info": source_info}).encode()

    assert [EventKey(None, feed=feed)] == keys_of(payload)


@pytest.mark.parametrize(
    ("attributes", "feed"),
    [
        ({SOURCE_FEED: "Shop Feed"}, "Shop Feed"),
        ({SOURCE_FEED: 5, "other": 1}, "5"),
        ({SOURCE_FEED: ""}, None),
        ({SOURCE_FEED: None}, None),
        ({SOURCE_FEED: ["x"]}, None),
        ({SOURCE_FEED.lower(): "x"}, None),
        ({}, None),
        (None, None),
        ([], None),
        ("x", None),
    ],
)
@pytest.mark.parametrize("event_type", ["custom_event", "opt_out", "never_heard_of"])
def test_a_feed_is_known_by_an_attribute_of_the_event(
    attributes: Any, feed: str | None, event_type: str
) -> None:
    """
    Without a channel, mParticle's attribute of an event names its feed.
    """
    event = event_of(event_type, custom_attributes=attributes)

    assert EventKey(event_type, feed=feed) == key_of(event)


def test_the_channel_names_the_feed_before_the_attribute() -> None:
    """
    A batch that says its partner is of that feed, whatever its events say.
    """
    event = event_of("opt_out", custom_attributes={SOURCE_FEED: "by attribute"})
    key = key_of(event, source_info={"channel": "partner", "partner": "by channel"})

    assert "by channel" == key.feed


# -- groups -----------------------------------------------------------------


def test_a_group_is_asked_once_for_each_batch() -> None:
    """
    A router's group of a batch is asked once and is in each of its keys.
    """
    asked: list[Batch] = []

    def group(batch: Batch) -> str | None:
        asked.append(batch)
        return f"tenant {batch.mpid}"

    payload = b'{"mpid":7,"events":[{"event_type":"opt_out"},{"event_type":"x"}]}'
    keys = KeyMaker(group).glance(payload)

    assert ["tenant 7", "tenant 7"] == [key.group for key in keys]
    assert [7] == [batch.mpid for batch in asked]


def test_a_group_may_be_none() -> None:
    """
    A batch of no group has keys without one.
    """
    assert [EventKey(None)] == KeyMaker(lambda _: None).glance(b"{}")


def test_a_group_that_raises_is_a_route_error() -> None:
    """
    The exception of a router's group is the cause; the sentence names its class only.
    """

    def group(batch: Batch) -> str | None:
        raise LookupError(batch.ip)

    with pytest.raises(RouteError) as caught:
        KeyMaker(group).glance(b'{"ip":"192.0.2.1"}')

    assert "the router's group raised LookupError" == str(caught.value)
    assert isinstance(caught.value.__cause__, LookupError)


def test_a_maker_keeps_its_keys_out_of_its_repr() -> None:
    """
    The repr of a maker says nothing of the keys that it made.
    """
    maker = KeyMaker()
    maker.glance(b'{"environment":"hidden"}')

    assert "KeyMaker(group=None)" == repr(maker)


def test_a_group_is_text_or_none() -> None:
    """
    What a router names a group with is refused unless it is text.
    """
    payload = b'{"events": null}'

    with pytest.raises(RouteError, match="group must be text or None, not int"):
        KeyMaker(lambda _: 7).glance(payload)  # type: ignore[arg-type,return-value]
