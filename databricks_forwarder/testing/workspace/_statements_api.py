"""
The Statement Execution API: statements and their results as JSON over REST.

Sources: Databricks, "Statement Execution API", and databricks-sdk 0.156.0,
``service/sql.py``, read 2026-11-23; for sessions, which no page describes,
databricks-sql-connector 4.9.0.
"""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, Any

from databricks_forwarder.testing.workspace._asked import (
    AskedSession,
    AskedStatement,
    read,
)
from databricks_forwarder.testing.workspace._faults import reply
from databricks_forwarder.testing.workspace._http import json_response
from databricks_forwarder.testing.workspace._operation import InterruptedReplyError
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._results import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.testing.workspace._http import Request, Response
    from databricks_forwarder.testing.workspace._operation import Operation
    from databricks_forwarder.testing.workspace._operations import (
        OpenedSession,
        Operations,
    )
    from databricks_forwarder.testing.workspace._statement_results import (
        StatementResults,
    )
    from databricks_forwarder.testing.workspace._warehouses import Warehouses

__all__ = ["StatementsApi"]

_SESSIONS = "/api/2.0/sql/sessions"
_STATEMENTS = "/api/2.0/sql/statements"
_WAIT = re.compile(r"(\d{1,2})s", re.ASCII)
_MAX_STATEMENT_BYTES = 16 * 1024 * 1024


class StatementsApi:
    """
    Answers what is asked under ``/api/2.0/sql``.

    Args:
        operations: Sessions and statements.
        warehouses: Which there are, who may use them, and whether they run.
        results: What is told of finished statements.
        catalog: Where statements are run that name none.
    """

    def __init__(
        self,
        operations: Operations,
        *,
        warehouses: Warehouses,
        results: StatementResults,
        catalog: str,
    ) -> None:
        self._operations = operations
        self._warehouses = warehouses
        self._results = results
        self._catalog = catalog

    def handle(self, request: Request) -> Response:
        """
        Answer one request.

        Raises:
            RefusedError: As the platform would refuse it.
            DroppedError: Scripted.
        """
        for method, path, answer in self._routes():
            found = re.fullmatch(path, request.path)
            if found and method == request.method:
                try:
                    return json_response(answer(request, *found.groups()))
                except InterruptedReplyError as interruption:
                    return reply(interruption.fault)
        raise RefusedError(
            "ENDPOINT_NOT_FOUND",
            f"No API found for '{request.method} {request.path}'",
            status=404,
        )

    def _routes(self) -> list[tuple[str, str, Callable[..., dict[str, Any]]]]:
        statement = rf"{_STATEMENTS}/([^/]+)"
        return [
            ("POST", _SESSIONS, self._open_session),
            ("DELETE", rf"{_SESSIONS}/([^/]+)", self._close_session),
            ("POST", _STATEMENTS, self._execute),
            ("GET", statement, self._tell),
            ("DELETE", statement, self._close),
            ("POST", rf"{statement}/cancel", self._cancel),
            ("GET", rf"{statement}/result/chunks/([0-9]{{1,9}})", self._chunk),
        ]

    def _open_session(self, request: Request) -> dict[str, Any]:
        asked = read(request.body.read(), AskedSession)
        self._use(asked, request)
        with self._operations.misfortune("open_session", request.path):
            opened = self._operations.open_session(
                self._context(asked, request), _named(asked)
            )
        return {"session_id": str(opened.id)}

    def _close_session(self, request: Request, id_: str) -> dict[str, Any]:
        session = self._operations.session(_uuid(id_), request.principal)
        self._operations.close_session(session)
        return {}

    def _execute(self, request: Request) -> dict[str, Any]:
        asked = read(request.body.read(), AskedStatement)
        request.entry.statement = asked.statement
        _require_supported(asked)
        wait_seconds = _wait_seconds(asked)
        self._results.require_form(asked)
        session = self._session(asked, request)
        operation = self._operations.run(asked.statement, session, asked=asked)
        request.entry.statement_id = str(operation.id)
        if operation.wait(wait_seconds) in {"PENDING", "RUNNING"} and (
            wait_seconds and asked.on_wait_timeout == "CANCEL"
        ):
            operation.cancel()
        return self._results.tell(operation)

    def _tell(self, request: Request, id_: str) -> dict[str, Any]:
        operation = self._operation(request, id_)
        with self._operations.misfortune("poll", operation.statement):
            return self._results.tell(operation)

    def _close(self, request: Request, id_: str) -> dict[str, Any]:
        self._operations.close_operation(self._operation(request, id_))
        return {}

    def _cancel(self, request: Request, id_: str) -> dict[str, Any]:
        self._operation(request, id_).cancel()
        return {}

    def _chunk(self, request: Request, id_: str, index: str) -> dict[str, Any]:
        return self._results.chunk(self._operation(request, id_), int(index))

    def _operation(self, request: Request, id_: str) -> Operation:
        return self._operations.operation(_uuid(id_), request.principal)

    def _session(self, asked: AskedStatement, request: Request) -> OpenedSession:
        if asked.session_id:
            id_ = _uuid(asked.session_id)
            return self._operations.session(id_, request.principal)
        self._use(asked, request)
        return self._operations.one_off(self._context(asked, request), _named(asked))

    def _use(self, asked: AskedSession, request: Request) -> None:
        self._warehouses.use(str(asked.warehouse_id), str(request.principal))

    def _context(self, asked: AskedSession, request: Request) -> Session:
        return Session(
            principal=str(request.principal),
            catalog=asked.catalog or self._catalog,
            schema=asked.schema or "default",
            configuration=asked.session_confs or {},
        )


def _named(asked: AskedSession) -> dict[str, str]:
    named = {"catalog": asked.catalog, "schema": asked.schema}
    return {kind: name for kind, name in named.items() if name}


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise RefusedError(
            "INVALID_PARAMETER_VALUE", f"{text!r} is no id of a session or statement."
        ) from None


def _require_supported(asked: AskedStatement) -> None:
    if not asked.statement:
        raise RefusedError(
            "INVALID_PARAMETER_VALUE", "The field statement is required."
        )
    if len(asked.statement.encode()) > _MAX_STATEMENT_BYTES:
        raise RefusedError(
            "INVALID_PARAMETER_VALUE", "The statement is larger than 16 MiB."
        )
    if asked.parameters:
        raise RefusedError(
            "INVALID_PARAMETER_VALUE",
            "The loopback workspace has no parameters in statements.",
        )


def _wait_seconds(asked: AskedStatement) -> int:
    text = asked.wait_timeout or "10s"
    found = _WAIT.fullmatch(text)
    seconds = int(found[1]) if found else -1
    if seconds != 0 and not 5 <= seconds <= 50:
        raise RefusedError(
            "INVALID_PARAMETER_VALUE",
            f"wait_timeout must be 0s or 5s to 50s, not {text!r}.",
        )
    return seconds
