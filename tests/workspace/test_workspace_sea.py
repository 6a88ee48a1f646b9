"""
The workspace's Statement Execution API, through its real clients.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
import requests
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.sql import (
    Disposition,
    ExecuteStatementRequestOnWaitTimeout,
    Format,
    StatementState,
)
from databricks.sql import exc
from patience import PATIENCE_SECONDS
from sql_clients import cursor_of, failed_connect, rows_of, sdk_client

from databricks_forwarder.testing.workspace import Fault, Workspace

_SESSIONS = "/api/2.0/sql/sessions"
_STATEMENTS = "/api/2.0/sql/statements"
_TEN = (
    "SELECT * FROM (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)) AS t(n)"
)
_MANY = "SELECT explode(sequence(0, 20000)) AS n"


@pytest.fixture(scope="module")
def shared() -> Iterator[Workspace]:
    """
    A workspace for tests that leave nothing behind in it.
    """
    with Workspace() as started:
        yield started


@pytest.fixture
def sdk(shared: Workspace, monkeypatch: pytest.MonkeyPatch) -> WorkspaceClient:
    """
    The platform's own client, signed in.
    """
    return _sdk(shared, monkeypatch)


def _sdk(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> WorkspaceClient:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(workspace.ca_file))
    return sdk_client(workspace)


class _Api:
    """
    Plain requests to the API.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def ask(self, method: str, path: str, body: Any = None) -> requests.Response:
        """
        Make one request, signed in.
        """
        return requests.request(
            method,
            f"{self._workspace.url}{path}",
            json=body,
            headers=self._workspace._authorization(),
            verify=str(self._workspace.ca_file),
            timeout=PATIENCE_SECONDS,
        )

    def run(self, statement: Any, **fields: Any) -> requests.Response:
        """
        Run a statement; *fields* are more of the request.
        """
        warehouse_id = self._workspace.settings.warehouse_id
        body = {"warehouse_id": warehouse_id, "statement": statement, **fields}
        return self.ask("POST", _STATEMENTS, body)


class TestConnector:
    """
    The SQL connector over this API.
    """

    @pytest.mark.parametrize("is_behind_links", [True, False])
    def test_rows(self, shared: Workspace, is_behind_links: bool) -> None:
        """
        Rows arrive behind links as Arrow, and inline as JSON.
        """
        rows = rows_of(
            shared,
            "SELECT 1 AS one, 'x' AS text, true AS yes, "
            "CAST(1.5 AS DECIMAL(3,1)) AS money, CAST('ab' AS BINARY) AS raw",
            use_sea=True,
            use_cloud_fetch=is_behind_links,
        )

        assert [(1, "x", True, 1.5, b"ab")] == rows

    @pytest.mark.parametrize("is_behind_links", [True, False])
    def test_moments(self, shared: Workspace, is_behind_links: bool) -> None:
        """
        A moment keeps its zone and its microseconds.
        """
        ((moment,),) = rows_of(
            shared,
            "SELECT CAST('2026-01-02 03:04:05.000006+00:00' AS TIMESTAMP) AS moment",
            use_sea=True,
            use_cloud_fetch=is_behind_links,
        )

        assert datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc) == moment

    def test_chunks(self, shared: Workspace) -> None:
        """
        A long result comes in chunks, in order.
        """
        with cursor_of(shared, use_sea=True) as cursor:
            table = cursor.execute(_MANY).fetchall_arrow()

        assert list(range(20_001)) == table.column(0).to_pylist()

    def test_nothing(self, shared: Workspace) -> None:
        """
        A result without rows is an empty list.
        """
        sql = "SELECT 1 AS one WHERE 1 = 0"

        assert [] == rows_of(shared, sql, use_sea=True)

    def test_error(self, shared: Workspace) -> None:
        """
        A refusal tells its class and SQLSTATE.
        """
        with (
            cursor_of(shared, use_sea=True) as cursor,
            pytest.raises(exc.ServerOperationError, match="SQLSTATE: 42P01"),
        ):
            cursor.execute("SELECT * FROM main.mparticle.nowhere")

    def test_namespace(self, workspace: Workspace) -> None:
        """
        Names are looked up where the session is.
        """
        workspace.query("CREATE TABLE main.mparticle.here (n BIGINT)")
        workspace.grant("SELECT", "TABLE", "main.mparticle.here")
        rows = rows_of(
            workspace,
            "SELECT * FROM here",
            use_sea=True,
            catalog="main",
            schema="mparticle",
        )

        assert [] == rows

    def test_missing_namespace(self, shared: Workspace) -> None:
        """
        A catalog that is not there refuses the session.
        """
        sentence, _ = failed_connect(shared, use_sea=True, catalog="nowhere")

        assert "404" in sentence

    def test_cancel(self, workspace: Workspace) -> None:
        """
        A statement that hangs can be cancelled.
        """
        workspace.fail(Fault(on="statement", hang=True))
        with cursor_of(workspace, use_sea=True) as cursor:
            cursor.execute_async("SELECT 1")
            cursor.cancel()
            state = cursor.get_query_state()

        assert "CANCELLED" == state.name

    def test_expired(self, workspace: Workspace) -> None:
        """
        On a session that has ended the next statement is refused.
        """
        with cursor_of(workspace, use_sea=True) as cursor:
            workspace.expire_sessions()
            with pytest.raises(exc.RequestError, match="404"):
                cursor.execute("SELECT 1")


