"""
Ending a query that runs, when no one wants it any more.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["StoppedError", "stopping"]

_LOOK_SECONDS = 0.02


class StoppedError(Exception):
    """
    A statement ended without an effect, because it was unwanted.
    """


@contextmanager
def stopping(
    cursor: duckdb.DuckDBPyConnection, is_unwanted: Callable[[], bool] | None
) -> Iterator[None]:
    """
    Interrupt what *cursor* does, once it is unwanted.

    Raises:
        StoppedError: It was interrupted.
    """
    if is_unwanted is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        # Again and again: an interruption before the query begins is lost.
        while not done.wait(_LOOK_SECONDS):
            if is_unwanted():
                cursor.interrupt()

    watching = threading.Thread(target=watch, name="warehouse-watch")
    watching.start()
    try:
        yield
    except duckdb.InterruptException as error:
        raise StoppedError from error
    finally:
        done.set()
        watching.join()
