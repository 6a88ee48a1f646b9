"""
What can go wrong with SQL, as it was scripted.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import suppress
from typing import Any

import attrs
import pytest
import requests
from databricks.sql import exc
from sql_clients import cursor_of, failed_connect, rows_of
from urllib3.exceptions import HTTPError

from databricks_forwarder._clock import SystemClock
from databricks_forwarder._databricks._sql_fates import sql_fate
from databricks_forwarder._databricks.fates import UnknownOutcomeError
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import Fault, RefusedError, Workspace
from databricks_forwarder.testing.workspace._http import DroppedError
from databricks_forwarder.testing.workspace._operation import Operation
from databricks_forwarder.testing.workspace._operations import Operations
from databricks_forwarder.testing.workspace._results import Result, Session
from databricks_forwarder.testing.workspace._stopping import StoppedError

_CREATE = "CREATE VOLUME main.mparticle.v"
_ADMIN = Session(principal="admin", catalog="main", schema="mparticle")


_LONG = (
    "SELECT count(*) FROM (SELECT explode(sequence(1, 1000000)) a) x "
    "CROSS JOIN (SELECT explode(sequence(1, 1000000)) b) y WHERE a * b % 7 = 3"
)


def _is_querying() -> bool:
    return any(each.name == "warehouse-watch" for each in threading.enumerate())


def _is_made(workspace: Workspace) -> bool:
    return workspace.query("SHOW VOLUMES IN main.mparticle").num_rows == 1


class TestStatement:
    """
    A statement's misfortunes, before the effect and after it.
    """

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_status(self, workspace: Workspace, when: Any, status: int) -> None:
        """
        An HTTP status takes the place of the reply; the effect is as scripted.
        """
        workspace.fail(Fault(on="statement", when=when, status=status))
        with cursor_of(workspace) as cursor, pytest.raises(exc.RequestError):
            cursor.execute(_CREATE)

        assert (when == "after") == _is_made(workspace)
        assert status == next(
            each.status for each in workspace.requests if each.statement == _CREATE
        )

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_drop(self, workspace: Workspace, when: Any) -> None:
        """
        The reply is lost; the effect is as scripted.
        """
        workspace.fail(Fault(on="statement", when=when, drop=True))
        with cursor_of(workspace) as cursor, pytest.raises((exc.Error, HTTPError)):
            cursor.execute(_CREATE)

        assert (when == "after") == _is_made(workspace)

    def test_lost_refusal(self, workspace: Workspace) -> None:
        """
        The reply to a statement that failed can be lost as well.
        """
        workspace.fail(Fault(on="statement", when="after", status=500))
        with cursor_of(workspace) as cursor, pytest.raises(exc.RequestError):
            cursor.execute("SELECT * FROM nowhere")

        assert 500 == workspace.requests[-2].status

    def test_error_wins(self, workspace: Workspace) -> None:
        """
        Of several misfortunes in one fault the first kind happens.
        """
        error = ("ODD", "XX000", "Not today.")
        workspace.fail(Fault(on="statement", error=error, status=500, hang=True))

        with pytest.raises(exc.ServerOperationError, match=r"\[ODD\] Not today"):
            rows_of(workspace, "SELECT 1")

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("use_sea", [False, True])
    def test_error(self, workspace: Workspace, when: Any, use_sea: bool) -> None:
        """
        The statement fails with the scripted class; the effect is as scripted.
        """
        error = ("DELTA_CONCURRENT_APPEND", "2D521", "Someone else was first.")
        workspace.fail(Fault(on="statement", when=when, error=error))
        with (
            cursor_of(workspace, use_sea=use_sea) as cursor,
            pytest.raises(
                exc.ServerOperationError,
                match=r"\[DELTA_CONCURRENT_APPEND\] .* SQLSTATE: 2D521",
            ),
        ):
            cursor.execute(_CREATE)

        assert (when == "after") == _is_made(workspace)

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_hang(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, when: Any
    ) -> None:
        """
        It stays running until it is cancelled, and is finished if it was done.
        """
        monkeypatch.setattr(
            "databricks_forwarder.testing.workspace._thrift._POLL_SECONDS", 0.01
        )
        workspace.fail(Fault(on="statement", when=when, hang=True))
        with cursor_of(workspace) as cursor:
            cursor.execute_async(_CREATE)
            if when == "after":
                _until(lambda: _is_made(workspace))
            running = cursor.is_query_pending()
            cursor.cancel()
            _until(lambda: not cursor.is_query_pending())
            state = cursor.get_query_state()

        assert running
        assert ("SUCCEEDED" if when == "after" else "CANCELLED") == state.name
        assert (when == "after") == _is_made(workspace)

    def test_blocked_execute(self, workspace: Workspace) -> None:
        """
        A blocking client is let go by a cancel from another thread.
        """
        workspace.fail(Fault(on="statement", hang=True))
        with cursor_of(workspace) as cursor:
            operations = workspace._services.operations
            other = threading.Thread(target=_cancel_first, args=(operations,))
            other.start()
            with pytest.raises(exc.DatabaseError):
                cursor.execute(_CREATE)
            other.join()

        assert not _is_made(workspace)

    def test_slow(self, workspace: Workspace) -> None:
        """
        A slow statement does the same, later.
        """
        workspace.fail(Fault(on="statement", seconds=0.05))
        rows_of(workspace, _CREATE)

        assert _is_made(workspace)

    def test_slower_than_the_service_waits(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A client of a long statement asks again until it is done.
        """
        monkeypatch.setattr(
            "databricks_forwarder.testing.workspace._thrift._POLL_SECONDS", 0.01
        )
        workspace.fail(Fault(on="statement", seconds=0.05))

        assert [(1,)] == rows_of(workspace, "SELECT 1")

    def test_timeout(self, clock: FakeClock) -> None:
        """
        A statement that runs longer than the session allows is ended, undone.
        """
        with Workspace(clock=clock) as workspace:
            workspace.fail(Fault(on="statement", hang=True))
            with cursor_of(
                workspace, session_configuration={"STATEMENT_TIMEOUT": "60"}
            ) as cursor:
                cursor.execute_async(_CREATE)
                clock.advance(seconds=60)
                with pytest.raises(exc.ServerOperationError, match="57KD0"):
                    _until(lambda: not cursor.is_query_pending())
            made = _is_made(workspace)

        assert not made

    def test_timeout_after_the_effect(self, clock: FakeClock) -> None:
        """
        A statement that had its effect is finished, whatever the session allows.
        """
        with Workspace(clock=clock) as workspace:
            workspace.fail(Fault(on="statement", when="after", hang=True))
            with cursor_of(
                workspace, session_configuration={"statement_timeout": "60"}
            ) as cursor:
                cursor.execute_async(_CREATE)
                _until(lambda: _is_made(workspace))
                clock.advance(seconds=60)
                _until(lambda: not cursor.is_query_pending())
                state = cursor.get_query_state()

        assert "SUCCEEDED" == state.name

    def test_close_lets_go(self) -> None:
        """
        Closing the workspace ends what hangs, and whoever waits for it.
        """
        before = set(threading.enumerate())
        workspace = Workspace().start()
        workspace.fail(Fault(on="statement", hang=True))
        waiting = threading.Thread(target=_wait_for_a_statement, args=(workspace,))
        waiting.start()
        _until(lambda: any(each.statement for each in workspace.requests))
        workspace.close()
        waiting.join()

        assert [] == [
            thread.name
            for thread in set(threading.enumerate()) - before
            if thread.name.startswith(("warehouse", "workspace"))
        ]


