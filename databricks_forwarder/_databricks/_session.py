"""
Sessions on a SQL warehouse: the only place that knows the SQL driver.

The driver is kept on a short lead, observed with databricks-sql-connector
4.9.0: it reports home (`enable_telemetry`), sleeps for at least five seconds
when it is told to come back, sends a statement again when the reply was lost,
and keeps tokens for as long as it thinks they live. Here none of that happens:
what is tried again, and when, is this library's to say.
"""

from __future__ import annotations

import logging
import math
import os
import re
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from databricks.sql import exc
from databricks.sql.client import Connection

from databricks_forwarder._databricks._sql_fates import error_class, sql_fate
from databricks_forwarder._databricks._stripped import first_line
from databricks_forwarder._databricks.fates import (
    LostSessionError,
    UnknownOutcomeError,
    UnreadyError,
    http_fate,
    network_fate,
)

if TYPE_CHECKING:
    from databricks_forwarder._databricks.auth import TokenSource
    from databricks_forwarder.errors import ForwarderError
    from databricks_forwarder.settings import Endpoint

__all__ = ["Session", "Signature", "fate_of", "is_refusal", "name_of", "opened"]

# Of each refused request the driver tells at level error, ours do in a
# sentence: a host that set up no logging need not see both.
logging.getLogger("databricks").addHandler(logging.NullHandler())

# What a warehouse says before it has started, where it says neither 429 nor 503:
# lightdash/lightdash, pull request 28654, and drt-hub/drt, pull request 1015, both
# read 2026-11-25.
_UNREADY = re.compile(
    r"Session handle \S+ has not been initialized|create directory /local_disk0"
    r"|Cannot create the resource, please try again later"
)


class _Connection(Connection):
    """
    The driver's connection, which lets go of what it is done with.
    """

    def __del__(self) -> None:
        """
        Do nothing: who opens it closes it.

        The driver's own raises when connecting failed, observed with 4.9.0.
        """

    def let_go(self) -> None:
        """
        Break the circle of connection and cursors, so that sockets close now.
        """
        self._cursors.clear()


class Signature:
    """
    What the driver signs requests with: the token that is good now.

    Attributes:
        token: The one that was used last.
    """

    def __init__(self, tokens: TokenSource) -> None:
        self._tokens = tokens
        self.token = tokens.token()

    def headers(self) -> dict[str, str]:
        """
        Sign one request.

        In small letters the driver passes the header on as it is. Spelled as
        usual it would keep the token beyond its life, and exchange one that
        another host gave: observed with 4.9.0.
        """
        self.token = self._tokens.token()
        return {"authorization": f"Bearer {self.token.reveal()}"}


class Session:
    """
    One connection with its one cursor; used by one thread at a time.

    A forked child inherits it, and must send nothing over it: what is sent is
    encrypted in the order in which its parent goes on.

    Attributes:
        signature: What its requests are signed with.
    """

    def __init__(self, connection: _Connection, signature: Signature) -> None:
        self.signature = signature
        self._connection = connection
        # One for all statements: a connection keeps every cursor it made.
        self._cursor = connection.cursor()
        self._process_id = os.getpid()
        self._statement_id: str | None = None

    @property
    def statement_id(self) -> str | None:
        """
        What the platform calls the latest statement, also when all is closed.
        """
        return self._statement_id or self._cursor.query_id

    @property
    def is_inherited(self) -> bool:
        """
        Whether it is that of the process that this one was forked from.
        """
        return self._process_id != os.getpid()

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        """
        Run one statement; its rows.
        """
        self._statement_id = self._cursor.active_command_id = None
        try:
            self._cursor.execute(sql)
            return list(self._cursor.fetchall())
        finally:
            self._statement_id = self._cursor.query_id

    def stop(self, other: Session) -> None:
        """
        Cancel the statement of another session over this one, and close that.

        Before the first answer to a statement the driver has no name for it:
        then closing its session is all that can be done.
        """
        backend = self._connection.session.backend
        running = other._cursor.active_command_id
        if running is not None:
            with suppress(Exception):
                backend.cancel_command(running)
        with suppress(Exception):
            backend.close_session(other._connection.session.session_id)

    def close(self) -> None:
        """
        Close the session there, and the connection.
        """
        if self.is_inherited:
            # Then nothing is sent, and this process's end is closed.
            self._connection.session.is_open = False
        self._connection.close()
        self._connection.let_go()

    def drop(self) -> None:
        """
        Close the connection; the session there is gone, or out of reach.
        """
        self._connection.session.is_open = False
        self.close()


