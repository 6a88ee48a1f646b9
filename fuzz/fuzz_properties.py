"""
What must be true of any bytes: one property for each way into the library.

A property raises `AssertionError`, or whatever should not have been raised, and
returns nothing. The fuzzer drives them with what its coverage suggests, the
test suite with the kept corpus and with hypothesis.
"""

from __future__ import annotations

import atexit
import contextlib
import gzip
import io
import os
import shutil
import socket
import tempfile
import threading
import uuid
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes

from databricks_forwarder._cli_sources import SourceError, open_source
from databricks_forwarder._door import admit
from databricks_forwarder._gathered_batches import RoutedBatch
from databricks_forwarder._rows import arrange
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.errors import DecodeError, PayloadError
from databricks_forwarder.model import LoadId, Offset, Table, TableName
from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.mparticle.keys import KeyMaker
from databricks_forwarder.testing.workspace import RefusedError, Workspace
from databricks_forwarder.testing.workspace._conversation import converse
from databricks_forwarder.testing.workspace._exchange import Exchange
from databricks_forwarder.testing.workspace._faults import Faults
from databricks_forwarder.testing.workspace._operation import Operation
from databricks_forwarder.testing.workspace._operations import OpenedSession
from databricks_forwarder.testing.workspace._reader import Reader
from databricks_forwarder.testing.workspace._results import Result, Session

if TYPE_CHECKING:
    import ssl

    from databricks_forwarder.testing.workspace._engine import Engine

_MAX_PAYLOAD_BYTES = 2**20
_MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)

# Building columns takes a hundred times as long as decoding: one in so many.
_ARRANGED_ONE_IN = 64

# A statement that is whole works for milliseconds.
_RUN_ONE_IN = 16

SESSION = uuid.UUID(bytes=b"0" * 16)
OPERATION = uuid.UUID(bytes=b"o" * 16)
"""Of a session, and of a statement in it, that are there for each Thrift call."""

# What a workspace remembers of requests is let go after so many.
_ASKED_OF_A_WORKSPACE = 20_000


def door(data: bytes) -> None:
    """
    The door admits a batch as it came, or refuses it with an error of its own.
    """
    try:
        payload = admit(data, _MAX_PAYLOAD_BYTES)
    except PayloadError as error:
        assert str(error)
        return

    assert data == payload.document
    assert payload.message_count >= 1


def decoding(data: bytes) -> None:
    """
    What the door admitted has as many messages as it counted, or is no batch.

    Both ways of reading keys agree, and each message becomes one row.
    """
    try:
        payload = admit(data, _MAX_PAYLOAD_BYTES)
        decoded = decode(payload.document)
    except PayloadError:
        return
    keys = KeyMaker().keys(decoded)

    assert payload.message_count == len(keys)
    assert keys == list(KeyMaker().glance(data))
    if zlib.crc32(data) % _ARRANGED_ONE_IN == 0:
        arranging(data)


def arranging(data: bytes) -> None:
    """
    Each message of a batch is one row of its table, with the table's columns.
    """
    try:
        decoded = decode(data)
    except DecodeError:
        return
    types = [event.event_type for event in decoded.events] or [None]
    tables = [Table(TableName(f"t{at}"), type_) for at, type_ in enumerate(types)]
    batch = RoutedBatch(Offset(0), _MOMENT, decoded, tables)
    rows = 0
    for part in arrange([batch], LoadId("0123456789ab-0-0")):
        part.rows.validate(full=True)
        rows += len(part.rows)

        assert schema_of(part.table.event_type) == part.rows.schema
    assert len(types) == rows


def sources(data: bytes) -> None:
    """
    A file's batches are pieces of it, in order; what can't be read is said.
    """
    path = _scratch() / "source"
    path.write_bytes(data)
    whole = _unzipped(data)
    place = 0
    try:
        with open_source(str(path)) as source:
            for found in source.batches():
                place = whole.index(found.document, place) + len(found.document)
    except SourceError as error:
        assert str(path) in str(error)


