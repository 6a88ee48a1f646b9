"""
The loopback workspace as a server: HTTP, TLS, beginning and end.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import tempfile
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from databricks import sql
from databricks.sql.thrift_api.TCLIService import ttypes
from patience import PATIENCE_SECONDS
from sql_clients import thrift_call
from talking import VOLUME, Client, connected, with_volume

from databricks_forwarder.settings import DatabricksSettings, Endpoint
from databricks_forwarder.testing.workspace import (
    Fault,
    RefusedError,
    SeenRequest,
    Workspace,
    _certificates,
)
from databricks_forwarder.testing.workspace._exchange import Exchange
from databricks_forwarder.testing.workspace._faults import Faults
from databricks_forwarder.testing.workspace._http import Request, Response, Route

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNKED = b"Transfer-Encoding: chunked"
FILE = f"/api/2.0/fs/files{VOLUME}/a.bin"


@contextlib.contextmanager
def secure(workspace: Workspace) -> Iterator[ssl.SSLSocket]:
    """
    A TLS connection, for bytes of one's own.
    """
    context = ssl.create_default_context(cafile=workspace.ca_file)
    address = ("127.0.0.1", workspace.endpoint.port)
    with (
        socket.create_connection(address, timeout=PATIENCE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        yield connection


def reply_to(workspace: Workspace, sent: bytes) -> bytes:
    """
    All that comes back until the workspace closes the connection.
    """
    with secure(workspace) as connection:
        connection.sendall(sent)
        found = b""
        while piece := connection.recv(65_536):
            found += piece
        return found


def signed(client: Client, head: str, body: bytes = b"") -> bytes:
    """
    A request with the client's token.
    """
    token = client.session.headers["Authorization"]
    return f"{head}\r\nAuthorization: {token}\r\n\r\n".encode() + body


def test_unknown_path_is_not_found(stranger: Client) -> None:
    """
    What the workspace has no answer to is told in JSON, signed in or not.
    """
    reply = stranger.ask("GET", "/api/2.1/unity-catalog/catalogs")

    assert 404 == reply.status_code
    assert {
        "error_code": "ENDPOINT_NOT_FOUND",
        "message": "No API found for 'GET /api/2.1/unity-catalog/catalogs'",
    } == reply.json()


def test_unknown_method_is_not_found(stranger: Client) -> None:
    """
    A path is known by its methods only.
    """
    assert 404 == stranger.ask("PATCH", FILE).status_code
    assert 404 == stranger.ask("POST", "/api/2.0/fs/filesystem").status_code


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /%ff HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5_000), b"400"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", b"400"),
        (
            b"PUT / HTTP/1.1\r\nContent-Length: 1\r\n%s\r\n\r\n" % CHUNKED,
            b"400",
        ),
        (b"GET /" + b"x" * 70_000, b"414"),
    ],
)
def test_malformed_request_is_refused(
    workspace: Workspace, sent: bytes, status: bytes
) -> None:
    """
    What is no request gets an error in JSON, and the connection ends.
    """
    head, _, body = reply_to(workspace, sent).partition(b"\r\n\r\n")

    assert status == head.split()[1]
    assert "MALFORMED_REQUEST" == json.loads(body)["error_code"]


def test_request_of_the_old_kind_is_refused(workspace: Workspace) -> None:
    """
    A request line without a version is no request.
    """
    found = reply_to(workspace, b"GET /\r\n\r\n")

    assert b"400" == found.split()[1]


def test_plain_http_is_refused_at_once(workspace: Workspace) -> None:
    """
    A client without TLS is told so.
    """
    reply = requests.get(
        f"http://127.0.0.1:{workspace.endpoint.port}/",
        timeout=PATIENCE_SECONDS,
        proxies={"http": ""},
    )

    assert (400, "Client sent an HTTP request to an HTTPS server.\n") == (
        reply.status_code,
        reply.text,
    )


def test_strange_visitors_do_no_harm(workspace: Workspace) -> None:
    """
    Connections that say nothing, or break off, leave the workspace as it was.
    """
    address = ("127.0.0.1", workspace.endpoint.port)
    socket.create_connection(address).close()
    with socket.create_connection(address) as half_way:
        half_way.sendall(b"\x16\x03\x01")
    with (
        socket.create_connection(address) as untrusting,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(
            untrusting, server_hostname="127.0.0.1"
        )
    with secure(workspace) as silent:
        silent.sendall(b"GET / HTTP/1.1\r\n")

    with connected(workspace) as connection:
        connection.request("GET", "/")
        assert 404 == connection.getresponse().status


def test_connection_serves_many_requests(client: Client) -> None:
    """
    A connection is kept, also when a body was not wanted.
    """
    with connected(client.workspace) as connection:
        statuses = []
        for _ in range(3):
            connection.request("PUT", "/none", body=b"x" * 100_000)
            reply = connection.getresponse()
            reply.read()
            statuses.append(reply.status)

    assert [404, 404, 404] == statuses


def test_client_can_wait_for_leave_to_send(client: Client) -> None:
    """
    A client that asks first is told to go on.
    """
    head = f"PUT {FILE} HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue"
    with secure(client.workspace) as connection:
        connection.sendall(signed(client, head))
        first = connection.recv(1_000)
        connection.sendall(b"one")
        second = connection.recv(1_000)

    assert b"100" == first.split()[1]
    assert b"204" == second.split()[1]


def test_reply_without_content_has_no_length(client: Client) -> None:
    """
    An empty reply says so by its status alone.
    """
    assert "Content-Length" not in client.upload("a.bin").headers


def test_client_can_end_the_connection(client: Client) -> None:
    """
    A client that asks for it, or speaks HTTP/1.0, has its connection closed.
    """
    newer = reply_to(client.workspace, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    older = reply_to(client.workspace, b"GET / HTTP/1.0\r\n\r\n")

    assert b"\r\nConnection: close\r\n" in newer
    assert b"\r\nConnection: close\r\n" in older


def test_chunks_may_have_extensions_and_trailers(client: Client) -> None:
    """
    Of a body in chunks only the chunks count.
    """
    head = f"PUT {FILE} HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close"
    body = b"3;a=b\r\none\r\n3\r\ntwo\r\n0\r\nTrailer: x\r\n\r\n"
    found = reply_to(client.workspace, signed(client, head, body))

    assert b"204" == found.split()[1]
    assert b"onetwo" == client.file("GET", "a.bin").content


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("Transfer-Encoding: chunked", b"3\r\none\r\nx\r\n"),
        ("Transfer-Encoding: chunked", b"3\r\non"),
        ("Transfer-Encoding: chunked", b"3\r\none"),
        ("Transfer-Encoding: chunked", b"-5\r\none\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"0x3\r\none\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"9" * 500 + b"\r\none\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b""),
        ("Content-Length: 4", b"one"),
    ],
)
def test_broken_upload_leaves_nothing(client: Client, kind: str, body: bytes) -> None:
    """
    An upload that ends early has no reply and leaves no file.
    """
    with secure(client.workspace) as connection:
        connection.sendall(signed(client, f"PUT {FILE} HTTP/1.1\r\n{kind}", body))
        # Past TLS, whose own goodbye would be a reply to wait for.
        socket.socket.shutdown(connection, socket.SHUT_WR)
        found = b""
        with contextlib.suppress(ssl.SSLError):
            found = connection.recv(1_000)

    assert b"" == found
    assert 404 == client.file("GET", "a.bin").status_code


def test_fault_in_a_service_is_told() -> None:
    """
    A service that breaks is an error 500 that says how.
    """

    def broken(_: Request) -> Response:
        raise ZeroDivisionError("by zero")

    route = Route(methods=("GET",), prefix="/broken", handler=broken, public=True)
    closing = threading.Event()
    exchange = Exchange([route], lambda _: "", Faults(), closing)
    request = Request(
        method="GET", path="/broken", query={}, headers={}, body=None, principal=None
    )  # type: ignore[arg-type]
    response = exchange.answer(request, None)  # type: ignore[arg-type]

    assert 500 == response.status
    assert b"ZeroDivisionError" in response.body  # type: ignore[operator]


def test_background_calls_of_the_connector_are_answered(
    client: Client, stranger: Client
) -> None:
    """
    Feature flags are none, and telemetry goes nowhere.
    """
    flags = client.ask("GET", "/api/2.0/connector-service/feature-flags/PYTHON/4.9.0")
    told = client.ask("POST", "/telemetry-ext", json={})
    del stranger.session.headers["Authorization"]
    untold = stranger.ask("POST", "/telemetry-unauth", json={})

    assert {"flags": [], "ttl_seconds": 900} == flags.json()
    assert [(200, {}), (200, {})] == [
        (each.status_code, each.json()) for each in (told, untold)
    ]


def test_certificate_stands_a_strict_look(workspace: Workspace) -> None:
    """
    A client that checks certificates to the letter takes the workspace's.
    """
    context = ssl.create_default_context(cafile=workspace.ca_file)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name in ("127.0.0.1", "localhost"):
        with (
            socket.create_connection(("127.0.0.1", workspace.endpoint.port)) as plain,
            context.wrap_socket(plain, server_hostname=name) as connection,
        ):
            assert connection.version() in {"TLSv1.2", "TLSv1.3"}


def test_no_private_key_is_on_the_disk(workspace: Workspace) -> None:
    """
    Of the certificates only the authority's own is kept, without a key.
    """
    folder = workspace.ca_file.parent
    found = [each for each in folder.rglob("*") if each.is_file()]

    assert workspace.ca_file in found
    assert not [each for each in found if b"PRIVATE KEY" in each.read_bytes()]


def test_requests_are_on_record_without_secrets(client: Client) -> None:
    """
    What was asked can be read: method, path, query, who, and the reply's status.
    """
    client.upload("a.bin")
    workspace = client.workspace
    principal = workspace.settings.client_id

    assert [
        SeenRequest(
            method="POST",
            path="/oidc/v1/token",
            query={},
            principal=None,
            status=200,
            statement=None,
        ),
        SeenRequest(
            method="PUT",
            path=FILE,
            query={"overwrite": "true"},
            principal=principal,
            status=204,
            statement=None,
        ),
    ] == workspace.requests
    assert not [
        each for each in workspace.secrets if each in repr(vars(workspace)["faults"])
    ]
    assert not [each for each in workspace.secrets if each in repr(workspace.requests)]


def test_statements_are_on_record(workspace: Workspace) -> None:
    """
    Of a SQL call the record has the statement.
    """
    with workspace.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS one")
        found = cursor.fetchall()

    assert [(1,)] == [tuple(row) for row in found]
    assert ["SELECT 1 AS one"] == [
        each.statement for each in workspace.requests if each.statement
    ]


@pytest.mark.parametrize("end", ["expire_sessions", "stop_warehouse"])
def test_sql_sessions_can_be_ended(workspace: Workspace, end: str) -> None:
    """
    A session that expired, or whose warehouse was stopped, is dead.
    """
    with workspace.connect() as connection, connection.cursor() as cursor:
        if end == "expire_sessions":
            workspace.expire_sessions()
        else:
            workspace.stop_warehouse(timedelta(0))
        with pytest.raises(sql.Error, match="Invalid SessionHandle"):
            cursor.execute("SELECT 1 AS one")


def test_nothing_is_printed(
    workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    """
    Whatever is asked, the workspace keeps quiet.
    """
    reply_to(workspace, b"NONSENSE\r\n\r\n")
    reply_to(workspace, b"GET / HTTP/1.0\r\n\r\n")

    assert ("", "") == capfd.readouterr()


def test_settings_and_endpoint_are_ready(workspace: Workspace) -> None:
    """
    A workspace tells how it is reached and who signs in.
    """
    settings, endpoint = workspace.settings, workspace.endpoint

    assert isinstance(settings, DatabricksSettings)
    assert ("main", "mparticle") == (settings.catalog_name, settings.schema_name)
    assert (
        Endpoint("127.0.0.1", port=endpoint.port, ca_file=workspace.ca_file) == endpoint
    )
    assert endpoint.url == workspace.url
    assert f"/sql/1.0/warehouses/{settings.warehouse_id}" == workspace.http_path


def test_repr_tells_where_it_is() -> None:
    """
    A workspace shows its address once it has one, and never its secret.
    """
    workspace = Workspace()
    before = repr(workspace)
    with workspace:
        during = repr(workspace)

    assert "Workspace(not started)" == before
    assert f"Workspace({workspace.url})" == during


def test_beginning_twice_is_once() -> None:
    """
    Starting a workspace that runs changes nothing.
    """
    with Workspace() as workspace:
        port = workspace.endpoint.port
        assert workspace is workspace.start()
        assert port == workspace.endpoint.port


def test_end_is_final() -> None:
    """
    Closing twice is once, and what was closed does not start again.
    """
    workspace = Workspace()
    workspace.start()
    workspace.close()
    workspace.close()

    with pytest.raises(RuntimeError, match="another over its root"):
        workspace.start()


def test_never_started_workspace_can_be_closed() -> None:
    """
    Closing needs no start.
    """
    Workspace().close()


def test_end_leaves_nothing_behind() -> None:
    """
    After closing there is no thread, no folder and no one listening.
    """
    before = set(threading.enumerate())
    workspace = Workspace()
    with workspace:
        with_volume(workspace)
        client = Client(workspace)
        with client.session:
            client.sign_in().upload("a.bin")
            with workspace.connect() as connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1 AS one")
        idle = socket.create_connection(("127.0.0.1", workspace.endpoint.port))
        port, folder = workspace.endpoint.port, workspace.ca_file.parent
    idle.close()

    assert before == set(threading.enumerate())
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_failed_start_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A workspace that can't start cleans up after itself.
    """

    def broken(_: Path) -> ssl.SSLContext:
        raise OSError("disk full")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(_certificates, "server_context", broken)
    before = set(threading.enumerate())
    with pytest.raises(OSError, match="disk full"):
        Workspace().start()

    assert [] == list(tmp_path.iterdir())
    assert before == set(threading.enumerate())


