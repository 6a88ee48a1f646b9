"""
The Thrift service of a SQL warehouse, one call for each HTTP request.

The calls and their fields are those of the connector's own generated classes.
A SQL error is a status within an answer of HTTP status 200; what keeps a call
from being answered at all is an HTTP status, told in headers.

Source: databricks-sql-connector 4.9.0, observed on the wire.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from databricks.sql.thrift_api.TCLIService import TCLIService
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TApplicationException, TException, TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from databricks_forwarder.testing.workspace._faults import reply
from databricks_forwarder.testing.workspace._http import Response
from databricks_forwarder.testing.workspace._operation import InterruptedReplyError
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._thrift_calls import CALLS, Call
from databricks_forwarder.testing.workspace._thrift_replies import refused
from databricks_forwarder.testing.workspace._thrift_results import ttypes

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._http import Request
    from databricks_forwarder.testing.workspace._operations import Operations
    from databricks_forwarder.testing.workspace._sent_rows import SentRows
    from databricks_forwarder.testing.workspace._warehouses import Warehouses

__all__ = ["ThriftService"]

_POLL_SECONDS = 1.0
"""How long a call waits for the end of a statement: clients ask again at once."""


class ThriftService:
    """
    Answers the calls of SQL clients.

    Args:
        operations: Sessions and statements.
        warehouses: Which there are, who may use them, and whether they run.
        rows: What finished statements send.
        catalog: Where sessions are that name none.
    """

    def __init__(
        self,
        operations: Operations,
        *,
        warehouses: Warehouses,
        rows: SentRows,
        catalog: str,
    ) -> None:
        self._operations = operations
        self._warehouses = warehouses
        self._rows = rows
        self._catalog = catalog

    def handle(self, request: Request) -> Response:
        """
        Answer one call.

        Raises:
            RefusedError: It is none, or the warehouse can't be used.
            DroppedError: Scripted.
        """
        incoming = TBinaryProtocol(TMemoryBuffer(request.body.read()))
        try:
            name, _, number = incoming.readMessageBegin()
            arguments = getattr(TCLIService, f"{name}_args", ttypes.TStatus)()
            arguments.read(incoming)
        except (TException, EOFError, TypeError, ValueError, struct.error) as error:
            raise RefusedError("MALFORMED_REQUEST", "It is no Thrift call.") from error
        try:
            answer = self._answer(name, arguments, request)
        except InterruptedReplyError as interruption:
            return reply(interruption.fault)
        return Response(
            200,
            _message(name, number, answer),
            {"Content-Type": "application/x-thrift"},
        )

    def _answer(self, name: str, arguments: Any, request: Request) -> Any:
        """
        The answer to a call; a refusal is one, of the same kind.
        """
        if name not in CALLS:
            return TApplicationException(
                TApplicationException.UNKNOWN_METHOD, f"Unknown function {name}"
            )
        if arguments.req is None:
            raise RefusedError("MALFORMED_REQUEST", f"{name} has no request.")
        call = Call(
            request,
            operations=self._operations,
            rows=self._rows,
            catalog=self._catalog,
            poll_seconds=_POLL_SECONDS,
        )
        if name == "OpenSession":
            warehouse_id = request.path.rpartition("/")[2]
            call.is_ready = self._warehouses.admits(
                warehouse_id, str(request.principal)
            )
        try:
            return getattr(call, CALLS[name])(arguments.req)
        except RefusedError as error:
            if error.error_class == "BAD_REQUEST":
                # No answer to the call: it is told in headers.
                raise
            kind = getattr(ttypes, f"T{name}Resp")
            return kind(status=refused(error))


def _message(name: str, number: int, answer: Any) -> bytes:
    buffer = TMemoryBuffer()
    outgoing = TBinaryProtocol(buffer)
    if isinstance(answer, TApplicationException):
        outgoing.writeMessageBegin(name, TMessageType.EXCEPTION, number)
        answer.write(outgoing)
    else:
        outgoing.writeMessageBegin(name, TMessageType.REPLY, number)
        getattr(TCLIService, f"{name}_result")(success=answer).write(outgoing)
    outgoing.writeMessageEnd()
    message: bytes = buffer.getvalue()
    return message