class TestSdk:
    """
    The platform's own client.
    """

    def test_inline(self, shared: Workspace, sdk: WorkspaceClient) -> None:
        """
        Rows arrive as texts beside the types of their columns.
        """
        done = sdk.statement_execution.execute_statement(
            "SELECT 1 AS one, CAST(1.5 AS DECIMAL(3,1)) AS money, NULL AS nothing",
            shared.settings.warehouse_id,
        )
        columns = done.manifest.schema.columns

        assert StatementState.SUCCEEDED == done.status.state
        assert [["1", "1.5", None]] == done.result.data_array
        assert ["one", "money", "nothing"] == [column.name for column in columns]
        assert (3, 1) == (columns[1].type_precision, columns[1].type_scale)

    def test_without_columns(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A statement that gives no rows has a result of none, whatever the limit.
        """
        done = _sdk(workspace, monkeypatch).statement_execution.execute_statement(
            "CREATE VOLUME main.mparticle.v",
            workspace.settings.warehouse_id,
            row_limit=5,
        )

        assert (0, 0) == (done.manifest.total_row_count, done.result.row_count)

    def test_links(self, shared: Workspace, sdk: WorkspaceClient) -> None:
        """
        Rows behind links are fetched without sign-in, chunk by chunk.
        """
        done = sdk.statement_execution.execute_statement(
            _MANY,
            shared.settings.warehouse_id,
            disposition=Disposition.EXTERNAL_LINKS,
            format=Format.ARROW_STREAM,
        )
        link, rows = done.result.external_links[0], 0
        while link:
            reply = requests.get(
                link.external_link, verify=str(shared.ca_file), timeout=PATIENCE_SECONDS
            )
            rows += pa.ipc.open_stream(reply.content).read_all().num_rows
            following = link.next_chunk_index
            link = (
                following
                and (
                    sdk.statement_execution.get_statement_result_chunk_n(
                        done.statement_id, following
                    ).external_links[0]
                )
            )

        assert (3, 20_001) == (done.manifest.total_chunk_count, rows)

    def test_json_links(self, shared: Workspace, sdk: WorkspaceClient) -> None:
        """
        Rows behind links can be JSON too.
        """
        done = sdk.statement_execution.execute_statement(
            "SELECT 1 AS one",
            shared.settings.warehouse_id,
            disposition=Disposition.EXTERNAL_LINKS,
        )
        (link,) = done.result.external_links
        reply = requests.get(
            link.external_link, verify=str(shared.ca_file), timeout=PATIENCE_SECONDS
        )

        assert [["1"]] == reply.json()

    def test_limits(self, shared: Workspace, sdk: WorkspaceClient) -> None:
        """
        A result is cut at the limits of rows and bytes, and says so.
        """
        few, small, whole = (
            sdk.statement_execution.execute_statement(
                _TEN,
                shared.settings.warehouse_id,
                **limit,
            )
            for limit in ({"row_limit": 3}, {"byte_limit": 21}, {"byte_limit": 42})
        )

        assert [(3, True), (5, True), (10, False)] == [
            (len(done.result.data_array), done.manifest.truncated)
            for done in (few, small, whole)
        ]

    def test_inline_limit(
        self, shared: Workspace, sdk: WorkspaceClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A result that is too large for a reply fails.
        """
        results = "databricks_forwarder.testing.workspace._statement_results"
        monkeypatch.setattr(f"{results}._MAX_INLINE_BYTES", 1)
        done = sdk.statement_execution.execute_statement(
            "SELECT 1", shared.settings.warehouse_id
        )

        assert StatementState.FAILED == done.status.state
        assert "Inline byte limit exceeded" in done.status.error.message

    def test_namespace(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A statement can name its catalog and schema.
        """
        done = _sdk(workspace, monkeypatch).statement_execution.execute_statement(
            "SELECT current_schema()",
            workspace.settings.warehouse_id,
            catalog="main",
            schema="mparticle",
        )

        assert [["mparticle"]] == done.result.data_array

    def test_later(self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A statement can be begun, asked about and cancelled.
        """
        workspace.fail(Fault(on="statement", hang=True))
        api = _sdk(workspace, monkeypatch).statement_execution
        begun = api.execute_statement(
            "SELECT 1", workspace.settings.warehouse_id, wait_timeout="0s"
        )
        before = api.get_statement(begun.statement_id).status.state
        api.cancel_execution(begun.statement_id)
        after = api.get_statement(begun.statement_id).status.state

        assert begun.status.state in {StatementState.PENDING, StatementState.RUNNING}
        assert before in {StatementState.PENDING, StatementState.RUNNING}
        assert StatementState.CANCELED == after

    def test_cancel_at_timeout(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A statement that takes longer than it may is cancelled if so wanted.
        """
        monkeypatch.setattr(
            "databricks_forwarder.testing.workspace._statements_api._wait_seconds",
            lambda _: 0.01,
        )
        workspace.fail(Fault(on="statement", hang=True))
        done = _sdk(workspace, monkeypatch).statement_execution.execute_statement(
            "SELECT 1",
            workspace.settings.warehouse_id,
            on_wait_timeout=ExecuteStatementRequestOnWaitTimeout.CANCEL,
        )

        assert StatementState.CANCELED == done.status.state

    def test_without_privilege(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Without CAN USE a statement is refused.
        """
        warehouse_id = workspace.settings.warehouse_id
        workspace.revoke("CAN USE", "WAREHOUSE", warehouse_id)
        api = _sdk(workspace, monkeypatch).statement_execution

        with pytest.raises(PermissionDenied, match="CAN USE"):
            api.execute_statement("SELECT 1", warehouse_id)

    def test_unknown_warehouse(self, sdk: WorkspaceClient) -> None:
        """
        A warehouse that is not there is not found.
        """
        with pytest.raises(NotFound, match="nowhere"):
            sdk.statement_execution.execute_statement("SELECT 1", "nowhere")

    def test_parameters(self, shared: Workspace) -> None:
        """
        Parameters are refused, not overlooked.
        """
        reply = _Api(shared).run("SELECT :a", parameters=[{"name": "a", "value": "1"}])

        assert 400 == reply.status_code

    def test_bad_chunk(self, shared: Workspace, sdk: WorkspaceClient) -> None:
        """
        A chunk that a result has not is refused.
        """
        done = sdk.statement_execution.execute_statement(
            "SELECT 1", shared.settings.warehouse_id
        )

        with pytest.raises(BadRequest, match="no chunk 7"):
            sdk.statement_execution.get_statement_result_chunk_n(done.statement_id, 7)


class TestRequests:
    """
    What no good client sends.
    """

    @pytest.mark.parametrize(
        "fields",
        [
            {"wait_timeout": "4s"},
            {"wait_timeout": "51s"},
            {"wait_timeout": "soon"},
            {"format": "CSV"},
            {"format": "ARROW_STREAM"},
            {"disposition": "NOWHERE"},
            {"statement": ""},
            {"statement": 1},
            {"session_id": "none"},
            {"wait_timeout": 10},
            {"wait_timeout": "9" * 5_000 + "s"},
            {"on_wait_timeout": "BANANA"},
            {"session_confs": ["ANSI_MODE"]},
            {"session_confs": {"ANSI_MODE": None}},
            {"row_limit": "1"},
            {"row_limit": -1},
            {"byte_limit": "1"},
            {"byte_limit": -1},
            {"format": []},
            {"catalog": 1},
            {"session_id": 1},
        ],
        ids=lambda fields: str(fields)[:40],
    )
    def test_odd_field(self, shared: Workspace, fields: dict[str, Any]) -> None:
        """
        A field with an odd value is refused with 400.
        """
        statement = fields.pop("statement", "SELECT 1")
        reply = _Api(shared).run(statement, **fields)

        assert 400 == reply.status_code

    def test_too_long(self, shared: Workspace) -> None:
        """
        A statement over 16 MiB is refused.
        """
        reply = _Api(shared).run("SELECT 1 --" + "x" * (16 * 1024 * 1024))

        assert "larger than 16 MiB" in reply.json()["message"]

    def test_no_object(self, shared: Workspace) -> None:
        """
        A body that is no JSON object is refused with 400.
        """
        reply = _Api(shared).ask("POST", _STATEMENTS, [1])

        assert "MALFORMED_REQUEST" == reply.json()["error_code"]

    def test_no_json(self, shared: Workspace) -> None:
        """
        A body that is no JSON is refused with 400.
        """
        reply = _Api(shared).ask("POST", _SESSIONS)

        assert "MALFORMED_REQUEST" == reply.json()["error_code"]

    @pytest.mark.parametrize(
        "body",
        [b"[" * 100_000, b'{"statement": "\\ud800"}', b"\xff", b'{"\x80statement": 1}'],
        ids=len,
    )
    def test_odd_json(self, shared: Workspace, body: bytes) -> None:
        """
        A body that is too deep, or holds what is no text, is refused with 400.
        """
        reply = requests.post(
            f"{shared.url}{_STATEMENTS}",
            data=body,
            headers=shared._authorization(),
            verify=str(shared.ca_file),
            timeout=PATIENCE_SECONDS,
        )

        assert "MALFORMED_REQUEST" == reply.json()["error_code"]

    def test_odd_chunk(self, shared: Workspace) -> None:
        """
        A chunk of no possible number is not found.
        """
        path = f"{_STATEMENTS}/{uuid.uuid4()}/result/chunks/{'9' * 5_000}"

        assert 404 == _Api(shared).ask("GET", path).status_code

    def test_unknown_path(self, shared: Workspace) -> None:
        """
        A path that the API has not is not found.
        """
        reply = _Api(shared).ask("GET", _SESSIONS)

        assert "ENDPOINT_NOT_FOUND" == reply.json()["error_code"]

    def test_closed_statement(self, shared: Workspace) -> None:
        """
        A statement that was closed is not found.
        """
        api = _Api(shared)
        path = f"{_STATEMENTS}/{api.run('SELECT 1').json()['statement_id']}"
        closed = api.ask("DELETE", path)
        found = api.ask("GET", path)

        assert (200, 404) == (closed.status_code, found.status_code)

    def test_not_done(self, workspace: Workspace) -> None:
        """
        A statement that is not done has no chunks.
        """
        workspace.fail(Fault(on="statement", hang=True))
        api = _Api(workspace)
        id_ = api.run("SELECT 1", wait_timeout="0s").json()["statement_id"]
        reply = api.ask("GET", f"{_STATEMENTS}/{id_}/result/chunks/0")

        assert 400 == reply.status_code

    def test_starting(self, workspace: Workspace) -> None:
        """
        A warehouse that is starting is not available yet.
        """
        workspace.stop_warehouse(timedelta(minutes=4))
        reply = _Api(workspace).run("SELECT 1")

        assert (503, "1") == (reply.status_code, reply.headers["Retry-After"])