def _unzipped(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    # All that is in it, its checksums aside: what is refused in the end was
    # given before. At most one piece is read at a time, so that none is lost.
    pieces = []
    with (
        contextlib.suppress(EOFError, OSError, zlib.error),
        gzip.open(io.BytesIO(data)) as file,
    ):
        while piece := file.read1(4096):
            pieces.append(piece)
    return b"".join(pieces)


def statements(data: bytes) -> None:
    """
    A statement has a result, or is refused as the platform refuses.

    All are cut into tokens and read to their end, some are run.
    """
    sql = data.decode(errors="replace")
    with contextlib.suppress(RefusedError):
        Reader(sql).rest()
    if zlib.crc32(data) % _RUN_ONE_IN:
        return
    with _asked() as workspace:
        settings = workspace.settings
        session = Session(
            principal=settings.client_id,
            catalog=settings.catalog_name,
            schema=settings.schema_name,
        )
        try:
            workspace._engine.run(sql, session)
        except RefusedError as error:
            assert "INTERNAL_ERROR" != error.error_class, error


def requests(data: bytes) -> None:
    """
    Whatever comes over a connection has replies of HTTP, and none of status 500.
    """
    with _asked() as workspace:
        _require_replies(_replies(workspace, data))


def thrift(data: bytes) -> None:
    """
    Whatever is posted to a warehouse is answered, and not with status 500.

    A session and a statement of known names are there, for calls to be of.
    """
    with _asked() as workspace:
        _have_handles(workspace)
        head = (
            f"POST {workspace.http_path} HTTP/1.1\r\nHost: x\r\n"
            f"Content-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        )
        _require_replies(_replies(workspace, head.encode() + data))


def _have_handles(workspace: Workspace) -> None:
    """
    Have the session and the finished statement, as if nobody had used them.
    """
    operations = workspace._services.operations
    operations.expire_sessions()
    operations._ended.clear()
    settings = workspace.settings
    context = Session(
        principal=settings.client_id,
        catalog=settings.catalog_name,
        schema=settings.schema_name,
    )
    operation = Operation(
        "SELECT 1",
        context,
        asked=ttypes.TExecuteStatementReq(),
        fault=None,
        clock=operations._clock,
    )
    operation.id = OPERATION
    operation.run(cast("Engine", _ONE_ROW))
    operations._sessions[SESSION] = OpenedSession(SESSION, context, {OPERATION})
    operations._operations[OPERATION] = operation


class _OneRow:
    """
    In an engine's place: every statement has the same rows.
    """

    def run(self, *_: object) -> Result:
        return Result(pa.table({"a": [1, 2, None], "b": ["x", None, "é"]}))


_ONE_ROW = _OneRow()


def _require_replies(answered: bytes) -> None:
    if answered:
        status_line, _, _ = answered.partition(b"\r\n")

        assert status_line.startswith(b"HTTP/1.1 "), status_line
    assert b"HTTP/1.1 500" not in answered, answered[:2000]


def _replies(workspace: Workspace, data: bytes) -> bytes:
    """
    What the workspace replies to the bytes of one connection.
    """
    exchange = Exchange(
        workspace._services.routes,
        lambda _: workspace.settings.client_id,
        Faults(),
        threading.Event(),
    )
    ours, theirs = socket.socketpair()
    with ours, theirs:
        # Both directions have room in the sockets: one thread does.
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**22)
        ours.sendall(data[:60_000])
        ours.shutdown(socket.SHUT_WR)
        converse(cast("ssl.SSLSocket", theirs), exchange.answer)
        theirs.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: ours.recv(2**16), b""))


class _Asked:
    """
    A workspace that is made anew before it has too much to remember.
    """

    def __init__(self) -> None:
        self._workspace: Workspace | None = None
        self._count = 0

    def __enter__(self) -> Workspace:
        if self._workspace is None or self._count >= _ASKED_OF_A_WORKSPACE:
            if self._workspace is not None:
                self._workspace.close()
            self._workspace = Workspace().start()
            atexit.register(self._workspace.close)
            self._count = 0
        self._count += 1
        return self._workspace

    def __exit__(self, *_: object) -> None:
        pass


@cache
def _asked() -> _Asked:
    return _Asked()


@cache
def _scratch() -> Path:
    """
    A folder of this process, in memory where there is such a place.
    """
    memory = "/dev/shm"
    place = memory if os.access(memory, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=place))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


PROPERTIES: Mapping[str, Callable[[bytes], None]] = {
    "door": door,
    "decoding": decoding,
    "sources": sources,
    "statements": statements,
    "requests": requests,
    "thrift": thrift,
}
