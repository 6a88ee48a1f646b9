"""
Threads that have all come to a lock before one of them has it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from patience import PATIENCE_SECONDS

_T = TypeVar("_T")


class NoticedLock:
    """
    A lock that tells when it is asked for.
    """

    def __init__(self) -> None:
        self.held = threading.Lock()
        self.asked_for = threading.Semaphore(0)

    def __enter__(self) -> None:
        self.asked_for.release()
        self.held.acquire()

    def __exit__(self, *_: object) -> None:
        self.held.release()


def come_together(owner: object, name: str, call: Callable[[], _T]) -> list[_T]:
    """
    What three threads get by *call* that meet at the lock *name* of *owner*.
    """
    lock = NoticedLock()
    with pytest.MonkeyPatch.context() as patched, ThreadPoolExecutor(3) as pool:
        patched.setattr(owner, name, lock)
        with lock.held:
            calls = [pool.submit(call) for _ in range(3)]
            for _ in calls:
                assert lock.asked_for.acquire(timeout=PATIENCE_SECONDS)
        return [each.result(PATIENCE_SECONDS) for each in calls]
