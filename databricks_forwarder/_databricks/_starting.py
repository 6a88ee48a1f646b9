"""
Waiting for a SQL warehouse to start.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._listening import listener
from databricks_forwarder.errors import ForwarderError, SetupError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.protocols import Clock

__all__ = ["Starting", "WarehouseState"]

_LONGEST_PAUSE_SECONDS = 10.0

_GONE = ("DELETED", "DELETING")


@attrs.frozen
class WarehouseState:
    """
    A SQL warehouse, as the workspace tells of it.

    Attributes:
        state: ``RUNNING``, ``STARTING``, ``STOPPED``, ``STOPPING``,
            ``DELETED`` or ``DELETING``.

    Source: databricks-sdk 0.156.0, ``service/sql.py``.
    """

    id: str
    name: str
    state: str


class Starting:
    """
    The wait for one warehouse; of many threads one asks how it stands.

    Args:
        describe: Asks the workspace.
        start: Has the warehouse start. Being asked for a session should be
            enough, and is not always: see `_session`.
        clock: Waits, and tells how long it took.
        most_seconds: How long a start is waited for.

    Attributes:
        starts: How many were waited for until now.
    """

    def __init__(
        self,
        describe: Callable[[], WarehouseState],
        start: Callable[[], None],
        clock: Clock,
        *,
        most_seconds: float,
    ) -> None:
        self._describe = describe
        self._start = start
        self._clock = clock
        self._most_seconds = most_seconds
        self.starts = 0
        self._lock = threading.Lock()
        self._looks = 0
        self._failure: ForwarderError | None = None
        self._told: WarehouseState | None = None
        self._since = 0.0

    def wait(self, starts: int) -> bool:
        """
        Return when the warehouse runs.

        Args:
            starts: As many as had been waited for when it was asked for what it
                then refused.

        Returns:
            Whether it had to be waited for since then, by whomever.

        Raises:
            TransientError: It takes longer than it is waited for.
            SetupError: There is no such warehouse (any more).
        """
        looks = self._looks
        with self._lock:
            if self.starts == starts:
                if self._looks == looks:
                    self._look()
                elif self._failure is not None:
                    # Another thread looked while this one came for its turn.
                    raise type(self._failure)(str(self._failure))
            return self.starts != starts

    def _look(self) -> None:
        self._failure = None
        self._since = self._clock.monotonic()
        try:
            self.starts += self._wait()
        except ForwarderError as error:
            self._failure = type(error)(str(error))
            raise
        finally:
            self._looks += 1
            self._told = None

    def told(self) -> str | None:
        """
        How the warehouse stands, in words, from memory; None while it runs.
        """
        told = self._told
        return None if told is None else f"{self._sentence(told)} so far"

    def _sentence(self, told: WarehouseState) -> str:
        seconds = self._clock.monotonic() - self._since
        doing = "stopped" if told.state in {"STOPPED", "STOPPING"} else "starting"
        return f"SQL warehouse {told.id} is {doing}, {seconds:.0f} s"

    def _tell(self, told: WarehouseState) -> None:
        """
        Keep how it stands, and tell once that it is waited for.
        """
        hears = listener()
        if self._told is None and hears is not None:
            hears.awaited(f"{self._sentence(told)} so far")
        self._told = told

    def _is_over(self) -> bool:
        """
        Tell that it runs; whether it was waited for.
        """
        if self._told is None:
            return False
        hears = listener()
        if hears is not None:
            hears.started(self._clock.monotonic() - self._since)
        return True

    def _wait(self) -> bool:
        pause_seconds = 1.0
        was_asked = False
        while True:
            told = self._describe()
            if told.state in _GONE:
                msg = (
                    f"SQL warehouse {told.id} is deleted; name another one in "
                    "warehouse_id"
                )
                raise SetupError(msg)
            if told.state == "RUNNING":
                return self._is_over()
            self._tell(told)
            if told.state == "STOPPED" and not was_asked:
                self._start()
                was_asked = True
            waited = self._clock.monotonic() - self._since
            if waited + pause_seconds > self._most_seconds:
                msg = (
                    f"{self._sentence(told)} so far, longer than it is waited for; it "
                    "will be tried again"
                )
                raise TransientError(msg)
            self._clock.wait(pause_seconds)
            pause_seconds = min(_LONGEST_PAUSE_SECONDS, pause_seconds * 2)
