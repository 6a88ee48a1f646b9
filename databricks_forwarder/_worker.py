"""
One step at a time, and the background thread that takes them.

The thread exists only if the host starts it. It wakes when a load may be due,
when it is told to, and at least once a minute; it never raises into nothing:
what went wrong is kept, to be seen in the status.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import weakref
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from databricks_forwarder._backoff import pause_seconds
from databricks_forwarder._leaving import Leaving
from databricks_forwarder.errors import BatcherClosedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Worker"]

_T = TypeVar("_T")

# A load that became due unseen, by another process's messages or a clock set
# forward, waits no longer than this.
_LONGEST_WAIT_SECONDS = 60.0

# What is due and yet not to be had, another process is carrying: look again
# soon, but not all the time.
_HELD_WAIT_SECONDS = 1.0

# How often one who waits without a time limit looks by himself.
_LOOK_SECONDS = 1.0


def _tell_nobody(_error: Exception, _failures: int, _pause: float | None) -> None:
    """
    Tell nobody of a failure; it is in the status all the same.
    """


class Worker:
    """
    Serialises the steps of one forwarder; any thread may call it.

    Args:
        tick: Carries a load if one is due.
        due_in_seconds: How long until the next may be due; None if nothing
            waits.
        tell: Told of each step that fails: with what, for which time in a row,
            and how long the thread waits then, None if a host stepped.
    """

    def __init__(
        self,
        tick: Callable[[], object],
        due_in_seconds: Callable[[], float | None],
        tell: Callable[[Exception, int, float | None], object] = _tell_nobody,
    ) -> None:
        self._tick = tick
        self._due_in_seconds = due_in_seconds
        self._tell = tell
        self._failures = 0
        self.last_error: Exception | None = None
        self._is_over = False
        self._reset()

    def _reset(self) -> None:
        """
        Begin anew: at first, and in a forked child, which has no thread.
        """
        self._process = os.getpid()
        self._turn = threading.Lock()
        # A signal handler may put something in while its thread does; an event
        # would have a lock in the way.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._leaving = Leaving(self._turn)
        weakref.finalize(self, self._leaving.await_step)
        # Held to look at what follows and at the end, and told of changes.
        self._changed = threading.Condition()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def _here(self) -> Worker:
        if self._process != os.getpid():
            self._reset()
        return self

    @property
    def is_running(self) -> bool:
        """
        Whether the background thread lives.
        """
        return self._here()._thread is not None  # noqa: SLF001  # itself

    def take_turn(self, step: Callable[[], _T]) -> _T:
        """
        Run *step* when no other runs, and keep how it went.

        Raises:
            BatcherClosedError: The worker has stopped, or is to stop; *step*
                did not run.
        """
        try:
            return self._turn_taken(step)
        except Exception as error:
            if error is self.last_error:
                self._tell(error, self._failures, None)
            raise

    def _turn_taken(self, step: Callable[[], _T]) -> _T:
        self._here()._require_going()  # noqa: SLF001  # itself
        try:
            with self._turn:
                # It may have been waited for.
                self._require_going()
                return self._kept(step)
        finally:
            with self._changed:
                self._changed.notify_all()

    def _kept(self, step: Callable[[], _T]) -> _T:
        try:
            result = step()
        except Exception as error:
            self._failures += 1
            self.last_error = error
            raise
        self._failures = 0
        self.last_error = None
        return result

    def leave_if_due(self) -> None:
        """
        End the thread that steps, if the interpreter ends.

        Raises:
            SystemExit: It does, and this is not its main thread.
        """
        is_main = threading.current_thread() is threading.main_thread()
        if self._leaving.is_due and not is_main:
            sys.exit()

    def start(self) -> None:
        """
        Start the thread, or have one that is there go on and look at once.

        Raises:
            BatcherClosedError: The worker has stopped.
        """
        with self._here()._changed:  # noqa: SLF001  # itself
            self._require_open()
            self._is_stopping = False
            self._changed.notify_all()
            if self._thread is None:
                thread = threading.Thread(
                    target=self._run, name="databricks-forwarder", daemon=True
                )
                thread.start()
                self._thread = thread
            else:
                # It may wait long after a failure that a person has mended.
                self.wake()

    def wake(self) -> None:
        """
        Have the thread look now whether a load is due.
        """
        if self._here()._wake.empty():  # noqa: SLF001  # itself
            self._wake.put(None)

    def ask_to_stop(self) -> None:
        """
        Let no step begin from now on; waits for nothing, not for a lock either.
        """
        self._here()._is_stopping = True  # noqa: SLF001  # itself
        self._wake.put(None)

    def stop(self, timeout_seconds: float | None) -> bool:
        """
        Stop after the step that runs, whoever takes it; then it is over for good.

        Returns:
            Whether it has stopped; False when the time was over first, when it
            was started again meanwhile, or when the thread's own step asks.
        """
        with self._here()._changed:  # noqa: SLF001  # itself
            thread = self._thread
            self.ask_to_stop()
            if thread is not threading.current_thread():
                self._await_end(timeout_seconds)
            if not self._is_at_rest():
                return False
            self._is_over = True
        if thread is not None:
            thread.join()
        return True

    def _await_end(self, timeout_seconds: float | None) -> None:
        is_settled = self._changed.wait_for(self._is_settled, timeout_seconds or 0.0)
        while timeout_seconds is None and not is_settled:
            # Whoever is broken off in the middle of telling tells nothing.
            is_settled = self._changed.wait_for(self._is_settled, _LOOK_SECONDS)

    def _is_settled(self) -> bool:
        return self._is_at_rest() or not self._is_stopping

    def _is_at_rest(self) -> bool:
        return self._thread is None and not self._turn.locked()

    def _require_open(self) -> None:
        if self._is_over:
            msg = "the forwarder is closed; make a new one, it finds what waits"
            raise BatcherClosedError(msg)

    def _require_going(self) -> None:
        self._require_open()
        if self._is_to_end():
            msg = "the forwarder is being closed; the next one finds what waits"
            raise BatcherClosedError(msg)

    def _is_to_end(self) -> bool:
        return self._is_stopping or self._leaving.is_due

    def _run(self) -> None:
        try:
            while self._goes_on():
                self._pause(self._look())
        finally:
            # What is no error, as sys.exit raises it, ends the thread as well.
            self._leave()

    def _pause(self, seconds: float) -> None:
        with suppress(Empty):
            self._wake.get(timeout=seconds)
            while True:
                self._wake.get_nowait()

    def _goes_on(self) -> bool:
        """
        Whether to look again; if not, a start from now on makes a new thread.
        """
        with self._changed:
            if self._is_to_end():
                self._leave()
                return False
            return True

    def _leave(self) -> None:
        with self._changed:
            if self._thread is threading.current_thread():
                self._thread = None
                self._changed.notify_all()

    def _look(self) -> float:
        """
        Carry a load if one is due, and say how long to wait then.
        """
        try:
            return self._turn_taken(self._step)
        except Exception as error:  # noqa: BLE001  # a thread has nobody to raise to
            if self._is_to_end() and isinstance(error, BatcherClosedError):
                return 0.0
            jitter = random.random()  # noqa: S311  # no secret
            pause = pause_seconds(error, self._failures, jitter=jitter)
            self._tell(error, self._failures, pause)
            return pause

    def _step(self) -> float:
        if self._tick() is not None:
            return 0.0
        due = self._due_in_seconds()
        if due is None:
            return _LONGEST_WAIT_SECONDS
        return min(due, _LONGEST_WAIT_SECONDS) if due > 0 else _HELD_WAIT_SECONDS
