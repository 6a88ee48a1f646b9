"""
Sessions, and the statements that run in them, whatever wire they came over.

1. A statement has its own thread, of a bounded pool; what finds none free is
   pending until one is.
2. A session is its principal's; to all others it does not exist.
"""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.testing.workspace._http import DroppedError
from databricks_forwarder.testing.workspace._operation import (
    Operation,
    raise_for,
    require_timeout,
)
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._engine import Engine
    from databricks_forwarder.testing.workspace._faults import Fault, Faults, Point
    from databricks_forwarder.testing.workspace._results import Session

__all__ = ["OpenedSession", "Operations"]


@attrs.define(eq=False)
class OpenedSession:
    """
    A session that a client holds, with the statements it left open.

    Attributes:
        is_ready: Whether anything can be done in it: not so if it was opened
            before the warehouse had started, and never will be.
    """

    id: uuid.UUID
    context: Session
    operations: set[uuid.UUID] = attrs.field(factory=set)
    is_ready: bool = True


class Operations:
    """
    All sessions and statements of a workspace; any thread may use it.

    Args:
        engine: What runs the statements.
        faults: Those of ``open_session``, ``statement`` and ``poll`` are met here.
        clock: What ``STATEMENT_TIMEOUT`` goes by.
        breadth: Statements that run at once.
    """

    def __init__(
        self, engine: Engine, *, faults: Faults, clock: Clock, breadth: int = 16
    ) -> None:
        self._engine = engine
        self._faults = faults
        self._clock = clock
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._sessions: dict[uuid.UUID, OpenedSession] = {}
        self._ended: set[uuid.UUID] = set()
        self._operations: dict[uuid.UUID, Operation] = {}
        self._pool = ThreadPoolExecutor(breadth, thread_name_prefix="warehouse")

    def open_session(self, context: Session, named: Mapping[str, str]) -> OpenedSession:
        """
        Open a session.

        Args:
            context: What its statements are run with.
            named: What the client named itself, of ``catalog`` and ``schema``.

        Raises:
            RefusedError: One of those is not there, or may not be used.
        """
        opened = self.one_off(context, named)
        with self._lock:
            self._sessions[opened.id] = opened
        return opened

    def one_off(self, context: Session, named: Mapping[str, str]) -> OpenedSession:
        """
        A session for one statement, which no one can ask for; as `open_session`.
        """
        grants = self._engine.grants
        schema = f"{context.catalog}.{context.schema}".lower()
        if "schema" in named:
            grants.enter(schema, context.principal)
        elif "catalog" in named:
            catalog = context.catalog.lower()
            grants.require("USE CATALOG", "CATALOG", catalog, context.principal)
        require_timeout(context)
        return OpenedSession(uuid.uuid4(), context)

    def session(self, id_: uuid.UUID, principal: str | None) -> OpenedSession:
        """
        The session of this id.

        Raises:
            RefusedError: There is none, or it is someone else's.
        """
        with self._lock:
            found = self._sessions.get(id_)
        if found is None or found.context.principal != principal:
            raise RefusedError(
                "INVALID_HANDLE", f"Invalid SessionHandle: {id_}", status=404
            )
        return found

    def has_ended(self, id_: uuid.UUID) -> bool:
        """
        Whether there was a session of this id.
        """
        with self._lock:
            return id_ in self._ended

    def close_session(self, session: OpenedSession) -> None:
        """
        End a session and all that runs in it; twice is once.
        """
        with self._lock:
            self._sessions.pop(session.id, None)
            self._ended.add(session.id)
        for id_ in list(session.operations):
            self._forget(id_)

    def expire_sessions(self) -> None:
        """
        End all sessions, as an idle or restarted warehouse does.
        """
        with self._lock:
            sessions = list(self._sessions.values())
        for session in sessions:
            self.close_session(session)

    def run(self, statement: str, session: OpenedSession, *, asked: Any) -> Operation:
        """
        Begin a statement; *asked* is the client's request.

        Raises:
            DroppedError, InterruptedReplyError: Scripted; what is true then,
                the fault says.
        """
        fault = self._faults.meet("statement", statement)
        operation = Operation(
            statement, session.context, asked=asked, fault=fault, clock=self._clock
        )
        with self._lock:
            if self._closing.is_set():
                raise DroppedError
            self._operations[operation.id] = operation
            session.operations.add(operation.id)
            self._pool.submit(operation.run, self._engine)
        if fault and (fault.status or fault.drop or fault.cut):
            operation.wait(None)
        if operation.mishap:
            self.close_operation(operation)
            raise operation.mishap
        return operation

    def operation(self, id_: uuid.UUID, principal: str | None) -> Operation:
        """
        The statement of this id.

        Raises:
            RefusedError: There is none, or it is someone else's.
        """
        with self._lock:
            found = self._operations.get(id_)
        if found is None or found.principal != principal:
            raise RefusedError(
                "INVALID_HANDLE", f"Invalid OperationHandle: {id_}", status=404
            )
        return found

    def close_operation(self, operation: Operation) -> None:
        """
        End a statement and forget it; twice is once.
        """
        with self._lock:
            for session in self._sessions.values():
                session.operations.discard(operation.id)
        self._forget(operation.id)

    @contextmanager
    def misfortune(self, point: Point, detail: str) -> Iterator[None]:
        """
        Let the fault that is scripted for a call strike before or after it.

        Raises:
            RefusedError, DroppedError, InterruptedReplyError: As scripted.
        """
        fault = self._faults.meet(point, detail)
        if fault and fault.when == "before":
            self._strike(fault)
        yield
        if fault and fault.when == "after":
            self._strike(fault)

    def close(self) -> None:
        """
        End everything; whoever waits hears of it at once. Twice is once.
        """
        with self._lock:
            self._closing.set()
        self.expire_sessions()
        with self._lock:
            left = list(self._operations)
        for id_ in left:
            self._forget(id_)
        self._pool.shutdown()

    def _forget(self, id_: uuid.UUID) -> None:
        with self._lock:
            operation = self._operations.pop(id_, None)
        if operation:
            operation.close()

    def _strike(self, fault: Fault) -> None:
        self._closing.wait(fault.seconds)
        raise_for(fault)
        if fault.hang:
            self._closing.wait()
            raise DroppedError
