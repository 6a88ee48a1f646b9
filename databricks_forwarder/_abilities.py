"""
What a part can do beyond what its protocol asks of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing import TypeGuard

__all__ = ["offers"]

_Ability = TypeVar("_Ability")


def offers(part: object, ability: type[_Ability]) -> TypeGuard[_Ability]:
    """
    Tell whether *part* has all members of the protocol *ability*.

    A wrapper that hands on what it does not know itself (``__getattr__``)
    offers what its part does. ``isinstance`` sees that up to Python 3.11 and
    no longer from 3.12 on: a router would learn here and not there.
    """
    return all(hasattr(part, name) for name in dir(ability) if name[0] != "_")
