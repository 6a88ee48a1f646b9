"""
HTTP/1.1 over one connection.
"""

from __future__ import annotations

import contextlib
import io
import socket
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote

from databricks_forwarder.testing.workspace._bodies import body_of
from databricks_forwarder.testing.workspace._http import (
    DroppedError,
    FileRange,
    Request,
    Response,
    refusal,
)
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from databricks_forwarder.testing.workspace._bodies import Body

__all__ = ["converse"]

_LONGEST_LINE = 65_536
_MOST_READ_AWAY = 1 << 30
"""Of a body that its service did not want; of a larger one the connection ends."""


def converse(
    connection: ssl.SSLSocket, answer: Callable[[Request, Body], Response]
) -> None:
    """
    Answer requests until either side has had enough.
    """
    _Conversation(connection, answer)


class _Conversation(BaseHTTPRequestHandler):
    """
    Reads requests and writes replies; what they mean is not its business.
    """

    protocol_version = "HTTP/1.1"

    def __init__(
        self, connection: ssl.SSLSocket, answer: Callable[[Request, Body], Response]
    ) -> None:
        self._answer = answer
        super().__init__(connection, connection.getpeername(), cast("Any", None))

    def handle_one_request(self) -> None:
        """
        Read one request and reply to it.
        """
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(_LONGEST_LINE + 1)
        if not self.raw_requestline:
            return
        if not self._is_request():
            self._linger()
            return
        try:
            self._exchange()
        except DroppedError:
            self.close_connection = True

    def send_error(
        self,
        code: int,
        message: str | None = None,
        explain: str | None = None,  # noqa: ARG002  # the base class calls it so
    ) -> None:
        """
        Reply to what is no HTTP.
        """
        said = message or HTTPStatus(code).phrase
        self._reply(refusal(RefusedError("MALFORMED_REQUEST", said, status=code)))

    def _is_request(self) -> bool:
        """
        Read the head; False, with the reply sent, if it is none.
        """
        if len(self.raw_requestline) > _LONGEST_LINE:
            self.command = ""
            self.send_error(414)
            return False
        if not self.parse_request():
            return False
        if self.request_version == "HTTP/0.9":
            self.send_error(400)
            return False
        return True

    def _exchange(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        try:
            body = body_of(headers, self.rfile)
            request = Request(
                method=self.command,
                path=unquote(path, errors="strict"),
                query=dict(parse_qsl(query, keep_blank_values=True)),
                headers=headers,
                body=io.BufferedReader(body),
                principal=None,
            )
        except (RefusedError, UnicodeDecodeError):
            self.close_connection = True
            self.send_error(400)
            self._linger()
            return
        response = self._answer(request, body)
        wanted = body.read_away(_MOST_READ_AWAY)
        self.close_connection |= not wanted
        self._reply(response)
        if not wanted:
            self._linger()

    def _linger(self) -> None:
        """
        Let the reply arrive: closing at once would tear it off with the rest.
        """
        socket.socket.shutdown(self.connection, socket.SHUT_WR)
        self.connection.settimeout(0.3)
        with contextlib.suppress(OSError):
            while self.rfile.read(65_536):
                pass

    def _reply(self, response: Response) -> None:
        source = response.body
        length = len(source) if isinstance(source, bytes) else source.length
        head = self._head(response, length)
        if self.command == "HEAD" or not length:
            self.wfile.write(head)
        elif isinstance(source, bytes):
            self.wfile.write(head + source)
        else:
            self._stream(head, source)

    def _head(self, response: Response, length: int) -> bytes:
        status = response.status
        lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {length}")
        if self.close_connection:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _stream(self, head: bytes, source: FileRange) -> None:
        with source.path.open("rb") as file:
            file.seek(source.start)
            left = source.length
            while left:
                piece = file.read(min(left, 262_144))
                if not piece:
                    raise DroppedError
                self.wfile.write(head + piece)
                head, left = b"", left - len(piece)
