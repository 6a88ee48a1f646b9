"""
Whether a call comes in the middle of another one, of the same thread.
"""

from __future__ import annotations

import inspect
from itertools import dropwhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["is_within"]


def is_within(of: object, modules: Collection[str]) -> bool:
    """
    Tell whether this thread is in the middle of another call of a method of *of*.

    So it is in a signal handler, which comes between any two steps of the main
    thread, and in what a load calls. Such a call can't wait for the other one,
    nor for a lock that it may hold.

    The stack is asked, since it can't be wrong: a mark that each method sets
    would stay behind when a handler raises at the wrong moment.

    Args:
        of: Its methods call the first argument ``self``.
        modules: Where the methods are; called from one of them.
    """
    frame = inspect.currentframe()
    are_ours = []
    while frame := frame and frame.f_back:
        is_method = frame.f_globals.get("__name__") in modules
        are_ours.append(is_method and frame.f_locals.get("self") is of)
    # The first of them are the caller, and its own caller if that is ours too.
    return any(dropwhile(bool, are_ours))
