"""
A record of what was asked of which part, to be compared whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import attrs

from databricks_forwarder.testing._wrapping import wrapped

__all__ = ["Entry", "Journal", "journaled"]

_Part = TypeVar("_Part")

# A table's name may have 255 characters; what is longer is no name.
_LONGEST_NAME = 255


@attrs.frozen
class Entry:
    """
    One call of a part's method.

    Attributes:
        part: Name that the part was given.
        method: Name of the method.
        arguments: What identifies the call, of its positional arguments: ids
            and names as they are, of a file its table and part, of what
            belongs to a load its id, of all else the type, and the size if
            it has one. Never a payload.
    """

    part: str
    method: str
    arguments: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return f"{self.part}.{self.method}({', '.join(map(str, self.arguments))})"


@attrs.define
class Journal:
    """
    The calls of all journaled parts, in their order.
    """

    entries: list[Entry] = attrs.field(factory=list)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def of(self, *methods: str) -> list[Entry]:
        """
        The entries of *methods* alone, in their order.
        """
        return [entry for entry in self.entries if entry.method in methods]


def journaled(part: _Part, journal: Journal, name: str) -> _Part:
    """
    Wrap *part* so that each call of its methods is in *journal* first.

    The wrapper has the methods that the part has, no more: it is an instance
    of the same protocols.

    Args:
        part: Any part.
        journal: Where the entries go, before the call is made.
        name: How the entries call it.
    """

    def called(method: str, call: Any, args: Sequence[Any], kwargs: Any) -> Any:
        arguments = tuple(_identified(argument) for argument in args)
        journal.entries.append(Entry(name, method, arguments))
        return call(*args, **kwargs)

    return wrapped(part, called)


def _identified(argument: object) -> str | int:
    # Only what is known to identify is shown; all else may hold a host's data.
    if isinstance(argument, int):
        return argument
    if isinstance(argument, str) and len(argument) <= _LONGEST_NAME:
        return argument
    for names in (("table", "part"), ("load_id",)):
        if all(hasattr(argument, name) for name in names):
            return " ".join(str(getattr(argument, name)) for name in names)
    size = f"[{len(argument)}]" if isinstance(argument, Collection) else ""
    return f"{type(argument).__name__}{size}"
