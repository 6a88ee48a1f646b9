"""
Calls that may be stuck, and are waited for so long and no longer.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["are_over", "begun"]

_T = TypeVar("_T")


def begun(call: Callable[[], _T]) -> Future[_T]:
    """
    Make *call* in a thread of its own, which holds up the end of no process.

    It has the context of who begins it, so that who listens there hears it.

    Returns:
        The call, settled when it is over; it can't be cancelled. If no thread
        can begin, as when the interpreter ends, it has failed with that.
    """
    future: Future[_T] = Future()
    context = copy_context()

    def settle() -> None:
        try:
            future.set_result(context.run(call))
        except BaseException as error:  # noqa: BLE001  # who asks for it raises it
            future.set_exception(error)

    thread = threading.Thread(target=settle, name="databricks-forwarder", daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        future.set_exception(error)
    return future


def are_over(futures: Collection[Future[Any]], seconds: float) -> bool:
    """
    Wait until all *futures* are settled, at most for *seconds*; whether they are.
    """
    return not wait_for(futures, seconds).not_done