def opened(
    endpoint: Endpoint,
    warehouse_id: str,
    signature: Signature,
    *,
    socket_seconds: float,
    statement_seconds: float,
) -> Session:
    """
    Connect, and open a session.

    Args:
        endpoint: Where the workspace is.
        warehouse_id: Where statements run.
        signature: What requests are signed with.
        socket_seconds: Silence after which the connection counts as lost.
        statement_seconds: After which the platform itself ends a statement.
    """
    connection = _Connection(
        endpoint.host,
        f"/sql/1.0/warehouses/{warehouse_id}",
        credentials_provider=lambda: signature.headers,
        session_configuration={
            # If nobody is there any more to cancel it.
            "STATEMENT_TIMEOUT": str(math.ceil(statement_seconds))
        },
        user_agent_entry=f"databricks-forwarder/{version('databricks-forwarder')}",
        enable_telemetry=False,
        # Results are small; over other hosts they would need other proxies.
        use_cloud_fetch=False,
        # Rows as they are, and half a second less for the first of them.
        _disable_pandas=True,
        _port=endpoint.port,
        _tls_trusted_ca_file=endpoint.ca_file and str(endpoint.ca_file),
        _socket_timeout=socket_seconds,
        # The least that the driver takes. No pause of these fits into the
        # duration, so that it neither sleeps nor sends anything twice.
        _retry_stop_after_attempts_count=1,
        _retry_stop_after_attempts_duration=1.0,
        _retry_delay_min=2.0,
        _retry_delay_max=5.0,
    )
    return Session(connection, signature)


def fate_of(
    error: BaseException, doing: str, *, client_id: str
) -> ForwarderError | None:
    """
    Name the fate of whatever the driver raised: here its errors cross over.

    Args:
        error: What was raised.
        doing: What was being done and to what, to start the sentence with.
        client_id: Who asked; named in advice.

    Returns:
        None when it is not known.
    """
    fate = _fate_of(error, doing, client_id)
    if fate is not None and _is_under_way(error):
        # It is no refusal of the statement, which goes on.
        return UnknownOutcomeError(str(fate))
    return fate


def _fate_of(error: BaseException, doing: str, client_id: str) -> ForwarderError | None:
    said = str(error.args[0]) if error.args else ""
    if "Invalid SessionHandle" in said:
        # In an answer, or in the headers of a status 400: seen are both.
        return LostSessionError(
            f"{doing} failed: {first_line(error)}; it is opened again"
        )
    if _UNREADY.search(said):
        return UnreadyError(
            f"{doing} failed: {first_line(error)}; it will be tried again"
        )
    status = _http_status(error)
    if status >= 300:
        # What the reply asked for the driver keeps to itself, seen with 4.9.0.
        return http_fate(
            status, _reason(error), doing, client_id=client_id, retry_after_seconds=0.0
        )
    fate = sql_fate(said, doing, client_id=client_id)
    if fate is None and not is_refusal(error):
        return network_fate(error, doing)
    return fate


def is_refusal(error: BaseException) -> bool:
    """
    Whether a statement was refused by its session, which goes on.
    """
    return isinstance(error, exc.ServerOperationError)


def name_of(error: BaseException) -> str:
    """
    The error class that the platform gave, or the class of the exception.
    """
    said = str(error.args[0]) if error.args else ""
    return error_class(said) or type(error).__name__


def _is_under_way(error: BaseException) -> bool:
    method = getattr(error, "context", {}).get("method", "")
    return method not in {"", "OpenSession", "ExecuteStatement"}


def _http_status(error: BaseException) -> int:
    """
    The HTTP status of the reply that *error* tells of; 0 if there is none.
    """
    if isinstance(error, exc.RequestError):
        return int(error.context.get("http-code") or 0)
    return 0


def _reason(error: BaseException) -> str:
    """
    What the platform gave as its reason in a reply's headers.
    """
    details = getattr(error, "context", {})
    return str(details.get("error-message") or "").strip(": ")
