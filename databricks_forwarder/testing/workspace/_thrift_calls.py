"""
The calls of the Thrift service, one method for each.

Source: databricks-sql-connector 4.9.0, observed on the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._results import Session
from databricks_forwarder.testing.workspace._thrift_metadata import STATEMENTS
from databricks_forwarder.testing.workspace._thrift_replies import (
    handle_of,
    id_of,
    identifier,
    names_in,
    status_of,
)
from databricks_forwarder.testing.workspace._thrift_results import (
    OK,
    metadata,
    page_of,
    ttypes,
)

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._http import Request
    from databricks_forwarder.testing.workspace._operation import Operation
    from databricks_forwarder.testing.workspace._operations import (
        OpenedSession,
        Operations,
    )
    from databricks_forwarder.testing.workspace._sent_rows import SentRows

__all__ = ["CALLS", "Call"]
_SUFFICES = ttypes.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8


class Call:
    """
    One call, with who makes it.

    Attributes:
        is_ready: Whether a session that it opens will ever work.
    """

    is_ready = True

    def __init__(
        self,
        request: Request,
        *,
        operations: Operations,
        rows: SentRows,
        catalog: str,
        poll_seconds: float,
    ) -> None:
        self._request = request
        self._principal = str(request.principal)
        self._operations = operations
        self._rows = rows
        self._catalog = catalog
        self._poll_seconds = poll_seconds

    def open_session(self, req: Any) -> Any:
        """
        Open a session, in a namespace if the client names one.
        """
        named = names_in(req.initialNamespace)
        context = Session(
            principal=self._principal,
            catalog=named.get("catalog", self._catalog),
            schema=named.get("schema", "default"),
            configuration=dict(req.configuration or {}),
        )
        with self._operations.misfortune("open_session", self._request.path):
            opened = self._operations.open_session(context, named)
        opened.is_ready = self.is_ready
        return ttypes.TOpenSessionResp(
            status=OK,
            serverProtocolVersion=min(req.client_protocol_i64 or _SUFFICES, _SUFFICES),
            sessionHandle=ttypes.TSessionHandle(sessionId=identifier(opened.id)),
            initialNamespace=req.initialNamespace,
            canUseMultipleCatalogs=True,
        )

    def close_session(self, req: Any) -> Any:
        """
        End a session and what runs in it.
        """
        self._operations.close_session(self._session(req))
        return ttypes.TCloseSessionResp(status=OK)

    def execute(self, req: Any) -> Any:
        """
        Begin a statement and, if the client wants, wait a while for its rows.
        """
        if req.parameters:
            raise RefusedError(
                "UNSUPPORTED_FEATURE",
                "The loopback workspace has no parameters in statements.",
                sqlstate="0A000",
            )
        session = self._session(req)
        operation = self._run(req.statement or "", session, req)
        return ttypes.TExecuteStatementResp(
            status=OK,
            operationHandle=handle_of(operation),
            directResults=req.getDirectResults
            and self._direct(operation, req.getDirectResults),
        )

    def list_things(self, req: Any) -> Any:
        """
        List catalogs, schemas, tables or columns, as a statement of their own.
        """
        name = type(req).__name__[1:-3]
        operation = self._run(
            STATEMENTS[name](req, self._catalog), self._session(req), req
        )
        wanted = req.getDirectResults
        return getattr(ttypes, f"T{name}Resp")(
            status=OK,
            operationHandle=handle_of(operation),
            directResults=wanted and self._direct(operation, wanted),
        )

    def poll(self, req: Any) -> Any:
        """
        Say how far a statement is; wait a while for its end first.
        """
        operation = self._operation(req)
        with self._operations.misfortune("poll", operation.statement):
            operation.wait(self._poll_seconds)
        return status_of(operation)

    def tell_metadata(self, req: Any) -> Any:
        """
        Say what columns a result has.
        """
        return self._metadata(self._operation(req))

    def fetch(self, req: Any) -> Any:
        """
        Send the next rows.
        """
        operation = self._operation(req)
        if req.orientation == ttypes.TFetchOrientation.FETCH_FIRST:
            operation.next_row = 0
        if req.startRowOffset is not None:
            if req.startRowOffset < 0:
                raise RefusedError(
                    "INVALID_PARAMETER_VALUE",
                    "startRowOffset must not be negative.",
                    sqlstate="22023",
                )
            operation.next_row = req.startRowOffset
        page = self._page(operation, req)
        page.resultSetMetadata = self._metadata(operation)
        return page

    def cancel(self, req: Any) -> Any:
        """
        Cancel a statement.
        """
        self._operation(req).cancel()
        return ttypes.TCancelOperationResp(status=OK)

    def close(self, req: Any) -> Any:
        """
        Forget a statement.
        """
        self._operations.close_operation(self._operation(req))
        return ttypes.TCloseOperationResp(status=OK)

    def _run(self, statement: str, session: OpenedSession, req: Any) -> Operation:
        self._request.entry.statement = statement
        operation = self._operations.run(statement, session, asked=req)
        self._request.entry.statement_id = str(operation.id)
        return operation

    def _direct(self, operation: Operation, wanted: Any) -> Any:
        """
        The whole way of a short statement, in the reply to its beginning.
        """
        operation.wait(self._poll_seconds)
        status = status_of(operation)
        direct = ttypes.TSparkDirectResults(operationStatus=status)
        # As it was told: a client to which it still runs will ask again.
        if status.operationState == ttypes.TOperationState.FINISHED_STATE:
            direct.resultSetMetadata = self._metadata(operation)
            direct.resultSet = self._page(operation, wanted)
            if not direct.resultSet.hasMoreRows:
                self._operations.close_operation(operation)
                direct.closeOperation = ttypes.TCloseOperationResp(status=OK)
        return direct

    def _metadata(self, operation: Operation) -> Any:
        rows = self._rows.of(operation)
        is_transfer = operation.result.transfer is not None
        return metadata(rows, operation.asked, is_transfer=is_transfer)

    def _page(self, operation: Operation, wanted: Any) -> Any:
        rows = self._rows.of(operation)
        row_bytes = max(1, rows.nbytes // max(1, rows.num_rows))
        most = max(1, (wanted.maxBytes or rows.nbytes) // row_bytes)
        # Zero or less is no limit.
        is_limited = (wanted.maxRows or 0) > 0
        count = min(wanted.maxRows if is_limited else rows.num_rows, most)
        page = page_of(rows, operation.asked, operation.next_row, count)
        operation.next_row = min(operation.next_row + count, rows.num_rows)
        return ttypes.TFetchResultsResp(
            status=OK, hasMoreRows=operation.next_row < rows.num_rows, results=page
        )

    def _session(self, req: Any) -> OpenedSession:
        id_ = id_of(req.sessionHandle and req.sessionHandle.sessionId)
        if self._operations.has_ended(id_):
            # So it is told of one that was there, otherwise of one that was not:
            # eakmanrq/sqlframe, issue 429, and databricks/databricks-sql-python,
            # issue 400, both read 2026-11-25.
            raise RefusedError(
                "BAD_REQUEST", f"Invalid SessionHandle: Session [{id_}] is closed."
            )
        session = self._operations.session(id_, self._principal)
        if not session.is_ready:
            # Source: lightdash/lightdash, pull request 28654, read 2026-11-25.
            raise RefusedError(
                "",
                f"requirement failed: Session handle [{id_}] has not been initialized "
                "or had already closed",
            )
        return session

    def _operation(self, req: Any) -> Operation:
        id_ = id_of(req.operationHandle and req.operationHandle.operationId)
        return self._operations.operation(id_, self._principal)


CALLS = {
    "OpenSession": "open_session",
    "CloseSession": "close_session",
    "ExecuteStatement": "execute",
    "GetOperationStatus": "poll",
    "GetResultSetMetadata": "tell_metadata",
    "FetchResults": "fetch",
    "CancelOperation": "cancel",
    "CloseOperation": "close",
    **dict.fromkeys(STATEMENTS, "list_things"),
}
"""Name of a call → the method that answers it."""
