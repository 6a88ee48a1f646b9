"""
Statements on a SQL warehouse: connections, deadlines, and what is tried again.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from databricks_forwarder._databricks._proxies import require_same_proxy
from databricks_forwarder._databricks._replies import told
from databricks_forwarder._databricks._retries import retried
from databricks_forwarder._databricks._sessions import IdleSessions
from databricks_forwarder._databricks._starting import Starting, WarehouseState
from databricks_forwarder._databricks._statement_told import statement_told
from databricks_forwarder._databricks._stripped import first_line, stripped
from databricks_forwarder._databricks._wording import excerpt, no_such
from databricks_forwarder._databricks.fates import (
    BusyError,
    DeadlineError,
    LostSessionError,
    MissingPathError,
    RefusedForNowError,
    RefusedTokenError,
    UnknownOutcomeError,
    UnreadyError,
)
from databricks_forwarder._side_threads import are_over, begun
from databricks_forwarder.errors import ForwarderError, SetupError, TransientError

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import ModuleType

    from databricks_forwarder._databricks._rest import Rest
    from databricks_forwarder._databricks._session import Session
    from databricks_forwarder._databricks.auth import TokenSource
    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.settings import Endpoint

__all__ = ["Warehouse"]

# To open a session, where the warehouse runs or says that it does not.
_OPEN_SECONDS = 60.0

# To stop a statement that is given up; the caller waits for it.
_STOP_SECONDS = 5.0


class Warehouse:
    """
    A SQL warehouse, for any number of threads.

    Each thread has a connection of its own while its statement runs;
    connections are kept and grow to *breadth*, beyond which threads wait.

    Args:
        endpoint: Where the workspace is.
        warehouse_id: The warehouse.
        tokens: Who signs in.
        rest: Tells how the warehouse stands.
        clock: Waits between tries, and while the warehouse starts.
        statement_seconds: A statement's deadline, where it is given none.
        starting_seconds: How long a start is waited for.
        breadth: Statements at once.

    Raises:
        ConfigurationError: The driver would go another way through proxies
            than *endpoint* says.
    """

    def __init__(  # noqa: PLR0913  # all but three have defaults or are parts
        self,
        endpoint: Endpoint,
        warehouse_id: str,
        tokens: TokenSource,
        rest: Rest,
        clock: Clock,
        *,
        statement_seconds: float = 900.0,
        starting_seconds: float = 600.0,
        breadth: int = 8,
    ) -> None:
        self._endpoint = endpoint
        self._id = warehouse_id
        require_same_proxy(endpoint)
        self.unknown_errors: Counter[str] = Counter()
        self._tokens = tokens
        self._rest = rest
        self._clock = clock
        self._statement_seconds = statement_seconds
        self._starting = Starting(
            self.describe, self._start, clock, most_seconds=starting_seconds
        )
        self._counting = threading.Lock()
        self._room = threading.BoundedSemaphore(breadth)
        self._idle = IdleSessions(clock)

    def __repr__(self) -> str:
        return f"Warehouse({self._endpoint.url!r}, {self._id!r})"

    def run(self, sql: str, *, seconds: float | None = None) -> list[tuple[Any, ...]]:
        """
        Run one statement to its end; its rows.

        What is refused for now is sent again, and a warehouse that starts is
        waited for; *seconds* count from when the statement is sent.

        Args:
            sql: One that may be repeated.
            seconds: Its deadline; then it is cancelled, if the platform still
                listens, and it ends by its own time-out there if not.

        Raises:
            DeadlineError: It was given up, and may have had its effect.
            UnknownOutcomeError: The answer was lost.
            TransientError: It did not work for now; see `fates` for more of
                them, and for each `SetupError` and `PermanentError`.
        """
        limit = self._statement_seconds if seconds is None else seconds
        return retried(lambda: self._when_started(sql, limit), self._clock)

    def state(self) -> str | None:
        """
        How the warehouse stands, in words, without asking; None while it runs.
        """
        return self._starting.told()

    def describe(self) -> WarehouseState:
        """
        Ask the workspace how the warehouse stands; it is not started by that.

        Raises:
            SetupError: There is none of this id, or it may not be used.
        """
        doing = f"looking at SQL warehouse {self._id}"
        path = f"/api/2.0/sql/warehouses/{self._id}"
        with suppress(MissingPathError):
            it = told(self._rest.request("GET", path, doing), doing)
            return WarehouseState(
                self._id, str(it.get("name", "")), str(it.get("state", ""))
            )
        raise SetupError(no_such(self._id, doing))

    def _start(self) -> None:
        """
        Have the warehouse start, if it does not by itself; refused, it may yet.
        """
        path = f"/api/2.0/sql/warehouses/{self._id}/start"
        with suppress(ForwarderError):
            self._rest.request("POST", path, f"starting SQL warehouse {self._id}")

    def close(self) -> None:
        """
        Close the connections that no thread is using, within seconds.
        """
        self._idle.close(_STOP_SECONDS)

    def _when_started(self, sql: str, seconds: float) -> list[tuple[Any, ...]]:
        starts = self._starting.starts
        try:
            return self._when_signed_in(sql, seconds)
        except RefusedForNowError:
            if not self._starting.wait(starts):
                raise
        # The minute for tries begins anew: it is not for the start.
        return retried(lambda: self._when_signed_in(sql, seconds), self._clock)

    def _when_signed_in(self, sql: str, seconds: float) -> list[tuple[Any, ...]]:
        try:
            return self._once(sql, seconds)
        except (RefusedTokenError, LostSessionError):
            # The token was forgotten, the session closed: both are new now.
            return self._once(sql, seconds)

    def _once(self, sql: str, seconds: float) -> list[tuple[Any, ...]]:
        with self._room:
            session = self._idle.borrowed() or self._opened(
                _OPEN_SECONDS, self._statement_seconds
            )
            with statement_told(sql, session, self._clock):
                return self._run_over(session, sql, seconds)

    def _run_over(
        self, session: Session, sql: str, seconds: float
    ) -> list[tuple[Any, ...]]:
        doing = f"{excerpt(sql)} on SQL warehouse {self._id}"
        future = begun(lambda: session.execute(sql))
        if not are_over([future], seconds):
            self._give_up(session, future)
            msg = f"{doing} took longer than {seconds:g} s; it will be tried again"
            raise DeadlineError(msg)
        error = future.exception()
        if error is None:
            self._idle.keep(session)
            return future.result()
        fate, cause = self._fate(error, doing), stripped(error)
        self._put_back(session, error, fate)
        del error, future
        # The driver's exception is no context of ours, and in no frame.
        raise fate from cause

    def _put_back(
        self, session: Session, error: BaseException, fate: ForwarderError
    ) -> None:
        """
        Keep a session whose statement was refused; close it when it is worse.
        """
        is_unready = isinstance(fate, UnreadyError)
        if _driver().is_refusal(error) or (
            isinstance(fate, RefusedForNowError) and not is_unready
        ):
            self._idle.keep(session)
            return
        if isinstance(fate, RefusedTokenError):
            self._tokens.forget(session.signature.token)
        session.drop()
        # What broke one has likely broken the others that lie idle.
        self._idle.drop()

    def _opened(self, open_seconds: float, socket_seconds: float) -> Session:
        # Signing in has fates of its own; the driver would hide them.
        signature = _driver().Signature(self._tokens)
        doing = f"opening a session on SQL warehouse {self._id}"
        future: Future[Session] = begun(
            lambda: _driver().opened(
                self._endpoint,
                self._id,
                signature,
                socket_seconds=socket_seconds,
                statement_seconds=self._statement_seconds,
            )
        )
        if not are_over([future], open_seconds):
            # As it does while the warehouse starts.
            future.add_done_callback(_drop_late)
            msg = f"{doing} took longer than {open_seconds:g} s; it will be tried again"
            raise RefusedForNowError(msg)
        error = future.exception()
        if error is None:
            return future.result()
        fate = self._opening_fate(self._fate(error, doing), doing)
        cause = stripped(error)
        if isinstance(fate, RefusedTokenError):
            self._tokens.forget(signature.token)
        del error, future
        raise fate from cause

    def _opening_fate(self, fate: ForwarderError, doing: str) -> ForwarderError:
        if isinstance(fate, UnknownOutcomeError):
            # A session that nobody knows of is none.
            return BusyError(str(fate))
        if isinstance(fate, MissingPathError):
            return SetupError(no_such(self._id, doing))
        return fate

    def _fate(self, error: BaseException, doing: str) -> ForwarderError:
        client_id = self._tokens.client_id
        fate: ForwarderError | None
        fate = _driver().fate_of(error, doing, client_id=client_id)
        if fate is None:
            with self._counting:
                self.unknown_errors[_driver().name_of(error)] += 1
            said = first_line(error)
            return TransientError(f"{doing} failed: {said}; it will be tried again")
        return fate

    def _give_up(self, session: Session, future: Future[Any]) -> None:
        """
        Stop a statement over a connection of its own: its own one is busy.
        """

        def stop() -> None:
            with suppress(ForwarderError):
                other = self._opened(_STOP_SECONDS, _STOP_SECONDS)
                other.stop(session)
                other.close()

        future.add_done_callback(lambda _: session.drop())
        are_over([begun(stop)], _STOP_SECONDS)


def _driver() -> ModuleType:
    """
    What knows the SQL driver; no first submit waits for that third of a second.
    """
    from databricks_forwarder._databricks import _session  # noqa: PLC0415

    return _session


def _drop_late(future: Future[Session]) -> None:
    """
    Close a session that nobody waits for any more.
    """
    if future.exception() is None:
        future.result().drop()
