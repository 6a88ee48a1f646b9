"""
Places of rescued values.
"""

from __future__ import annotations

import json

import pytest

from databricks_forwarder._codec import keys_of
from databricks_forwarder.mparticle import places
from databricks_forwarder.mparticle.places import place_of
from databricks_forwarder.mparticle.shapes import Field, Leaf, Object


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("/mpid", "/mpid"),
        ("/anna@example.com", "/?"),
        ("/device_info/bundle_of_anna/x", "/device_info/?"),
        ("/user_attributes/anna@example.com", "/user_attributes/*"),
        ("/user_attributes/a/b", "/user_attributes/*/?"),
        ("/user_identities/email", "/user_identities/*"),
        ("/user_identities/0/identity", "/user_identities/*/identity"),
        ("/integration_attributes/12/anna", "/integration_attributes/*/*"),
        ("/events", "/events"),
        ("/events/event_type", "/events/event_type"),
        ("/events/anna", "/events/?"),
        ("/events/data", "/events/data"),
        ("/events/data/anna", "/events/data/?"),
        ("/events/data/location/latitude", "/events/data/location/latitude"),
        (
            "/events/data/product_action/products/17/price",
            "/events/data/product_action/products/*/price",
        ),
        ("/mpid~repeated/0", "/mpid"),
        ("/anna~0repeated~1", "/?"),
        ("/mpid/anna", "/mpid/?"),
        ("", ""),
    ],
)
def test_a_place_has_names_of_the_schema_alone(pointer: str, place: str) -> None:
    """
    Of a pointer those steps are kept that every host's payloads may have.
    """
    assert place == place_of(pointer)


def test_names_with_signs_of_their_own_are_spelled_as_pointers_are() -> None:
    """
    A member whose name has a slash is found by its escaped name.
    """
    field = Field("a", "a/~b", Leaf("string"))

    assert ("a~1~0b", field.shape) == places._member(Object(object, (field,)), "a~1~0b")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"b":{"c":[]}}',
        '{"a":NaN,"b":1}',
        json.dumps({"a": int("9" * 400), "b": 1}),
    ],
)
def test_keys_are_read_without_what_they_hold(text: str) -> None:
    """
    Values that are no number, or a number of any length, are passed over.
    """
    assert ["a", "b"] == list(keys_of(text))


def test_keys_with_half_a_character_are_read() -> None:
    """
    A name that no file can hold is a name.
    """
    assert ["\ud800"] == list(keys_of('{"\\ud800":' + "9" * 5000 + "}"))
