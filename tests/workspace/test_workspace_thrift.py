"""
The workspace's Thrift service, through the real connector.
"""

from __future__ import annotations

import decimal
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
import requests
from databricks.sql import exc
from databricks.sql.thrift_api.TCLIService import ttypes
from patience import PATIENCE_SECONDS
from sql_clients import cursor_of, failed_connect, rows_of, thrift_call

from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import (
    Fault,
    Workspace,
    _thrift,
    _thrift_calls,
)
from databricks_forwarder.testing.workspace._results import Session


@pytest.fixture(scope="module")
def shared() -> Iterator[Workspace]:
    """
    A workspace for tests that leave nothing behind in it.
    """
    with Workspace() as started:
        yield started


def _every_type(workspace: Workspace) -> None:
    """
    Make a table with a column of each type, a row of values and a row of nulls.
    """
    columns = {
        "yes": ("BOOLEAN", "true"),
        "tiny": ("TINYINT", "CAST(1 AS TINYINT)"),
        "small": ("SMALLINT", "CAST(2 AS SMALLINT)"),
        "number": ("INT", "CAST(3 AS INT)"),
        "big": ("BIGINT", "CAST(4 AS BIGINT)"),
        "single": ("FLOAT", "CAST(0.5 AS FLOAT)"),
        "twice": ("DOUBLE", "CAST(0.25 AS DOUBLE)"),
        "money": ("DECIMAL(10,2)", "CAST(1.50 AS DECIMAL(10,2))"),
        "text": ("STRING", "'ä'"),
        "raw": ("BINARY", "CAST('ab' AS BINARY)"),
        "day": ("DATE", "DATE '2026-01-02'"),
        "moment": ("TIMESTAMP", "TIMESTAMP '2026-01-02 03:04:05.000006'"),
    }
    types = ", ".join(f"{name} {type_}" for name, (type_, _) in columns.items())
    values = ", ".join(value for _, value in columns.values())
    workspace.query(f"CREATE TABLE main.mparticle.every_type ({types})")
    workspace.query(f"INSERT INTO main.mparticle.every_type SELECT {values}")
    workspace.grant("SELECT", "TABLE", "main.mparticle.every_type")


_EVERY_VALUE = (
    True,
    1,
    2,
    3,
    4,
    0.5,
    0.25,
    decimal.Decimal("1.50"),
    "ä",
    b"ab",
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc),
)


def _in_utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


