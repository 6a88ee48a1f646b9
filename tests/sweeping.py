"""
What a test makes in a place that outlives it, and takes away when it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["sweeping", "when_the_test_is_over"]

_waiting: list[Callable[[], object]] = []


def when_the_test_is_over(call: Callable[[], object]) -> None:
    """
    Call *call* when the test that runs is over, or what it shares with others is.
    """
    _waiting.append(call)


@contextmanager
def sweeping() -> Iterator[None]:
    """
    Do, at the end, what was left to it since the start, latest first.
    """
    known = len(_waiting)
    yield
    while len(_waiting) > known:
        _waiting.pop()()
