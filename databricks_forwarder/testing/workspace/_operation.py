"""
One statement: how it runs, and how it ends.

1. Cancelled before the engine has it, a statement ends at once and does
   nothing. A query that the engine has is interrupted, and with it what was
   to be done with its rows. Past that, a statement runs to its end and is
   finished: a cancel that comes too late is one that came for nothing.
2. The same goes for the time that its session allows it.

Source for rule 1: Databricks, "Statement Execution API", read 2026-11-23: an
outstanding statement might have completed when the cancel request arrives.
"""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any, Literal

from databricks_forwarder.testing.workspace._http import DroppedError
from databricks_forwarder.testing.workspace._parts import broken
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._stopping import StoppedError

if TYPE_CHECKING:
    import pyarrow as pa

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._engine import Engine
    from databricks_forwarder.testing.workspace._faults import Fault
    from databricks_forwarder.testing.workspace._results import Result, Session

__all__ = [
    "InterruptedReplyError",
    "Operation",
    "State",
    "raise_for",
    "require_timeout",
]

State = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "CLOSED"]
"""What became of a statement, as the Statement Execution API names it."""

_LOOK_SECONDS = 0.02


class InterruptedReplyError(Exception):
    """
    A scripted HTTP status takes the place of the reply.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.status)
        self.fault = fault


class Operation:
    """
    One statement, from its arrival to the end of its result.

    Attributes:
        asked: The client's request, in the words of its wire.
        sent: Its rows as they are sent, from when the first are.
        next_row: The first row that was not fetched yet.
        refusal: Why it failed; None if it did not.
        mishap: What befell its reply; None if nothing did.
    """

    def __init__(
        self,
        statement: str,
        session: Session,
        *,
        asked: Any,
        fault: Fault | None,
        clock: Clock,
    ) -> None:
        self.id = uuid.uuid4()
        self.statement = statement
        self.principal = session.principal
        self.asked = asked
        self.sent: pa.Table | None = None
        self.next_row = 0
        self.refusal: RefusedError | None = None
        self.mishap: Exception | None = None
        self._session = session
        self._fault = fault
        self._clock = clock
        self._began_at_seconds = clock.monotonic()
        self._lock = threading.Lock()
        self._state: State = "PENDING"
        self._in_engine = False
        self._end_if_cancelled: Literal["CANCELED", "CLOSED"] = "CANCELED"
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._result: Result | None = None

    @property
    def state(self) -> State:
        """
        How far it is.
        """
        return self._state

    @property
    def result(self) -> Result:
        """
        What it gave.

        Raises:
            RefusedError: It gave nothing: not yet, or never.
        """
        if self._result is None:
            raise self.refusal or RefusedError(
                "INVALID_STATE",
                f"There is no result: the operation is {self._state}.",
                sqlstate="HY010",
            )
        return self._result

    def run(self, engine: Engine) -> None:
        """
        Run it to its end, whatever that is.
        """
        with self._lock:
            if self._state == "PENDING":
                self._state = "RUNNING"
        try:
            result = self._walk(engine)
        except RefusedError as error:
            self._end("FAILED", refusal=error)
        except StoppedError:
            self._end_stopped()
        except (DroppedError, InterruptedReplyError) as error:
            self._end("CLOSED", mishap=error)
        except Exception as error:  # noqa: BLE001  # whoever waits must hear of it
            self._end("FAILED", refusal=broken(error))
        else:
            self._end("SUCCEEDED", result=result)

    def wait(self, seconds: float | None) -> State:
        """
        Wait for its end, at most so long by the wall; None for however long.
        """
        self._ended.wait(seconds)
        return self._state

    def cancel(self, state: Literal["CANCELED", "CLOSED"] = "CANCELED") -> None:
        """
        End it now; if the engine has it, as soon as that lets go of it.
        """
        with self._lock:
            self._end_if_cancelled = state
            self._cancelled.set()
            in_engine = self._in_engine
        if not in_engine:
            self._end(state)

    def close(self) -> None:
        """
        Cancel it and let go of its result.
        """
        self.cancel("CLOSED")
        with self._lock:
            if self._ended.is_set():
                self._state, self._result, self.sent = "CLOSED", None, None

    def _walk(self, engine: Engine) -> Result | None:
        if self._fault and self._fault.when == "before":
            self._meet(self._fault)
            self._require_time()
        with self._lock:
            if self._ended.is_set():
                return None
            self._in_engine = True
        try:
            return engine.run(self.statement, self._session, self._is_unwanted)
        finally:
            # What failed has a reply too, which can be lost.
            if self._fault and self._fault.when == "after":
                self._meet(self._fault)

    def _meet(self, fault: Fault) -> None:
        self._pause(fault.seconds)
        raise_for(fault)
        if fault.hang:
            self._pause(None)

    def _pause(self, seconds: float | None) -> None:
        """
        Wait until it is cancelled or out of time, at most so long by the wall.
        """
        left = seconds
        while left is None or left > 0:
            look = _LOOK_SECONDS if left is None else min(left, _LOOK_SECONDS)
            if self._cancelled.wait(look) or self._is_out_of_time():
                return
            left = None if left is None else left - look

    def _is_unwanted(self) -> bool:
        return self._cancelled.is_set() or self._is_out_of_time()

    def _is_out_of_time(self) -> bool:
        seconds = _timeout_seconds(self._session)
        return 0 < seconds <= self._clock.monotonic() - self._began_at_seconds

    def _require_time(self) -> None:
        if self._is_out_of_time():
            raise self._timed_out()

    def _timed_out(self) -> RefusedError:
        # Not documented; the class is in programs that read it, the SQLSTATE in
        # the sources of databricks-jdbc, read 2026-11-24.
        seconds = _timeout_seconds(self._session)
        return RefusedError(
            "QUERY_EXECUTION_TIMEOUT_EXCEEDED",
            f"Query execution was cancelled due to exceeding the timeout ({seconds}s).",
            sqlstate="57KD0",
        )

    def _end_stopped(self) -> None:
        if self._cancelled.is_set():
            self._end(self._end_if_cancelled)
        else:
            self._end("FAILED", refusal=self._timed_out())

    def _end(
        self,
        state: State,
        *,
        result: Result | None = None,
        refusal: RefusedError | None = None,
        mishap: Exception | None = None,
    ) -> None:
        with self._lock:
            if not self._ended.is_set():
                # Who sees the new state finds what belongs to it.
                self._result, self.refusal, self.mishap = result, refusal, mishap
                self._state = state
                self._ended.set()


def raise_for(fault: Fault) -> None:
    """
    Let a fault strike, if it is one that takes the place of a reply.
    """
    if fault.error:
        error_class, sqlstate, message = fault.error
        raise RefusedError(error_class, message, sqlstate=sqlstate)
    if fault.status:
        raise InterruptedReplyError(fault)
    if fault.drop or fault.cut:
        raise DroppedError


def _timeout_seconds(session: Session) -> int:
    for name, value in session.configuration.items():
        if name.upper() == "STATEMENT_TIMEOUT":
            return int(value)
    return 0


def require_timeout(session: Session) -> None:
    """
    See that the session's time-out is one.

    Source: Databricks, "STATEMENT_TIMEOUT", read 2026-11-23: 0 to 172800
    seconds. How another value is refused is not documented.
    """
    try:
        is_valid = 0 <= _timeout_seconds(session) <= 172_800
    except ValueError:
        is_valid = False
    if not is_valid:
        raise RefusedError(
            "INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS",
            "The value of the config 'STATEMENT_TIMEOUT' must be 0 to 172800 seconds.",
            sqlstate="22022",
        )
