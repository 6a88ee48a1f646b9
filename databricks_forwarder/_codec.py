"""
Our values as JSON text, for what a batcher keeps: reports and notes.

Reading is lenient to what a later version adds and gives back values equal to
the ones written: sequences inside values are tuples again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import msgspec

from databricks_forwarder.errors import BatcherError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["from_text", "keys_of", "to_text"]

_T = TypeVar("_T")


def to_text(value: object) -> str:
    """
    Spell *value* as JSON, the same for equal values.

    Args:
        value: Values of `databricks_forwarder.model`, alone or in tuples,
            lists and dicts with text as keys; aware datetimes.
    """
    return msgspec.json.encode(value, order="deterministic").decode()


def from_text(text: str, kind: type[_T]) -> _T:
    """
    Read what `to_text` wrote.

    Args:
        text: JSON.
        kind: The type of what was written, such as ``LoadReport`` or
            ``tuple[StagedFile, ...]``.

    Raises:
        BatcherError: The text is not of this kind.
    """
    try:
        return _settled(msgspec.json.decode(text, type=kind))  # type: ignore[no-any-return]
    except msgspec.DecodeError as error:
        msg = (
            f"text kept in the upload queue is no {getattr(kind, '__name__', kind)}; "
            "read it with the version of this library that wrote it"
        )
        raise BatcherError(msg) from error


def keys_of(text: str) -> Iterable[str]:
    """
    Give the member names of a JSON object; what they hold is passed over.
    """
    try:
        return _members.decode(text)
    except msgspec.DecodeError:
        # Half a surrogate pair, or no number: Python's own JSON has both.
        return json.loads(text, parse_int=str)  # type: ignore[no-any-return]


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _settled(value: Any) -> Any:
    """
    Make the values anew as their constructors do, lists in them as tuples.
    """
    if attrs.has(type(value)):
        fields = {
            each.name: getattr(value, each.name) for each in attrs.fields(type(value))
        }
        return type(value)(**{name: _frozen(field) for name, field in fields.items()})
    if isinstance(value, (list, tuple)):
        return type(value)(map(_settled, value))
    if isinstance(value, dict):
        return {key: _settled(each) for key, each in value.items()}
    return value


def _frozen(field: Any) -> Any:
    settled = _settled(field)
    return tuple(settled) if isinstance(settled, list) else settled
