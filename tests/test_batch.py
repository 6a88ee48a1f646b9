"""
The classes of a batch.
"""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import fields

from databricks_forwarder.mparticle.batch import (
    BODIES,
    EVENT_TYPES,
    IDENTITY_TYPES,
    AnyEventData,
    Batch,
    CrashReportData,
    Event,
    UserIdentity,
    body_of,
    identity_name,
)


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_a_known_event_type_has_its_body(event_type: str) -> None:
    """
    The data of a known event type is of the class of that type.
    """
    assert BODIES[event_type] is body_of(event_type)


@pytest.mark.parametrize("event_type", [None, "", "never_heard_of", "Custom_Event"])
def test_an_unknown_event_type_has_all_fields(event_type: str | None) -> None:
    """
    The data of an unknown or absent event type may have the fields of all types.
    """
    assert AnyEventData is body_of(event_type)


def test_the_body_of_all_fields_has_each_field_once() -> None:
    """
    The class for unknown types has the fields of all bodies, each once.
    """
    names = [each.name for each in fields(AnyEventData)]
    expected = {each.name for body in BODIES.values() for each in fields(body)}

    assert expected == set(names)
    assert len(expected) == len(names)


def test_new_and_old_of_an_unknown_type_are_values() -> None:
    """
    In an event of unknown type ``new`` is the member of an attribute change.
    """
    data = msgspec.json.decode(b'{"new": ["a"], "old": 1}', type=AnyEventData)

    assert (["a"], 1) == (data.new, data.old)
    assert (None, None) == (data.new_identity, data.old_identity)


def test_new_and_old_of_an_identity_change_are_identities() -> None:
    """
    In an identity change ``new`` and ``old`` are identities under other names.
    """
    data = msgspec.json.decode(
        b'{"new": {"identity": "a"}, "old": null}', type=body_of("user_identity_change")
    )

    assert "a" == data.new_identity.identity
    assert data.old_identity is None


@pytest.mark.parametrize(
    "type_", [Batch, Event, UserIdentity, *dict.fromkeys(BODIES.values())]
)
def test_every_member_may_be_absent(type_: type[msgspec.Struct]) -> None:
    """
    An object without any member can be read.
    """
    assert type_() == msgspec.json.decode(b"{}", type=type_)


@pytest.mark.parametrize(
    "type_", [Batch, Event, UserIdentity, AnyEventData, *dict.fromkeys(BODIES.values())]
)
def test_an_unknown_member_is_refused(type_: type[msgspec.Struct]) -> None:
    """
    No class takes a member that it does not know: none is passed over in silence.
    """
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"never_heard_of": 1}', type=type_)


@pytest.mark.parametrize("json_value", ["1", '"x"', "true", "1.5", "null"])
def test_a_leaf_takes_any_scalar(json_value: str) -> None:
    """
    A leaf is read whatever scalar it is, and stays what it is.
    """
    payload = f'{{"mpid": {json_value}}}'.encode()
    expected = msgspec.json.decode(json_value)

    assert expected == msgspec.json.decode(payload, type=Batch).mpid


def test_a_breadcrumb_is_an_event_in_a_crash_report() -> None:
    """
    A crash report holds breadcrumbs as events with data of their own.
    """
    payload = b'{"breadcrumbs": [{"event_type": "breadcrumb", "data": {"label": "x"}}]}'
    (breadcrumb,) = msgspec.json.decode(payload, type=CrashReportData).breadcrumbs

    assert "x" == breadcrumb.data.label


@pytest.mark.parametrize(
    "value",
    [
        Batch(ip="192.0.2.1", user_attributes={"$City": "Quito"}),
        Event(event_type="first_run", data=msgspec.Raw(b'{"event_id": 77}')),
        AnyEventData(event_name="secret name"),
        UserIdentity(identity="person@example.com"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_repr_says_nothing_of_the_person(value: msgspec.Struct) -> None:
    """
    The repr of an object of a batch is its class and its place, nothing else.
    """
    assert object.__repr__(value) == repr(value)


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("customer_id", "customer_id"),
        ("customerid", "customer_id"),
        ("customerId", "customer_id"),
        ("CustomerId", "customer_id"),
        ("CUSTOMER_ID", "customer_id"),
        ("otherid10", "other_id_10"),
        ("Facebook_Custom_Audience_Id", "facebook_custom_audience_id"),
        ("", ""),
        ("NeverHeardOf", "NeverHeardOf"),
        ("customer id", "customer id"),
    ],
)
def test_identity_types_are_spelt_as_in_the_schema(key: str, name: str) -> None:
    """
    An identity type is known in any case and without underscores; others stay.
    """
    assert name == identity_name(key)


@pytest.mark.parametrize("name", IDENTITY_TYPES)
def test_an_identity_type_of_the_schema_is_its_own_name(name: str) -> None:
    """
    The schema's spelling of an identity type is kept.
    """
    assert name == identity_name(name)
