"""
Facts kept in memory: for tests, and to look at what happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from databricks_forwarder.facts import Fact

__all__ = ["MemoryObserver"]

_Kind = TypeVar("_Kind", bound="Fact")


class MemoryObserver:
    """
    Keeps the latest facts, in the order in which they were told.

    Args:
        most: How many at most; the oldest go first.

    Attributes:
        facts: What was told.
    """

    def __init__(self, most: int = 100_000) -> None:
        self.facts: list[Fact] = []
        self._most = most

    def observe(self, fact: Fact, /) -> None:
        """
        Keep it.
        """
        self.facts.append(fact)
        if len(self.facts) > self._most:
            del self.facts[: -self._most]

    def of(self, kind: type[_Kind], /) -> list[_Kind]:
        """
        Those of one kind.
        """
        return [fact for fact in self.facts if isinstance(fact, kind)]
