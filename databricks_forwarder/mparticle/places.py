"""
Where in a payload a value was rescued, without anything that is a host's own.
"""

from __future__ import annotations

from functools import lru_cache

from databricks_forwarder.mparticle.batch import Batch, Event, body_of
from databricks_forwarder.mparticle.shapes import (
    Entries,
    Field,
    Identities,
    Items,
    Object,
    Shape,
    object_shape,
)

__all__ = ["ANY", "UNKNOWN", "place_of"]

ANY = "*"
"""In a place: an entry of a map, an item of a list."""

UNKNOWN = "?"
"""In a place: a member that the schema does not have."""

_REPEATED = "~repeated/"


# There are as many pointers as hosts think up names; of places some hundred.
@lru_cache(maxsize=4096)
def place_of(pointer: str) -> str:
    """
    Spell the place that a pointer of ``_rescued_data`` leads to.

    Names that the schema has are kept and no others: those of an attribute,
    or of a field that nobody knows, are a host's own, and may tell of a person.

    Args:
        pointer: JSON Pointer as `databricks_forwarder.mparticle.decode` makes it.
    """
    steps = pointer.partition(_REPEATED)[0].split("/")[1:]
    shape: Shape | None = object_shape(Batch)
    place = ""
    for step in steps:
        name, shape = _below(place, shape, step)
        place = f"{place}/{name}"
        if name == UNKNOWN:
            break
    return place


def _below(place: str, shape: Shape | None, step: str) -> tuple[str, Shape | None]:
    """
    Name a step, and the shape of what it leads to; None if it has none below.
    """
    if (place, step) in _APART:
        return step, _APART[place, step]
    if isinstance(shape, Object):
        return _member(shape, step)
    if isinstance(shape, Items):
        return ANY, shape.item
    if isinstance(shape, (Entries, Identities)):
        return ANY, shape.value
    return UNKNOWN, None


def _member(shape: Object, step: str) -> tuple[str, Shape | None]:
    for field in shape.fields:
        if _spelled(field) == step:
            return step, field.shape
    return UNKNOWN, None


def _spelled(field: Field) -> str:
    return field.json_name.replace("~", "~0").replace("/", "~1")


# What is walked apart, and so is no member of a shape.
_APART: dict[tuple[str, str], Shape] = {
    ("", "events"): object_shape(Event),
    ("/events", "data"): object_shape(body_of(None)),
}
