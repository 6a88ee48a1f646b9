"""
Threads for an event loop: what blocks is done there, and the loop waits for none.

Starting a thread waits until it runs, on a busy machine for longer than a loop
may stand still. So the threads start one another, and the loop puts a call where
one of them listens. No pool of `concurrent.futures`: the interpreter waits for
its threads, however long they take. These hold up nobody's end.
"""

from __future__ import annotations

import os
import threading
import weakref
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Threads"]

_T = TypeVar("_T")

# One takes the next call at once, the other starts one more if that takes long.
_SPARE = 2


class Threads:
    """
    As many threads as there are calls at once, and two that listen.

    One thread asks: the event loop's. The first call starts them, also in a
    forked child, which has none.
    """

    def __init__(self) -> None:
        self._crew: _Crew | None = None

    def begin(self, call: Callable[[], _T]) -> Future[_T]:
        """
        Have *call* made, beside all others.

        Returns:
            The call, settled when it is over; it can't be cancelled. If no thread
            can begin, as when the interpreter ends, it has failed with that.
        """
        future: Future[_T] = Future()
        try:
            crew = self._here()
        except RuntimeError as error:
            future.set_exception(error)
        else:
            crew.calls.put((call, future))
        return future

    def end(self) -> None:
        """
        Let the threads go; those that are in a call end after it.
        """
        crew, self._crew = self._crew, None
        if crew is not None:
            crew.calls.put(None)

    def _here(self) -> _Crew:
        crew = self._crew
        if crew is None or crew.process_id != os.getpid():
            crew = _Crew()
            crew.start_one()
            weakref.finalize(self, crew.calls.put, None)
            self._crew = crew
        return crew


class _Crew:
    """
    What the threads share; it knows nothing of whom they work for.
    """

    def __init__(self) -> None:
        self.calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None]
        self.calls = SimpleQueue()
        self.process_id = os.getpid()
        self._turn = threading.Lock()
        self._listening = 0

    def start_one(self) -> None:
        """
        Start one that listens.

        Raises:
            RuntimeError: None can be started.
        """
        self._count(1)
        try:
            threading.Thread(
                target=self._listen, name="databricks-forwarder-async", daemon=True
            ).start()
        except RuntimeError:
            self._count(-1)
            raise

    def _listen(self) -> None:
        while taken := self.calls.get():
            if self._count(-1) == 0:
                # Without another one the next call waits for this one.
                with suppress(RuntimeError):
                    self.start_one()
            _settle(*taken)
            # Else the payloads would stay until the next call comes.
            del taken
            if self._count(1) > _SPARE:
                self._count(-1)
                return
        self.calls.put(None)

    def _count(self, change: int) -> int:
        with self._turn:
            self._listening += change
            return self._listening


def _settle(call: Callable[[], _T], future: Future[_T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # noqa: BLE001  # who asks for it raises it
        future.set_exception(error)