def test_close_ends_requests_that_hang(client: Client) -> None:
    """
    Who waits for an answer that never comes is let go by the end.
    """
    client.workspace.fail(Fault(on="upload", hang=True))
    failed: list[Exception] = []

    def upload() -> None:
        try:
            client.upload("a.bin", b"1")
        except requests.ConnectionError as error:
            failed.append(error)

    thread = threading.Thread(target=upload)
    thread.start()
    while not any("a.bin" in each.path for each in client.workspace.requests):
        threading.Event().wait(0.005)
    client.workspace.close()
    thread.join(timeout=PATIENCE_SECONDS)

    assert 1 == len(failed)
    assert None is client.workspace.requests[-1].status


def test_two_workspaces_are_two_places(client: Client) -> None:
    """
    Workspaces side by side have files of their own.
    """
    client.upload("a.bin", b"here")
    with Workspace() as other:
        there = Client(with_volume(other))
        with there.session:
            status = there.sign_in().file("GET", "a.bin").status_code

    assert 404 == status


def test_next_workspace_over_a_root_goes_on(tmp_path: Path) -> None:
    """
    Files and grants, also those taken away, are there again for the next.
    """
    with Workspace(tmp_path / "root") as first:
        client = Client(with_volume(first))
        with client.session:
            client.sign_in().upload("a/b.bin", b"kept")
        first.revoke("CREATE TABLE", "SCHEMA", "main.mparticle")
    with Workspace(tmp_path / "root") as second:
        client = Client(second)
        with client.session:
            kept = client.sign_in().file("GET", "a/b.bin").content
        with (
            second.connect() as connection,
            connection.cursor() as cursor,
            pytest.raises(sql.Error, match="CREATE TABLE"),
        ):
            cursor.execute("CREATE TABLE main.mparticle.t (a BIGINT)")

    assert b"kept" == kept
    assert [] == list((tmp_path / "root" / "incoming").iterdir())


