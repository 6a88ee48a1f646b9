"""
HTTP over one connection of the loopback workspace, without its TLS.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from databricks_forwarder.testing.workspace._bodies import Body, body_of
from databricks_forwarder.testing.workspace._conversation import converse
from databricks_forwarder.testing.workspace._http import (
    DroppedError,
    FileRange,
    Request,
    Response,
)


@contextlib.contextmanager
def conversation(
    answer: Callable[[Request, Body], Response],
) -> Iterator[socket.socket]:
    """
    The client's end of a connection that is answered so.
    """
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    thread = threading.Thread(target=converse, args=(theirs, answer))
    with ours, theirs:
        thread.start()
        yield ours
        ours.close()
        thread.join()


def everything(connection: socket.socket) -> bytes:
    """
    All that comes until the other end has closed.
    """
    found = b""
    while piece := connection.recv(65_536):
        found += piece
    return found


def test_form_may_come_in_pieces() -> None:
    """
    A body that arrives in pieces is read as one.
    """
    read: list[bytes] = []

    def answer(request: Request, _: Body) -> Response:
        read.append(request.body.read(100))
        return Response(200, b"", {})

    with conversation(answer) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nContent-Length: 6\r\nConnection: close\r\n\r\none"
        )
        connection.sendall(b"two")
        connection.recv(1_000)

    assert [b"onetwo"] == read


def test_status_without_a_name_is_sent() -> None:
    """
    A status that HTTP has no words for is sent as it is.
    """
    with conversation(lambda *_: Response(299)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        found = connection.recv(1_000)

    assert found.startswith(b"HTTP/1.1 299 \r\n")


def test_file_that_shrinks_ends_the_connection(tmp_path: Path) -> None:
    """
    A file that is shorter than it was said to be is not made up for.
    """
    path = tmp_path / "file"
    path.write_bytes(b"one")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        ours.sendall(b"GET / HTTP/1.1\r\n\r\n")
        converse(theirs, lambda *_: Response(200, FileRange(path, 0, 10)))
        theirs.close()
        found = everything(ours)

    assert found.endswith(b"\r\nContent-Length: 10\r\n\r\none")


def test_client_that_never_leaves_is_left() -> None:
    """
    After a refusal the client has a moment to go, and then the connection ends.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"NONSENSE\r\n\r\n" + b"x" * 70_000)
        converse(theirs, lambda *_: Response())
        found = ours.recv(1_000)

    assert b"400" == found.split()[1]


def test_reset_connection_is_a_lost_one() -> None:
    """
    A connection that fails under a body is as if it had ended.
    """

    class Reset(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: object, /) -> int:
            raise ConnectionResetError

    body = body_of({"content-length": "9"}, io.BufferedReader(Reset()))
    with pytest.raises(DroppedError):
        body.read(9)


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"content-length": "9"}, b"123456789"),
        ({"transfer-encoding": "chunked"}, b"9\r\n123456789\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize(("most", "read"), [(8, False), (9, True)])
def test_unwanted_body_is_read_away_up_to_a_limit(
    headers: dict[str, str], content: bytes, most: int, read: bool
) -> None:
    """
    What is left of a body is read if it is not too much.
    """
    body = body_of(headers, io.BufferedReader(io.BytesIO(content)))  # type: ignore[arg-type]

    assert read is body.read_away(most)
