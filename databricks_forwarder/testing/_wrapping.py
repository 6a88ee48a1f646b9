"""
A part wrapped so that its calls pass by someone.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

__all__ = ["Around", "wrapped"]

_Part = TypeVar("_Part")

Around = Callable[[str, Callable[..., Any], Sequence[Any], Mapping[str, Any]], Any]
"""Method's name, the method, its arguments → what the caller gets."""


def wrapped(part: _Part, around: Around) -> _Part:
    """
    Wrap *part* so that each call of a public method is made by *around*.

    Properties and other attributes are the part's own.
    """
    return cast("_Part", _Wrapper(part, around))


class _Wrapper:
    def __init__(self, part: object, around: Around) -> None:
        self._part = part
        # On the instance itself: `isinstance` with a protocol must find what
        # the part has, and no more, without calling anything.
        for name in dir(part):
            if not name.startswith("_") and not _is_property(part, name):
                value = getattr(part, name)
                if callable(value):
                    setattr(self, name, _passing_by(around, name, value))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._part, name)

    def __repr__(self) -> str:
        return f"wrapped({self._part!r})"


def _is_property(part: object, name: str) -> bool:
    return isinstance(inspect.getattr_static(part, name, None), property)


def _passing_by(around: Around, name: str, method: Any) -> Callable[..., Any]:
    @functools.wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        return around(name, method, args, kwargs)

    return called