class TestResults:
    """
    What a client reads.
    """

    def test_rows(self, shared: Workspace) -> None:
        """
        Rows arrive as tuples with names.
        """
        with cursor_of(shared) as cursor:
            row = cursor.execute("SELECT 1 AS one, 'x' AS text").fetchone()

        assert (1, "x") == (row.one, row.text)

    def test_arrow(self, shared: Workspace) -> None:
        """
        Rows arrive as an Arrow table.
        """
        with cursor_of(shared) as cursor:
            table = cursor.execute("SELECT CAST(1 AS BIGINT) AS one").fetchall_arrow()

        assert pa.table({"one": pa.array([1], pa.int64())}) == table

    @pytest.mark.parametrize("is_arrow", [True, False])
    def test_every_type(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, is_arrow: bool
    ) -> None:
        """
        Each type comes back as its Python value, as Arrow and as columns.
        """
        if not is_arrow:
            _without_arrow(monkeypatch)
        _every_type(workspace)
        ((*row,),) = rows_of(workspace, "SELECT * FROM main.mparticle.every_type")

        assert list(_EVERY_VALUE) == [_in_utc(value) for value in row]

    def test_texts_instead_of_arrow_types(self, workspace: Workspace) -> None:
        """
        A client that wants no decimals, moments or complex values in Arrow gets texts.
        """
        _every_type(workspace)
        with cursor_of(
            workspace,
            _use_arrow_native_decimals=False,
            _use_arrow_native_timestamps=False,
            _use_arrow_native_complex_types=False,
        ) as cursor:
            cursor.execute(
                "SELECT money, moment, [1, 2] AS numbers FROM main.mparticle.every_type"
            )
            table = cursor.fetchall_arrow()

        assert ["2026-01-02T03:04:05.000006Z"] == table["moment"].to_pylist()
        assert ["[1,2]"] == table["numbers"].to_pylist()
        assert [decimal.Decimal("1.50")] == table["money"].to_pylist()

    def test_description(self, workspace: Workspace) -> None:
        """
        Each column is described with its type; decimals with precision and scale.
        """
        _every_type(workspace)
        with cursor_of(workspace) as cursor:
            cursor.execute("SELECT * FROM main.mparticle.every_type")
            described = {each[0]: each[1] for each in cursor.description}
            money = next(each for each in cursor.description if each[0] == "money")

        assert {
            "yes": "boolean",
            "tiny": "tinyint",
            "small": "smallint",
            "number": "int",
            "big": "bigint",
            "single": "float",
            "twice": "double",
            "money": "decimal",
            "text": "string",
            "raw": "binary",
            "day": "date",
            "moment": "timestamp",
        } == described
        assert (10, 2) == (money[4], money[5])

    def test_nothing(self, shared: Workspace) -> None:
        """
        A result without rows still has its columns.
        """
        with cursor_of(shared) as cursor:
            table = cursor.execute("SELECT 1 AS one WHERE 1 = 0").fetchall_arrow()

        assert (0, ["one"]) == (table.num_rows, table.column_names)

    def test_without_columns(self, workspace: Workspace) -> None:
        """
        A statement that gives no rows gives an empty list.
        """
        assert [] == rows_of(workspace, "CREATE VOLUME main.mparticle.v")

    def test_no_batches(self, shared: Workspace) -> None:
        """
        A result without rows has no batches of them.
        """
        with cursor_of(shared) as cursor:
            req = ttypes.TExecuteStatementReq(
                sessionHandle=cursor.connection.session._session_id.to_thrift_handle(),
                statement="CREATE VOLUME IF NOT EXISTS main.mparticle.v",
                getDirectResults=ttypes.TSparkGetDirectResults(10_000, 0),
                canReadArrowResult=True,
            )
            direct = cursor.backend._client.ExecuteStatement(req).directResults

        assert [] == direct.resultSet.results.arrowBatches

    @pytest.mark.parametrize("is_arrow", [True, False])
    def test_pages(
        self, shared: Workspace, monkeypatch: pytest.MonkeyPatch, is_arrow: bool
    ) -> None:
        """
        A long result comes in pages of as many rows as the client wants.
        """
        if not is_arrow:
            _without_arrow(monkeypatch)
        with cursor_of(shared) as cursor:
            cursor.arraysize = 2
            cursor.execute("SELECT * FROM (VALUES (1), (2), (3), (4), (5)) AS t(n)")
            rows = cursor.fetchall()

        assert [1, 2, 3, 4, 5] == [row[0] for row in rows]

    def test_bytes_limit_a_page(self, shared: Workspace) -> None:
        """
        A page has at most so many bytes, and a row at least.
        """
        with cursor_of(shared) as cursor:
            cursor.buffer_size_bytes = 1
            cursor.execute("SELECT * FROM (VALUES (1), (2), (3)) AS t(n)")
            rows = cursor.fetchall()

        assert [1, 2, 3] == [row[0] for row in rows]

    def test_rowcount(self, workspace: Workspace) -> None:
        """
        How many rows a statement wrote is told.
        """
        with cursor_of(workspace) as cursor:
            cursor.execute("CREATE TABLE main.mparticle.t (n BIGINT)")
            cursor.execute("INSERT INTO main.mparticle.t VALUES (1), (2)")
            count = cursor.rowcount

        assert 2 == count

    @pytest.mark.parametrize("is_arrow", [True, False])
    def test_complex_values(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, is_arrow: bool
    ) -> None:
        """
        Structs, maps and lists come as such in Arrow, and as JSON in columns.
        """
        if not is_arrow:
            _without_arrow(monkeypatch)
        sql = (
            "SELECT struct(1 AS x, map('k', 'v') AS m, array(1, NULL) AS l) AS s, "
            "map('when', DATE '2026-01-02') AS m"
        )
        ((struct, mapping),) = rows_of(workspace, sql)

        if is_arrow:
            assert (1, [("k", "v")], 2) == (struct["x"], struct["m"], len(struct["l"]))
            assert [("when", date(2026, 1, 2))] == list(mapping)
        else:
            assert '{"x":1,"m":{"k":"v"},"l":[1,null]}' == struct
            assert '{"when":"2026-01-02"}' == mapping


