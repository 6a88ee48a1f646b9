"""
Many calls of one kind, some of them side by side.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from databricks_forwarder._side_threads import begun

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

__all__ = ["side_by_side"]

_T = TypeVar("_T")
_R = TypeVar("_R")

# Longer than an engine takes for one call: the interpreter's end would take down
# its thread's stack, which it does not survive. See `_leaving`.
_GRACE_SECONDS = 2.0


def side_by_side(
    call: Callable[[_T], _R],
    items: Sequence[_T],
    *,
    breadth: int,
    beat: Callable[[], None],
    beat_seconds: float,
) -> Generator[tuple[_T, Future[_R]]]:
    """
    Make one call for each item, at most *breadth* at once.

    With a breadth of 1 all happens in the caller's thread. Who stops asking
    has the calls under way waited for, those not begun are never made; an
    interrupt waits for none that is stuck. The threads hold up the end of no
    process.

    Args:
        call: Called in threads of its own if there is any breadth.
        items: In the order in which the calls begin.
        breadth: At least 1.
        beat: Called in the caller's thread, also while calls are under way.
        beat_seconds: How often at least.

    Yields:
        Each item with its settled call, as they are done.
    """
    if breadth == 1:
        for item in items:
            yield item, _settled(call, item)
            beat()
        return
    waiting = iter(items)
    under_way: dict[Future[_R], _T] = {}
    try:
        while True:
            for item in islice(waiting, breadth - len(under_way)):
                under_way[begun(partial(call, item))] = item
            if not under_way:
                return
            done, _ = wait(under_way, beat_seconds, FIRST_COMPLETED)
            beat()
            for future in done:
                yield under_way.pop(future), future
    except BaseException as error:
        if _is_interrupt(error):
            wait(under_way, _GRACE_SECONDS)
            under_way.clear()
        raise
    finally:
        wait(under_way)


def _is_interrupt(error: BaseException | None) -> bool:
    """
    Whether someone wants to end: here, or where the calls were asked for.
    """
    if isinstance(error, GeneratorExit):
        error = error.__context__
    return isinstance(error, (KeyboardInterrupt, SystemExit))


def _settled(call: Callable[[_T], _R], item: _T) -> Future[_R]:
    future: Future[_R] = Future()
    try:
        future.set_result(call(item))
    except Exception as error:  # noqa: BLE001  # who asked for it raises it
        future.set_exception(error)
    return future
