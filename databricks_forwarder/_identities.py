"""
Identities of a batch by name, whichever form they came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from databricks_forwarder.mparticle.batch import UserIdentity, identity_name
from databricks_forwarder.mparticle.coerce import as_plain_text
from databricks_forwarder.mparticle.decoded import escaped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


__all__ = ["Identity", "identities_by_name"]


class Identity(NamedTuple):
    """
    One identity of a batch, whichever form it came in.
    """

    name: str | None
    pointer: str
    identity: UserIdentity
    is_object: bool


def identities_by_name(
    value: Any, rescue: Callable[[int, str, Any], None]
) -> dict[str, Identity]:
    """
    Name a batch's identities; of two with one name the first is taken.

    Args:
        value: A mapping, or a list of objects: one of the two forms.
        rescue: Is told what is not taken: 0, pointer below *value*, value.
    """
    named: dict[str, Identity] = {}
    for entry in _each_identity(value):
        if entry.name is None or entry.name in named:
            rescue(0, entry.pointer, _as_json(entry))
        else:
            named[entry.name] = entry
    return named


def _each_identity(value: Any) -> Iterable[Identity]:
    if isinstance(value, dict):
        for key, text in value.items():
            identity = UserIdentity(identity=text)
            yield Identity(
                identity_name(key), f"/{escaped(key)}", identity, is_object=False
            )
        return
    for index, item in enumerate(value):
        if item is not None:
            name = as_plain_text(item.identity_type)
            known = identity_name(name) if name else None
            yield Identity(known, f"/{index}", item, is_object=True)


def _as_json(entry: Identity) -> Any:
    if not entry.is_object:
        return entry.identity.identity
    members = ((name, getattr(entry.identity, name)) for name in _IDENTITY_MEMBERS)
    return {name: value for name, value in members if value is not None}


_IDENTITY_MEMBERS = UserIdentity.__struct_fields__