def _without_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let the connector believe that pyarrow is not installed.
    """
    for module in ("backend.thrift_backend", "utils", "result_set", "client"):
        monkeypatch.setattr(f"databricks.sql.{module}.pyarrow", None)


class TestSessions:
    """
    What a session is opened with.
    """

    def test_namespace(self, workspace: Workspace) -> None:
        """
        Names are looked up in the catalog and schema that the client names.
        """
        workspace.query("CREATE TABLE main.mparticle.here (n BIGINT)")
        workspace.grant("SELECT", "TABLE", "main.mparticle.here")
        rows = rows_of(
            workspace, "SELECT * FROM here", catalog="main", schema="mparticle"
        )

        assert [] == rows

    def test_default_namespace(self, shared: Workspace) -> None:
        """
        A client that names none is in the schema `default`.
        """
        assert [("main", "default")] == rows_of(
            shared, "SELECT current_catalog(), current_schema()"
        )

    @pytest.mark.parametrize(
        ("options", "error_class"),
        [
            ({"catalog": "nowhere"}, "NO_SUCH_CATALOG_EXCEPTION"),
            ({"catalog": "main", "schema": "nowhere"}, "SCHEMA_NOT_FOUND"),
        ],
    )
    def test_missing_namespace(
        self, shared: Workspace, options: dict[str, str], error_class: str
    ) -> None:
        """
        A catalog or schema that is not there refuses the session.
        """
        sentence, _ = failed_connect(shared, **options)

        assert error_class in sentence

    def test_namespace_without_privilege(self, workspace: Workspace) -> None:
        """
        A catalog that may not be used refuses the session.
        """
        workspace.revoke("USE CATALOG", "CATALOG", "main")
        sentence, _ = failed_connect(workspace, catalog="main")

        assert "User does not have USE CATALOG on Catalog 'main'" in sentence

    @pytest.mark.parametrize("timeout", ["-1", "172801", "soon"])
    def test_odd_timeout(self, shared: Workspace, timeout: str) -> None:
        """
        A time-out out of its range refuses the session.
        """
        sentence, _ = failed_connect(
            shared, session_configuration={"STATEMENT_TIMEOUT": timeout}
        )

        assert "STATEMENT_TIMEOUT" in sentence

    def test_expired(self, workspace: Workspace) -> None:
        """
        On a session that has ended the next call is refused.
        """
        with cursor_of(workspace) as cursor:
            cursor.execute("SELECT 1")
            workspace.expire_sessions()
            with pytest.raises(exc.DatabaseError, match="Invalid SessionHandle"):
                cursor.execute("SELECT 1")

    def test_expired_in_the_middle(self, workspace: Workspace) -> None:
        """
        A session that ends takes its statements with it.
        """
        workspace.fail(Fault(on="statement", hang=True))
        with cursor_of(workspace) as cursor:
            cursor.execute_async("SELECT 1")
            workspace.expire_sessions()
            with pytest.raises(exc.DatabaseError, match="Invalid OperationHandle"):
                cursor.get_query_state()


class TestWarehouse:
    """
    Who may use it, and when.
    """

    def test_without_privilege(self, workspace: Workspace) -> None:
        """
        Without CAN USE the connect is refused with 403 and the reason.
        """
        warehouse_id = workspace.settings.warehouse_id
        workspace.revoke("CAN USE", "WAREHOUSE", warehouse_id)
        sentence, status = failed_connect(workspace)

        assert 403 == status
        assert "CAN USE" in sentence

    def test_unknown(self, shared: Workspace) -> None:
        """
        A warehouse that is not there is refused with 404.
        """
        response = requests.post(
            f"{shared.url}/sql/1.0/warehouses/nowhere",
            data=thrift_call("OpenSession", ttypes.TOpenSessionReq()),
            headers=shared._authorization(),
            verify=str(shared.ca_file),
            timeout=PATIENCE_SECONDS,
        )

        assert 404 == response.status_code
        assert "nowhere" in response.headers["x-thriftserver-error-message"]

    def test_starting(self, clock: FakeClock) -> None:
        """
        A stopped warehouse is refused with 503 until it has started.
        """
        with Workspace(clock=clock) as workspace:
            workspace.stop_warehouse(timedelta(minutes=4))
            failed_connect(workspace)
            refused = workspace.requests[-1].status
            clock.advance(minutes=4)
            rows = rows_of(workspace, "SELECT 1")

        assert 503 == refused
        assert [(1,)] == rows

    def test_let_in(self, clock: FakeClock) -> None:
        """
        A session that is opened while the warehouse starts never works.
        """
        never = "Session handle .* has not been initialized"
        with Workspace(clock=clock) as workspace:
            workspace.stop_warehouse(timedelta(minutes=4), lets_in=True)
            with cursor_of(workspace) as cursor:
                for minutes in (0, 4):
                    clock.advance(minutes=minutes)
                    with pytest.raises(exc.DatabaseError, match=never):
                        cursor.execute("SELECT 1")
            rows = rows_of(workspace, "SELECT 1")

        assert [(1,)] == rows

    def test_revoked_token(self, workspace: Workspace) -> None:
        """
        A token that is revoked in a session ends it with 403.
        """
        with cursor_of(workspace) as cursor:
            cursor.execute("SELECT 1")
            workspace.revoke_tokens()
            with pytest.raises(exc.RequestError) as caught:
                cursor.execute("SELECT 1")

        assert 403 == caught.value.context["http-code"]

    def test_expired_token(self, clock: FakeClock) -> None:
        """
        A token that has run out is refused with 401 and the reason in headers.
        """
        with Workspace(clock=clock) as workspace:
            headers = workspace._authorization()
            clock.advance(hours=1)
            response = requests.post(
                f"{workspace.url}{workspace.http_path}",
                data=thrift_call("OpenSession", ttypes.TOpenSessionReq()),
                headers=headers,
                verify=str(workspace.ca_file),
                timeout=PATIENCE_SECONDS,
            )

        assert 401 == response.status_code
        assert response.headers["x-thriftserver-error-message"]


class TestStatements:
    """
    How statements end.
    """

    def test_error(self, shared: Workspace) -> None:
        """
        A refusal tells its class and SQLSTATE, and the id of the operation.
        """
        with (
            cursor_of(shared) as cursor,
            pytest.raises(exc.ServerOperationError) as caught,
        ):
            cursor.execute("SELECT * FROM main.mparticle.nowhere")

        assert str(caught.value).startswith("[TABLE_OR_VIEW_NOT_FOUND] The table")
        assert str(caught.value).endswith("SQLSTATE: 42P01")
        assert caught.value.context["operation-id"]

    def test_parameters(self, shared: Workspace) -> None:
        """
        Parameters are refused, not overlooked.
        """
        with (
            cursor_of(shared) as cursor,
            pytest.raises(exc.DatabaseError, match="no parameters"),
        ):
            cursor.execute("SELECT :a", {"a": 1})

    def test_async(self, shared: Workspace) -> None:
        """
        A statement can be begun, asked about, and read later.
        """
        with cursor_of(shared) as cursor:
            cursor.execute_async("SELECT 7 AS n")
            while cursor.is_query_pending():
                pass
            rows = cursor.get_async_execution_result().fetchall()

        assert [7] == [row.n for row in rows]

    def test_cancel_from_another_thread(self, workspace: Workspace) -> None:
        """
        A statement that hangs is cancelled from another thread, without effect.
        """
        workspace.fail(Fault(on="statement", matching="CREATE", hang=True))
        with cursor_of(workspace) as cursor:
            cursor.execute_async("CREATE VOLUME main.mparticle.v")
            other = threading.Thread(target=cursor.cancel)
            other.start()
            other.join()
            state = cursor.get_query_state()
            with pytest.raises(exc.DatabaseError, match="CANCELLED"):
                cursor.get_async_execution_result()

        assert "CANCELLED" == state.name
        assert 0 == workspace.query("SHOW VOLUMES IN main.mparticle").num_rows

    def test_statements_are_remembered(self, workspace: Workspace) -> None:
        """
        The workspace remembers each statement, and who asked for it.
        """
        rows_of(workspace, "SELECT 1")

        assert [("SELECT 1", workspace.settings.client_id, 200)] == [
            (each.statement, each.principal, each.status)
            for each in workspace.requests
            if each.statement
        ]

    def test_side_by_side(self, workspace: Workspace) -> None:
        """
        Statements of several connections run at the same time.
        """
        workspace.fail(Fault(on="statement", matching="slow", hang=True))
        with cursor_of(workspace) as slow, cursor_of(workspace) as quick:
            slow.execute_async("SELECT 'slow'")
            rows = quick.execute("SELECT 1").fetchall()
            slow.cancel()

        assert [(1,)] == [tuple(row) for row in rows]


class TestMetadata:
    """
    What a client can ask about catalogs, schemas, tables and columns.
    """

    @pytest.fixture
    def cursor(self, workspace: Workspace) -> Iterator[Any]:
        """
        A cursor beside one table.
        """
        workspace.query("CREATE TABLE main.mparticle.t (n BIGINT, `it's` STRING)")
        workspace.grant("SELECT", "TABLE", "main.mparticle.t")
        with cursor_of(workspace) as cursor:
            yield cursor

    def test_catalogs(self, cursor: Any) -> None:
        """
        Catalogs are listed.
        """
        assert [("main",)] == list(map(tuple, cursor.catalogs().fetchall()))

    def test_schemas(self, cursor: Any) -> None:
        """
        Schemas are listed.
        """
        names = [row.TABLE_SCHEM for row in cursor.schemas().fetchall()]

        assert "mparticle" in names

    def test_tables(self, cursor: Any) -> None:
        """
        Tables are listed by pattern.
        """
        found = cursor.tables(schema_name="mpart%", table_name="t").fetchall()

        assert ["t"] == [row.TABLE_NAME for row in found]

    def test_columns(self, cursor: Any) -> None:
        """
        Columns are listed by pattern, whatever is in it.
        """
        cursor.columns(catalog_name="main", table_name="t", column_name="it's")

        assert [("it's", "string")] == [
            (row.COLUMN_NAME, row.TYPE_NAME) for row in cursor.fetchall()
        ]


class TestCalls:
    """
    What no good client sends.
    """

    @pytest.mark.parametrize("body", [b"", b"no thrift", b"\x80\x01\x00\x01\x00"])
    def test_no_call(self, shared: Workspace, body: bytes) -> None:
        """
        What is no Thrift call is refused with 400.
        """
        response = self._post(shared, body)

        assert 400 == response.status_code

    def test_unknown_call(self, shared: Workspace) -> None:
        """
        A call that the service has not is answered with Thrift's own exception.
        """
        response = self._post(shared, b"\x80\x01\x00\x01\0\0\0\x04Nope\0\0\0\0\0")

        assert b"Unknown function Nope" in response.content

    def _post(self, workspace: Workspace, body: bytes) -> requests.Response:
        return requests.post(
            f"{workspace.url}{workspace.http_path}",
            data=body,
            headers=workspace._authorization(),
            verify=str(workspace.ca_file),
            timeout=PATIENCE_SECONDS,
        )

    def test_foreign_session(self, shared: Workspace) -> None:
        """
        To others than its principal a session does not exist.
        """
        context = Session(principal="admin", catalog="main", schema="default")
        opened = shared._services.operations.open_session(context, {})
        handle = ttypes.TSessionHandle(
            sessionId=ttypes.THandleIdentifier(guid=opened.id.bytes, secret=b"")
        )
        req = ttypes.TCloseSessionReq(sessionHandle=handle)
        response = self._post(shared, thrift_call("CloseSession", req))

        assert b"Invalid SessionHandle" in response.content

    def test_first_rows_again(self, shared: Workspace) -> None:
        """
        Rows can be fetched again from the first, or from any other.
        """
        with cursor_of(shared) as cursor:
            cursor.execute_async("SELECT * FROM (VALUES (1), (2), (3)) AS t(n)")
            while cursor.is_query_pending():
                pass
            handle = cursor.active_command_id.to_thrift_handle()
            fetch = partial(
                ttypes.TFetchResultsReq, operationHandle=handle, maxRows=2, maxBytes=0
            )
            client = cursor.backend._client
            pages = [
                client.FetchResults(fetch(orientation=orientation, startRowOffset=at))
                for orientation, at in ((0, None), (4, None), (0, 2))
            ]

        assert [(0, True), (0, True), (2, False)] == [
            (page.results.startRowOffset, page.hasMoreRows) for page in pages
        ]

    def test_an_end_right_after_the_look(self, monkeypatch: Any) -> None:
        """
        A statement that ends just after it was told to run can be asked for.
        """
        status_of = _thrift_calls.status_of

        def ended_since(operation: Any) -> Any:
            status = status_of(operation)
            operation.wait(None)
            return status

        monkeypatch.setattr(_thrift, "_POLL_SECONDS", 0.0)
        monkeypatch.setattr(_thrift_calls, "status_of", ended_since)
        with Workspace() as workspace:
            workspace.fail(Fault(on="statement", matching="SELECT 1", seconds=0.2))
            with cursor_of(workspace) as cursor:
                cursor.execute("SELECT 1 AS one")
                rows = cursor.fetchall()

        assert [(1,)] == list(map(tuple, rows))

    def test_odd_pages(self, shared: Workspace) -> None:
        """
        A page from before the first row is refused; less than no row is no limit.
        """
        with cursor_of(shared) as cursor:
            cursor.execute_async("SELECT * FROM (VALUES (1), (2), (3)) AS t(n)")
            while cursor.is_query_pending():
                pass
            handle = cursor.active_command_id.to_thrift_handle()
            fetch = partial(
                ttypes.TFetchResultsReq, operationHandle=handle, orientation=4
            )
            client = cursor.backend._client
            refused = client.FetchResults(fetch(startRowOffset=-1))
            whole = client.FetchResults(fetch(maxRows=-1))

        assert ttypes.TStatusCode.ERROR_STATUS == refused.status.statusCode
        assert "[INVALID_PARAMETER_VALUE]" in refused.status.errorMessage
        assert not whole.hasMoreRows
