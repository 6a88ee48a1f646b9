"""
A TLS server on loopback: a thread for each connection.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

__all__ = ["Server"]

_PLAIN = b"Client sent an HTTP request to an HTTPS server.\n"
_PLAIN_REPLY = b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_PLAIN),
    _PLAIN,
)


class Server:
    """
    The listener and its connections.

    Args:
        port: Where to listen; 0 for a port that is free.

    Raises:
        OSError: The port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        self._closing = False
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def serve(
        self, context: ssl.SSLContext, converse: Callable[[ssl.SSLSocket], None]
    ) -> None:
        """
        Take connections from now on.

        Args:
            context: Certificate and key.
            converse: Talks over one connection to its end.
        """
        self._context = context
        self._converse = converse
        self._start(self._accept)

    def close(self) -> None:
        """
        End every connection and thread.

        Whoever keeps a thread from going on must have been let go before.
        """
        self._closing = True
        # Closing a listener does not wake who waits on it; a visitor does.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        while threads := self._alive():
            self._shut_all()
            threads[0].join(timeout=0.1)
        self._listener.close()

    def _alive(self) -> list[threading.Thread]:
        with self._lock:
            self._threads = [each for each in self._threads if each.is_alive()]
            return list(self._threads)

    def _shut_all(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                # The plain way: that of TLS takes the connection from under
                # the thread that uses it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name="workspace", daemon=True)
        thread.start()
        with self._lock:
            self._threads.append(thread)
        self._alive()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing:
                connection.close()
                return
            self._start(lambda plain=connection: self._meet(plain))  # type: ignore[misc]  # a lambda has no types

    def _meet(self, plain: socket.socket) -> None:
        # What goes wrong with a connection is over with the connection.
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._noted(plain):
                # A TLS connection begins with the byte that says "handshake".
                if plain.recv(1, socket.MSG_PEEK) != b"\x16":
                    plain.sendall(_PLAIN_REPLY)
                    return
                secure = self._context.wrap_socket(
                    plain, server_side=True, do_handshake_on_connect=False
                )
            with self._noted(secure):
                secure.do_handshake()
                self._converse(secure)

    @contextlib.contextmanager
    def _noted(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._connections.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()
