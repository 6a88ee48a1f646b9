"""
What the workspace's server and its services hand each other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, BinaryIO

import attrs

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.testing.workspace._faults import Point
    from databricks_forwarder.testing.workspace._refusals import RefusedError

__all__ = [
    "DroppedError",
    "Entry",
    "FileRange",
    "Handler",
    "Request",
    "Response",
    "Route",
    "json_response",
    "refusal",
]


class DroppedError(Exception):
    """
    Close the connection without a reply.
    """


@attrs.define(kw_only=True)
class Entry:
    """
    What the workspace will remember of a request.

    Attributes:
        status: Of the reply; None while there is none, or was none.
        statement: The SQL that it ran; for its service to fill in.
        statement_id: What it was given as a name; for its service, too.
    """

    method: str = ""
    path: str = ""
    query: Mapping[str, str] = attrs.field(factory=dict)
    principal: str | None = None
    status: int | None = None
    statement: str | None = None
    statement_id: str | None = None


@attrs.frozen(kw_only=True)
class Request:
    """
    One HTTP request, signed in or not.

    Attributes:
        path: Decoded, without the query.
        query: Name → value; of a name given twice the last.
        headers: Names in lower case.
        body: To be read at most once; ends where the request ends. What a
            service leaves of it the server reads away.
        principal: Client id of who asks; None where no sign-in is needed.
        entry: Where a service notes the statement it was asked to run.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: BinaryIO = attrs.field(repr=False)
    principal: str | None
    entry: Entry = attrs.field(factory=Entry, repr=False)


@attrs.frozen
class FileRange:
    """
    Some bytes of a file.
    """

    path: Path
    start: int
    length: int


@attrs.frozen
class Response:
    """
    What is replied; bytes of a file are streamed from disk.

    To a HEAD request the same is answered as to a GET; the server leaves the
    body out.
    """

    status: int = 200
    body: bytes | FileRange = attrs.field(default=b"", repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict)


Handler = Callable[[Request], Response]
"""A service's answer to one request; it may raise `RefusedError` or `DroppedError`."""


def _no_point(_: Request) -> Point | None:
    return None


def _path(request: Request) -> str:
    return request.path


@attrs.frozen(kw_only=True)
class Route:
    """
    Which requests a service answers.

    Attributes:
        methods: HTTP methods.
        prefix: The path, or what it begins with before a slash.
        public: Whether it is answered without sign-in.
        in_headers: Whether refusals are told in headers too: Thrift clients
            look for them there.
        point: Where faults of such a request are met; None if the service
            meets them itself, or there are none.
        detail: What a fault's `matching` looks at.
    """

    methods: tuple[str, ...]
    prefix: str
    handler: Handler
    public: bool = False
    in_headers: bool = False
    point: Callable[[Request], Point | None] = _no_point
    detail: Callable[[Request], str] = _path

    def answers(self, method: str, path: str) -> bool:
        """
        Whether it is for such a request.
        """
        return method in self.methods and f"{path}/".startswith(f"{self.prefix}/")


def json_response(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """
    A reply of *value* as JSON.
    """
    return Response(
        status,
        json.dumps(value).encode(),
        {"Content-Type": "application/json", **(headers or {})},
    )


def refusal(error: RefusedError, *, in_headers: bool = False) -> Response:
    """
    What a refusal looks like to a REST client, or in headers to a Thrift client.

    Sources: Databricks, "REST API", section on errors; the names of the
    headers: databricks-sql-connector 4.9.0, ``thrift_backend.py``; read
    2026-11-23.
    """
    headers: dict[str, str] = {}
    if in_headers:
        text = f"{error.error_class}: {error.message}"
        headers = dict.fromkeys(
            ("x-databricks-reason-phrase", "x-thriftserver-error-message"), text
        )
    if error.status in {429, 503}:
        headers["Retry-After"] = "1"
    body: dict[str, object] = {
        "error_code": error.error_class,
        "message": error.message,
    }
    if error.reason:
        kind = "type.googleapis.com/google.rpc.ErrorInfo"
        body["details"] = [{"@type": kind, "reason": error.reason}]
    return json_response(body, error.status, headers)