def _wait_for_a_statement(workspace: Workspace) -> None:
    warehouse_id = workspace.settings.warehouse_id
    body = {"statement": "SELECT 1", "warehouse_id": warehouse_id}
    with suppress(requests.ConnectionError):
        requests.post(
            f"{workspace.url}/api/2.0/sql/statements",
            json={**body, "wait_timeout": "50s"},
            headers=workspace._authorization(),
            verify=str(workspace.ca_file),
            timeout=60,
        )


def _until(is_so: Any) -> None:
    """
    Ask until it is so; the time limit of the test is the limit.
    """
    while not is_so():
        pass


def _cancel_first(operations: Operations) -> None:
    _until(lambda: operations._operations)
    next(iter(operations._operations.values())).cancel()


class TestSession:
    """
    Misfortunes of opening a session.
    """

    @pytest.mark.parametrize("when", ["before", "after"])
    @pytest.mark.parametrize("use_sea", [False, True])
    def test_status(self, workspace: Workspace, when: Any, use_sea: bool) -> None:
        """
        An HTTP status takes the place of the reply.
        """
        workspace.fail(Fault(on="open_session", when=when, status=500))
        failed_connect(workspace, use_sea=use_sea)

        assert 500 == workspace.requests[-1].status

    def test_slow(self, workspace: Workspace) -> None:
        """
        A slow reply is the same, later.
        """
        workspace.fail(Fault(on="open_session", seconds=0.01))

        assert [(1,)] == rows_of(workspace, "SELECT 1")

    def test_drop(self, workspace: Workspace) -> None:
        """
        The reply is lost.
        """
        workspace.fail(Fault(on="open_session", drop=True, times=2))
        failed_connect(workspace)

        assert workspace.requests[-1].status is None

    def test_error(self, workspace: Workspace) -> None:
        """
        The session is refused with the scripted class.
        """
        workspace.fail(Fault(on="open_session", error=("ODD", "XX000", "Not today.")))
        sentence, _ = failed_connect(workspace)

        assert "[ODD] Not today. SQLSTATE: XX000" in sentence

    def test_hang(self) -> None:
        """
        The reply never comes; closing the workspace ends the wait.
        """
        workspace = Workspace().start()
        workspace.fail(Fault(on="open_session", hang=True))
        met = threading.Event()
        waiting = threading.Thread(
            target=lambda: (failed_connect(workspace), met.set())
        )
        waiting.start()
        _until(lambda: any("/sql/1.0" in each.path for each in workspace.requests))
        workspace.close()
        waiting.join()

        assert met.is_set()


