"""
The batch classes read as a tree, for those who walk it.

Three walkers share it: the slow road of decoding, the column types, and the
table reference. None of them looks at an annotation.
"""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    Union,
    cast,
    get_args,
    get_origin,
)

import attrs
from msgspec.structs import fields

from databricks_forwarder.mparticle.batch import UserIdentity

if TYPE_CHECKING:
    from msgspec import Struct

__all__ = [
    "Entries",
    "Field",
    "Identities",
    "Items",
    "Leaf",
    "Object",
    "Shape",
    "object_shape",
]

LeafType = Literal["string", "int64", "double", "bool", "json"]


@attrs.frozen
class Leaf:
    """
    A scalar column; ``json`` holds any JSON value as text.
    """

    type: LeafType


@attrs.frozen
class Items:
    """
    A list.
    """

    item: Shape


@attrs.frozen
class Entries:
    """
    A map from text.
    """

    value: Shape


@attrs.frozen
class Identities:
    """
    User identities in either form: a map from identity type to `value`.
    """

    value: Object


@attrs.frozen
class Field:
    """
    A member of an object.

    Attributes:
        name: Of the column and of the attribute of the class.
        json_name: In the payload.
    """

    name: str
    json_name: str
    shape: Shape


@attrs.frozen(eq=False)
class Object:
    """
    An object of the schema.

    Attributes:
        type: Its class.
        fields: The members that become columns, in the order of the class.
        secrets: JSON names, in lower case, of members that are known and never
            written, whatever the case of their letters.
    """

    type: type[Struct]
    fields: tuple[Field, ...]
    secrets: frozenset[str] = frozenset()


Shape = Leaf | Items | Entries | Identities | Object


@cache
def object_shape(type_: type[Struct]) -> Object:
    """
    Read a batch class as a tree; members that are walked apart are left out.
    """
    members, secrets = [], set()
    for each in fields(type_):
        mark = _mark(each.type)
        if mark == "credential":
            secrets.add(each.encode_name)
        elif mark != "apart":
            members.append(Field(each.name, each.encode_name, _shape(each.type)))
    return Object(type_, tuple(members), frozenset(secrets))


def _mark(annotation: Any) -> str | None:
    if get_origin(annotation) is Annotated:
        return str(annotation.__metadata__[0])
    return None


def _shape(annotation: Any) -> Shape:
    mark = _mark(annotation)
    if mark == "identities":
        identity = object_shape(UserIdentity)
        rest = tuple(each for each in identity.fields if each.name != "identity_type")
        return Identities(attrs.evolve(identity, fields=rest))
    if mark is not None:
        return Leaf(cast("LeafType", mark))
    return _container(annotation)


def _container(annotation: Any) -> Shape:
    members = (
        get_args(annotation)
        if get_origin(annotation) in (Union, UnionType)
        else (annotation,)
    )
    (kind,) = (each for each in members if each is not type(None))
    if get_origin(kind) is dict:
        return Entries(_shape(get_args(kind)[1]))
    if get_origin(kind) is list:
        return Items(_shape(get_args(kind)[0]))
    return object_shape(kind)