def test_what_is_new_over_a_root_is_granted(tmp_path: Path) -> None:
    """
    Another catalog or principal over a root begins as the first did.
    """
    tmp_path.joinpath(".gitkeep").touch()
    found = []
    for options in ({}, {"catalog": "two"}, {"client_id": "other"}):
        with (
            Workspace(tmp_path, **options) as workspace,
            workspace.connect() as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(f"CREATE TABLE t{len(found)} (a BIGINT)")
            row = cursor.execute("SELECT current_catalog(), current_user()").fetchone()
            found.append(tuple(row))
    standard = Workspace().settings.client_id

    assert [("main", standard), ("two", standard), ("main", "other")] == found


def test_given_catalog_and_schema_are_there() -> None:
    """
    A workspace begins with the catalog and schema it is told.
    """
    with Workspace(catalog="Events", schema="Raw") as workspace:
        workspace.query("CREATE VOLUME events.raw.v")
        settings = workspace.settings

    assert ("events", "raw") == (settings.catalog_name, settings.schema_name)


def test_bare_workspace_has_only_its_warehouse() -> None:
    """
    A bare workspace is set up by the test itself.
    """
    with Workspace(bare=True) as workspace:
        with pytest.raises(RefusedError):
            workspace.grant("USE CATALOG", "CATALOG", "main")
        workspace.query("CREATE CATALOG main")
        workspace.grant("USE CATALOG", "CATALOG", "main")
        workspace.revoke("USE CATALOG", "CATALOG", "main", "someone-else")


def test_fault_that_is_cleared_is_not_met(client: Client) -> None:
    """
    Faults that were scripted can be called off.
    """
    client.workspace.fail(Fault(on="upload", status=500))
    client.workspace.faults.clear()

    assert 204 == client.upload("a.bin").status_code


@pytest.mark.parametrize(
    ("name", "req", "status"),
    [
        ("OpenSession", None, 400),
        ("ExecuteStatement", ttypes.TExecuteStatementReq(statement="SELECT 1"), 200),
        (
            "ExecuteStatement",
            ttypes.TExecuteStatementReq(
                statement="SELECT 1",
                sessionHandle=ttypes.TSessionHandle(
                    sessionId=ttypes.THandleIdentifier()
                ),
            ),
            200,
        ),
        ("GetOperationStatus", ttypes.TGetOperationStatusReq(), 200),
    ],
)
def test_thrift_call_without_its_parts_is_refused(
    client: Client, name: str, req: Any, status: int
) -> None:
    """
    A call without a request is none; one without a handle has an invalid one.
    """
    workspace = client.workspace
    reply = client.ask("POST", workspace.http_path, data=thrift_call(name, req))

    assert status == reply.status_code
    assert (status == 200) == (b"has no handle" in reply.content)