class TestPoll:
    """
    Misfortunes of asking how far a statement is.
    """

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_status(self, workspace: Workspace, when: Any) -> None:
        """
        An HTTP status takes the place of the reply; the statement goes on.
        """
        workspace.fail(Fault(on="poll", matching="CREATE", when=when, status=500))
        with cursor_of(workspace) as cursor:
            cursor.execute_async(_CREATE)
            with pytest.raises(exc.RequestError):
                cursor.get_query_state()
            cursor.get_async_execution_result()

        assert _is_made(workspace)

    def test_status_over_rest(self, workspace: Workspace) -> None:
        """
        The other wire has the same.
        """
        workspace.fail(Fault(on="poll", status=500))
        with cursor_of(workspace, use_sea=True) as cursor:
            cursor.execute_async("SELECT 1")
            with pytest.raises(exc.RequestError):
                cursor.get_query_state()


def _break(*_: object) -> None:
    raise ZeroDivisionError("a bug")


class TestOperations:
    """
    What no client can bring about for certain.
    """

    def test_bug_of_the_engine(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        A bug of the engine fails the statement, and is told.
        """
        monkeypatch.setattr(workspace._engine, "run", _break)

        with pytest.raises(exc.DatabaseError, match=r"\[INTERNAL_ERROR\] ZeroDivision"):
            rows_of(workspace, "SELECT 1")

    def test_pending(self, workspace: Workspace) -> None:
        """
        What finds no thread is pending, and can be cancelled so.
        """
        operations = Operations(
            workspace._engine, faults=workspace.faults, clock=SystemClock(), breadth=1
        )
        session = operations.open_session(_ADMIN, {})
        workspace.fail(Fault(on="statement", hang=True))
        operations.run("SELECT 1", session, asked=None)
        second = operations.run(_CREATE, session, asked=None)
        state = second.state
        second.cancel()
        ended = second.wait(None)
        operations.close()

        assert ("PENDING", "CANCELED") == (state, ended)
        assert not _is_made(workspace)

    @pytest.mark.parametrize("is_closed", [True, False])
    def test_too_late(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch, is_closed: bool
    ) -> None:
        """
        What the engine has is finished, cancelled or closed or not.
        """
        entered, goes_on = threading.Event(), threading.Event()
        engine = workspace._engine
        run = engine.run

        def wait_and_run(sql: str, session: Session, *rest: Any) -> Result:
            entered.set()
            goes_on.wait()
            return run(sql, session, *rest)

        monkeypatch.setattr(engine, "run", wait_and_run)
        operations = workspace._services.operations
        session = operations.open_session(_ADMIN, {})
        operation = operations.run(_CREATE, session, asked=None)
        entered.wait()
        end = operation.close if is_closed else operation.cancel
        end()
        state = operation.state
        goes_on.set()

        assert ("RUNNING", "SUCCEEDED") == (state, operation.wait(None))

    @pytest.mark.parametrize(
        ("end", "state"),
        [(Operation.cancel, "CANCELED"), (Operation.close, "CLOSED")],
    )
    @pytest.mark.parametrize("sql", [_LONG, f"INSERT INTO n {_LONG}"])
    def test_query_is_interrupted(
        self, workspace: Workspace, sql: str, end: Any, state: str
    ) -> None:
        """
        A query that would take an age ends when no one wants it, without an effect.
        """
        workspace.query("CREATE TABLE n (n BIGINT)")
        operations = workspace._services.operations
        session = operations.open_session(_ADMIN, {})
        operation = operations.run(sql, session, asked=None)
        _until(_is_querying)
        end(operation)

        assert state == operation.wait(None)
        assert 0 == workspace.query("SELECT * FROM n").num_rows

    def test_query_is_looked_after(self, workspace: Workspace) -> None:
        """
        Whether a query is wanted is asked till it is not.
        """
        asked = itertools.chain([False], itertools.repeat(True))

        with pytest.raises(StoppedError):
            workspace._engine.run(_LONG, _ADMIN, lambda: next(asked))

    def test_query_times_out(self, clock: FakeClock) -> None:
        """
        A query that would take an age ends when its session's time is over.
        """
        context = attrs.evolve(_ADMIN, configuration={"STATEMENT_TIMEOUT": "60"})
        with Workspace(clock=clock) as workspace:
            operations = workspace._services.operations
            session = operations.open_session(context, {})
            operation = operations.run(_LONG, session, asked=None)
            _until(_is_querying)
            clock.advance(seconds=60)
            state = operation.wait(None)

        assert "FAILED" == state
        with pytest.raises(RefusedError, match="60s") as caught:
            _ = operation.result

        fate = sql_fate(caught.value.display, "Copying", client_id="")
        assert "QUERY_EXECUTION_TIMEOUT_EXCEEDED" == caught.value.error_class
        assert isinstance(fate, UnknownOutcomeError)

    def test_close_ends_a_query(self) -> None:
        """
        Closing the workspace ends a query that would take an age.
        """
        workspace = Workspace().start()
        operations = workspace._services.operations
        session = operations.open_session(_ADMIN, {})
        operation = operations.run(_LONG, session, asked=None)
        _until(_is_querying)
        workspace.close()

        assert "CLOSED" == operation.state

    def test_close_twice(self, workspace: Workspace) -> None:
        """
        Closing a statement twice is closing it once.
        """
        operations = workspace._services.operations
        session = operations.open_session(_ADMIN, {})
        operation = operations.run("SELECT 1", session, asked=None)
        operation.wait(None)
        operations.close_operation(operation)
        operations.close_operation(operation)

        assert "CLOSED" == operation.state

    def test_after_close(self, workspace: Workspace) -> None:
        """
        What comes when all is closed gets no reply.
        """
        operations = Operations(
            workspace._engine, faults=workspace.faults, clock=SystemClock()
        )
        session = operations.open_session(_ADMIN, {})
        operations.close()
        operations.close()

        with pytest.raises(DroppedError):
            operations.run("SELECT 1", session, asked=None)
        with pytest.raises(RefusedError):
            operations.session(session.id, "admin")
