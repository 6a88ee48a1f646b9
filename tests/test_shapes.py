"""
The batch classes read as a tree.
"""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from msgspec import Struct, field

from databricks_forwarder.mparticle.batch import BODIES, Batch, Event
from databricks_forwarder.mparticle.shapes import (
    Entries,
    Field,
    Identities,
    Items,
    Leaf,
    Object,
    Shape,
    object_shape,
)


class Inner(Struct):
    """
    An object inside another.
    """

    number: Annotated[float | None, "double"] = None


class Outer(Struct):
    """
    One member of each kind.
    """

    text: Annotated[str | None, "string"] = None
    renamed: Annotated[int | None, "int64"] = field(default=None, name="new")
    inner: Inner | None = None
    items: list[Annotated[str | None, "string"]] | None = None
    objects: list[Inner | None] | None = None
    entries: dict[str, Annotated[Any, "json"]] | None = None
    groups: dict[str, dict[str, Annotated[Any, "json"]] | None] | None = None
    apart: Annotated[Any, "apart"] = None
    secret: Annotated[Any, "credential"] = field(default=None, name="api_secret")


def fields_by_name(shape: Object) -> dict[str, Field]:
    """
    The members of an object by their names.
    """
    return {each.name: each for each in shape.fields}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("text", Leaf("string")),
        ("renamed", Leaf("int64")),
        ("items", Items(Leaf("string"))),
        ("entries", Entries(Leaf("json"))),
        ("groups", Entries(Entries(Leaf("json")))),
    ],
)
def test_a_member_has_the_shape_of_its_annotation(name: str, shape: Shape) -> None:
    """
    A member's shape is a leaf, a list or a map, as its annotation says.
    """
    assert shape == fields_by_name(object_shape(Outer))[name].shape


def test_an_object_inside_is_the_shape_of_its_class() -> None:
    """
    A member that is an object has the one shape of its class, in a list as well.
    """
    members = fields_by_name(object_shape(Outer))

    assert object_shape(Inner) is members["inner"].shape
    assert Items(object_shape(Inner)) == members["objects"].shape


def test_a_renamed_member_has_two_names() -> None:
    """
    A member is named once for its column and once for the payload.
    """
    actual = fields_by_name(object_shape(Outer))["renamed"]

    assert Field("renamed", "new", Leaf("int64")) == actual


def test_a_member_walked_apart_is_left_out() -> None:
    """
    A member marked as apart is neither a column nor a secret.
    """
    shape = object_shape(Outer)

    assert "apart" not in fields_by_name(shape)
    assert "apart" not in shape.secrets


def test_a_credential_is_a_secret_and_no_column() -> None:
    """
    A member marked as a credential is known by its JSON name and has no column.
    """
    shape = object_shape(Outer)

    assert frozenset({"api_secret"}) == shape.secrets
    assert "secret" not in fields_by_name(shape)


def test_fields_keep_the_order_of_the_class() -> None:
    """
    The members of a shape come in the order of the class.
    """
    expected = ["text", "renamed", "inner", "items", "objects", "entries", "groups"]

    assert expected == [each.name for each in object_shape(Outer).fields]


def test_identities_lose_their_type() -> None:
    """
    The value of the map of identities has no member for the type: it is the key.
    """
    shape = fields_by_name(object_shape(Batch))["user_identities"].shape
    assert isinstance(shape, Identities)

    expected = ["identity", "timestamp_unixtime_ms", "created_this_batch"]

    assert expected == [each.name for each in shape.value.fields]


def test_the_events_of_a_batch_are_no_member() -> None:
    """
    A batch's shape has neither its events nor its credentials as columns.
    """
    shape = object_shape(Batch)

    assert set() == {"events", "api_key", "api_keys"} & set(fields_by_name(shape))
    assert frozenset({"api_key", "api_keys"}) == shape.secrets


def test_an_event_has_its_type_alone() -> None:
    """
    An event's shape is its type; its data is walked by that type.
    """
    assert ["event_type"] == [each.name for each in object_shape(Event).fields]


@pytest.mark.parametrize("body", sorted(set(BODIES.values()), key=lambda b: b.__name__))
def test_a_class_is_read_once(body: type[Struct]) -> None:
    """
    The shape of a class is made once and then the same.
    """
    assert object_shape(body) is object_shape(body)
