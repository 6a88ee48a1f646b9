"""
The SQL clients of these tests, as strangers use them.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sql.thrift_api.TCLIService import TCLIService
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.Thrift import TMessageType
from thrift.transport.TTransport import TMemoryBuffer

from databricks_forwarder.testing.workspace import Workspace

ONE_TRY = {
    "_retry_stop_after_attempts_count": 1,
    "_retry_stop_after_attempts_duration": 1,
}
"""The connector repeats nothing by itself, so that a test sees what came first."""


@contextmanager
def cursor_of(workspace: Workspace, **options: Any) -> Iterator[Any]:
    """
    A cursor of a new connection, which names no catalog if *options* don't.
    """
    with (
        workspace.connect(**({"catalog": None} | ONE_TRY | options)) as connection,
        connection.cursor() as cursor,
    ):
        yield cursor


def rows_of(workspace: Workspace, sql: str, **options: Any) -> list[tuple[Any, ...]]:
    """
    What a statement gives over a new connection.
    """
    with cursor_of(workspace, **options) as cursor:
        return [tuple(row) for row in cursor.execute(sql).fetchall()]


def failed_connect(workspace: Workspace, **options: Any) -> tuple[str, int | None]:
    """
    The sentence and the HTTP status of a connect that fails.

    A connection that never was one still tries to close itself when it is
    collected, and fails; observed with databricks-sql-connector 4.9.0.
    """
    heard = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        return _failure(workspace, options)
    finally:
        gc.collect()
        sys.unraisablehook = heard


def _failure(workspace: Workspace, options: Any) -> tuple[str, int | None]:
    try:
        workspace.connect(**({"catalog": None} | ONE_TRY | options))
    except Exception as error:  # noqa: BLE001  # of whichever library
        context = getattr(error, "context", None) or {}
        return str(error), context.get("http-code")
    raise AssertionError("it connected")


def thrift_call(name: str, req: Any) -> bytes:
    """
    A Thrift call as it goes over the wire.
    """
    buffer = TMemoryBuffer()
    outgoing = TBinaryProtocol(buffer)
    outgoing.writeMessageBegin(name, TMessageType.CALL, 0)
    getattr(TCLIService, f"{name}_args")(req).write(outgoing)
    outgoing.writeMessageEnd()
    return buffer.getvalue()


def sdk_client(workspace: Workspace) -> WorkspaceClient:
    """
    The platform's own client; its certificates come from the environment.
    """
    settings = workspace.settings
    return WorkspaceClient(
        config=Config(
            host=workspace.url,
            client_id=settings.client_id,
            client_secret=settings.client_secret.reveal(),
            auth_type="oauth-m2m",
            retry_timeout_seconds=1,
        )
    )
