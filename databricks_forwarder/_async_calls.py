"""
Calls that block, made in threads while their event loop goes on.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from databricks_forwarder._async_threads import Threads

__all__ = ["in_thread", "tell_loop"]

_T = TypeVar("_T")


async def in_thread(
    threads: Threads,
    call: Callable[[], _T],
    *,
    otherwise: Callable[[_T], object] | None = None,
) -> _T:
    """
    Make *call* in one of *threads*, with this task's context variables.

    Whoever is cancelled meanwhile leaves the call to go on: a thread can't be
    broken off.

    Args:
        threads: Where.
        call: What may block.
        otherwise: Takes what *call* returned, in its thread, if whoever asked for
            it was cancelled.
    """
    loop = asyncio.get_running_loop()
    over: asyncio.Future[Future[_T]] = loop.create_future()
    made = threads.begin(partial(copy_context().run, call))
    made.add_done_callback(partial(tell_loop, loop, partial(_settle, over)))
    try:
        return (await over).result()
    except asyncio.CancelledError:
        if otherwise is not None:
            made.add_done_callback(partial(_hand_on, otherwise))
        raise


def tell_loop(
    loop: asyncio.AbstractEventLoop, tell: Callable[[Any], None], what: object
) -> None:
    """
    Have *loop* call *tell* with *what*; if it is over, nobody waits for that.
    """
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(tell, what)


def _settle(over: asyncio.Future[Future[_T]], made: Future[_T]) -> None:
    # The call itself is the result: an error that nobody retrieves, since it came
    # too late, would be complained of.
    if not over.done():
        over.set_result(made)


def _hand_on(otherwise: Callable[[_T], object], made: Future[_T]) -> None:
    if made.exception() is None:
        otherwise(made.result())
