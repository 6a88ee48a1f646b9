"""
Receivers on loopback, as the tests of recipes start and ask them.
"""

from __future__ import annotations

import base64
import http.client
import runpy
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from patience import PATIENCE_SECONDS

from databricks_forwarder import Forwarder

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY, SECRET = "a-key", "a:secret"


@attrs.frozen
class Answer:
    """
    What a receiver answered.
    """

    status: int
    headers: dict[str, str]
    body: bytes


@attrs.frozen
class Receiver:
    """
    Where a receiver listens.
    """

    port: int

    @property
    def host(self) -> str:
        """
        As mParticle's SDK is told.
        """
        return f"http://127.0.0.1:{self.port}/v2"

    def get(self, path: str) -> int:
        """
        Get *path* without credentials; the status.
        """
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_SECONDS
        )
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def post(
        self, path: str, body: Any, *, sign_in: str | None = f"{KEY}:{SECRET}"
    ) -> Answer:
        """
        Post *body*; an iterable goes in chunks, without its length.
        """
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=PATIENCE_SECONDS
        )
        headers = {"Content-Type": "application/json"}
        if sign_in is not None:
            told = base64.b64encode(sign_in.encode()).decode()
            headers["Authorization"] = f"Basic {told}"
        try:
            connection.request("POST", f"/v2/{path}", body, headers)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


@contextmanager
def fastapi(make: Callable[[], Forwarder], **settings: Any) -> Iterator[Receiver]:
    """
    Serve the example for FastAPI with uvicorn; what *make* makes is closed at the end.
    """
    import uvicorn

    example = runpy.run_path(str(EXAMPLES / "fastapi_receiver.py"))
    app = example["create_app"](make, KEY, SECRET, **settings)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # It listens already: who asks early waits.
        serving = threading.Thread(target=server.run, args=([listening],))
        serving.start()
        try:
            yield Receiver(listening.getsockname()[1])
        finally:
            server.should_exit = True
            serving.join(PATIENCE_SECONDS)


@contextmanager
def flask(make: Callable[[], Forwarder], **settings: Any) -> Iterator[Receiver]:
    """
    Serve the example for Flask with werkzeug; what *make* makes is closed at the end.
    """
    from werkzeug.serving import make_server

    example = runpy.run_path(str(EXAMPLES / "flask_receiver.py"))
    with make() as forwarder:
        app = example["create_app"](forwarder, KEY, SECRET, **settings)
        server = make_server("127.0.0.1", 0, app, threaded=True)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield Receiver(server.server_port)
        finally:
            server.shutdown()
            serving.join(PATIENCE_SECONDS)
            server.server_close()


SERVERS = {"fastapi": fastapi, "flask": flask}
