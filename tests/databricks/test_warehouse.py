"""
Statements on a SQL warehouse: connections, deadlines, starts, and fates.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import attrs
import pytest
from noticing import come_together
from over_workspace import asked, at_once
from patience import PATIENCE_SECONDS

from databricks_forwarder._databricks._rest import Rest
from databricks_forwarder._databricks._starting import Starting, WarehouseState
from databricks_forwarder._databricks.auth import TokenSource
from databricks_forwarder._databricks.client import DatabricksClient
from databricks_forwarder._databricks.fates import (
    AlreadyThereError,
    ConflictError,
    DeadlineError,
    MissingTableError,
    MissingVolumeError,
    RefusedForNowError,
    RefusedTokenError,
    UnknownOutcomeError,
)
from databricks_forwarder._databricks.files import VolumeFiles
from databricks_forwarder._databricks.warehouse import Warehouse
from databricks_forwarder.errors import (
    ConfigurationError,
    ForwarderError,
    PermanentError,
    SetupError,
    TransientError,
)
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import _thrift
from databricks_forwarder.testing.workspace._faults import Fault
from databricks_forwarder.testing.workspace._workspace import Workspace

SQL = "/sql/1.0/warehouses"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let the workspace say at once that a statement is still running.
    """
    monkeypatch.setattr(_thrift, "_POLL_SECONDS", 0.01)


def statements(workspace: Workspace) -> list[str]:
    """
    The statements that were sent.
    """
    return [each.statement for each in workspace.requests if each.statement]


def join_since(before: set[threading.Thread]) -> None:
    """
    See that the client's threads end that were begun since.
    """
    for thread in set(threading.enumerate()) - before:
        if thread.name == "databricks-forwarder":
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


def test_a_statement_gives_its_rows(warehouse: Warehouse) -> None:
    """
    Rows are tuples of what was selected, whose members have names as well.
    """
    rows = warehouse.run("SELECT 1 AS one, 'a' AS letter UNION ALL SELECT 2, NULL")

    assert [(1, "a"), (2, None)] == sorted(rows)
    assert all(isinstance(row, tuple) for row in rows)
    assert {"one", "letter"} == {*rows[0].asDict()}  # type: ignore[attr-defined]


def test_a_statement_without_result_gives_no_rows(warehouse: Warehouse) -> None:
    """
    What only has an effect gives nothing.
    """
    assert [] == warehouse.run("CREATE TABLE main.mparticle.t (a BIGINT)")


def test_a_short_statement_is_one_request(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    Once a connection is open each statement is one call.
    """
    for _ in range(3):
        warehouse.run("SELECT 1 AS one")

    assert 4 == len(asked(workspace, SQL))


def test_the_driver_reports_nothing_home(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    Beside sign-in and SQL nothing is asked.
    """
    warehouse.run("SELECT 1 AS one")
    warehouse.close()

    assert {SQL.split("/")[1], "oidc"} == {
        each.path.split("/")[1] for each in workspace.requests
    }


def test_threads_have_connections_of_their_own(
    workspace: Workspace, warehouses: Callable[..., Warehouse]
) -> None:
    """
    Statements run side by side, up to the breadth.
    """
    warehouse = warehouses(breadth=2)
    workspace.fail(Fault(on="statement", seconds=0.05, times=6))

    rows = at_once(lambda: warehouse.run("SELECT 1 AS one"), threads=6)

    assert [[(1,)]] * 6 == rows
    assert 6 == len(statements(workspace))
    assert 8 == len(asked(workspace, SQL)), "two sessions"


def test_eight_threads_cause_one_token_request(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    Eight statements at once sign in once.
    """
    at_once(lambda: warehouse.run("SELECT 1 AS one"))

    assert 1 == len(asked(workspace, "/oidc/"))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE TABLE main.mparticle.t (a BIGINT)", AlreadyThereError),
        ("SELECT * FROM main.mparticle.none", MissingTableError),
        ("SELECT * FROM main.none.none", SetupError),
        ("DROP VOLUME main.mparticle.none", MissingVolumeError),
        ("SELECT FROM WHERE", PermanentError),
    ],
)
def test_a_refused_statement_has_its_fate_and_keeps_the_connection(
    workspace: Workspace,
    warehouse: Warehouse,
    sql: str,
    expected: type[ForwarderError],
) -> None:
    """
    What the platform refuses comes out at once; the connection is used again.
    """
    warehouse.run("CREATE TABLE main.mparticle.t (a BIGINT)")

    with pytest.raises(ForwarderError) as raised:
        warehouse.run(sql)
    assert expected is type(raised.value)
    assert f"{sql} on SQL warehouse " in str(raised.value)
    warehouse.run("SELECT 1 AS one")
    assert 4 == len(asked(workspace, SQL))


def test_a_missing_privilege_comes_with_its_grant(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    The sentence ends with the statement to run.
    """
    workspace.revoke("CREATE TABLE", "SCHEMA", "main.mparticle")

    with pytest.raises(SetupError) as raised:
        warehouse.run("CREATE TABLE main.mparticle.t (a BIGINT)")
    assert str(raised.value).endswith(
        "; run: GRANT CREATE TABLE ON SCHEMA `main`.`mparticle` TO "
        f"`{workspace.settings.client_id}`"
    )


def test_an_unknown_error_class_is_transient_and_counted(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    What nobody knows is repeated, and shows that it is not known.
    """
    workspace.fail(
        Fault(on="statement", error=("NEW_IN_2027", "XX000", "No."), times=2)
    )

    for _ in range(2):
        with pytest.raises(TransientError, match="NEW_IN_2027"):
            warehouse.run("SELECT 1 AS one")
    assert {"NEW_IN_2027": 2} == warehouse.unknown_errors


def test_an_unknown_exception_is_transient_and_counted(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What no table has is repeated, and counted by its class.
    """

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("databricks.sql.client.Cursor.fetchall", broken)

    with pytest.raises(TransientError, match="will be tried again"):
        warehouse.run("SELECT 1 AS one")
    assert {"ZeroDivisionError": 1} == warehouse.unknown_errors


def test_a_conflict_with_another_writer_is_told(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    Who came second is told so, and may try again.
    """
    workspace.fail(
        Fault(on="statement", error=("DELTA_CONCURRENT_APPEND", "2D521", ""))
    )

    with pytest.raises(ConflictError):
        warehouse.run("SELECT 1 AS one")


@pytest.mark.parametrize("point", ["open_session", "statement"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_refusal_for_now_is_tried_again(
    workspace: Workspace,
    warehouse: Warehouse,
    clock: FakeClock,
    point: str,
    status: int,
) -> None:
    """
    What is refused for now is sent again after a pause, and not by the driver.
    """
    fault = attrs.evolve(Fault(on="statement", status=status, times=2), on=point)
    workspace.fail(fault)

    assert [(1,)] == warehouse.run("SELECT 1 AS one")
    assert 2 == len(clock.waits)


def test_refusals_without_end_are_transient(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    After five tries a statement is given up for now.
    """
    workspace.fail(Fault(on="statement", status=503, times=99))

    with pytest.raises(TransientError, match=r"too busy or not ready \(HTTP 429"):
        warehouse.run("SELECT 1 AS one")
    assert 5 == len(statements(workspace))
    assert sum(clock.waits) < 60


@pytest.mark.parametrize(
    "fault",
    [
        Fault(on="statement", drop=True),
        Fault(on="statement", drop=True, when="after"),
        Fault(on="statement", status=500),
        Fault(on="statement", status=502, when="after"),
    ],
    ids=["dropped", "lost", "500", "502 after"],
)
def test_a_lost_answer_is_told_and_nothing_is_sent_twice(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock, fault: Fault
) -> None:
    """
    Where the effect is not known the caller decides; the next statement works.
    """
    workspace.fail(fault)

    with pytest.raises(UnknownOutcomeError, match="SELECT 1 AS one on SQL warehouse"):
        warehouse.run("SELECT 1 AS one")
    assert 1 == len(statements(workspace))
    assert [] == clock.waits
    assert [(2,)] == warehouse.run("SELECT 2 AS two")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(on="open_session", drop=True),
        Fault(on="open_session", drop=True, when="after"),
        Fault(on="open_session", status=500),
    ],
    ids=["dropped", "lost", "500"],
)
def test_a_session_that_is_not_opened_is_opened_again(
    workspace: Workspace, warehouse: Warehouse, fault: Fault
) -> None:
    """
    Opening has no effect: whatever becomes of it, it is tried again.
    """
    workspace.fail(fault)

    assert [(1,)] == warehouse.run("SELECT 1 AS one")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503, 500])
@pytest.mark.usefixtures("impatient")
def test_a_poll_that_is_refused_leaves_the_outcome_open(
    workspace: Workspace, warehouse: Warehouse, status: int
) -> None:
    """
    A statement that went on and can't be asked after is not sent again.
    """
    workspace.fail(Fault(on="statement", seconds=0.1))
    workspace.fail(Fault(on="poll", status=status))

    with pytest.raises(UnknownOutcomeError):
        warehouse.run("SELECT 1 AS one")
    assert 1 == len(statements(workspace))


def test_a_token_that_is_revoked_costs_one_retry(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    A refused token is replaced, and so is the connection.
    """
    warehouse.run("SELECT 1 AS one")
    workspace.revoke_tokens()

    assert [(2,)] == warehouse.run("SELECT 2 AS two")
    assert 2 == len(asked(workspace, "/oidc/"))
    assert [] == clock.waits


def test_a_token_that_expires_is_renewed_before_it_is_refused(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    An open connection uses the new token as soon as there is one.
    """
    for _ in range(40):
        warehouse.run("SELECT 1 AS one")
        clock.advance(minutes=4)

    assert {200} == {status for _, status in asked(workspace, SQL)}
    assert 41 == len(asked(workspace, SQL))
    assert 3 == len(asked(workspace, "/oidc/"))


def test_a_session_that_lay_idle_is_not_used_again(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    After five minutes a session is opened anew.
    """
    warehouse.run("SELECT 1 AS one")
    clock.advance(minutes=5)
    warehouse.run("SELECT 2 AS two")

    assert [200] * 4 == [status for _, status in asked(workspace, SQL)]


def test_sessions_that_died_together_cost_one_retry(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    Where one idle session is dead the others are not tried.
    """
    workspace.fail(Fault(on="statement", seconds=0.1, times=8))
    at_once(lambda: warehouse.run("SELECT 1 AS one"))
    before = len(asked(workspace, SQL))
    workspace.expire_sessions()
    warehouse.run("SELECT 2 AS two")

    assert 3 == len(asked(workspace, SQL)) - before
    assert [] == clock.waits


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "is in this workspace$"), (403, "CAN USE on SQL warehouse")],
)
def test_a_new_token_that_is_refused_too_is_a_set_up_mistake(
    workspace: Workspace, warehouse: Warehouse, status: int, advice: str
) -> None:
    """
    A second refusal in a row is told.
    """
    workspace.fail(Fault(on="statement", status=status, times=2))

    with pytest.raises(RefusedTokenError, match=advice):
        warehouse.run("SELECT 1 AS one")
    assert 2 == len(asked(workspace, "/oidc/"))


def test_a_privilege_that_is_named_costs_no_token(
    workspace: Workspace, files: VolumeFiles
) -> None:
    """
    Where 403 tells which privilege is missing it is not asked again.
    """
    workspace.revoke("WRITE VOLUME", "VOLUME", "main.mparticle.mparticle_staging")

    with pytest.raises(SetupError, match="GRANT WRITE VOLUME"):
        files.upload_bytes(b"a", "/Volumes/main/mparticle/mparticle_staging/a")
    assert 1 == len(asked(workspace, "/oidc/"))
    assert [403] == [status for _, status in asked(workspace, "fs/files")]


def test_a_refused_token_at_the_door_is_a_set_up_mistake(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    A token that opens no session, twice, is told.
    """
    workspace.fail(Fault(on="open_session", status=401, times=2))

    with pytest.raises(RefusedTokenError):
        warehouse.run("SELECT 1 AS one")
    assert 2 == len(asked(workspace, "/oidc/"))


def test_a_sign_in_that_fails_while_a_statement_is_sent_keeps_its_sentence(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    What signing in says comes through the driver as it is.
    """
    warehouse.run("SELECT 1 AS one")
    clock.advance(hours=1)
    workspace.fail(Fault(on="token", status=400))

    with pytest.raises(SetupError, match="signing in to https://127"):
        warehouse.run("SELECT 2 AS two")


@pytest.mark.parametrize("is_remembered", [True, False], ids=["status", "answer"])
def test_a_session_that_the_platform_forgot_is_opened_again(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock, is_remembered: bool
) -> None:
    """
    A dead session costs one retry, whether it is told by a status or in an answer.
    """
    warehouse.run("SELECT 1 AS one")
    workspace.expire_sessions()
    if not is_remembered:
        workspace._services.operations._ended.clear()

    assert [(2,)] == warehouse.run("SELECT 2 AS two")
    assert [] == clock.waits
    statuses = [status for _, status in asked(workspace, SQL)]
    assert is_remembered is (400 in statuses)


def test_a_hung_statement_is_cancelled_at_its_deadline(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    What takes too long is given up there too, and the next statement runs.
    """
    before = set(threading.enumerate())
    workspace.fail(Fault(on="statement", hang=True))

    with pytest.raises(DeadlineError, match=r"SELECT 1.* took longer than 0.05 s"):
        warehouse.run("SELECT 1 AS one", seconds=0.05)
    assert [(2,)] == warehouse.run("SELECT 2 AS two")
    join_since(before)


@pytest.mark.usefixtures("impatient")
def test_a_statement_that_is_polled_is_cancelled_at_its_deadline(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    A statement that the driver is asking after is cancelled past the driver.
    """
    workspace.fail(Fault(on="statement", hang=True))

    with pytest.raises(DeadlineError):
        warehouse.run("SELECT 1 AS one", seconds=0.2)
    assert [(2,)] == warehouse.run("SELECT 2 AS two")


def test_a_deadline_is_the_platform_s_too(
    warehouses: Callable[..., Warehouse],
) -> None:
    """
    Sessions are opened with the deadline, for when nobody is left to cancel.
    """
    warehouse = warehouses(statement_seconds=77.5)
    warehouse.run("SELECT 1 AS one")

    session = warehouse._idle.borrowed()
    assert session is not None
    configuration = session._connection.session.session_configuration
    assert configuration is not None
    assert "78" == configuration["STATEMENT_TIMEOUT"]


def test_a_platform_that_does_not_answer_holds_up_nobody(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    Where neither statement nor cancellation is answered the deadline holds.
    """
    warehouse.run("SELECT 1 AS one")
    workspace.fail(Fault(on="statement", hang=True))
    workspace.fail(Fault(on="open_session", status=503))

    with pytest.raises(DeadlineError):
        warehouse.run("SELECT 2 AS two", seconds=0.05)
    assert [(3,)] == warehouse.run("SELECT 3 AS three")


@pytest.mark.parametrize("is_lost", [False, True])
def test_opening_a_session_has_a_limit(
    workspace: Workspace, warehouse: Warehouse, *, is_lost: bool
) -> None:
    """
    A session that takes too long to open is given up, and closed if it opens.
    """
    before = set(threading.enumerate())
    workspace.fail(Fault(on="open_session", seconds=0.3, drop=is_lost))

    with pytest.raises(RefusedForNowError, match=r"took longer than 0.05 s"):
        warehouse._opened(0.05, 5.0)
    join_since(before)


def test_a_start_of_four_minutes_is_waited_for(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    A warehouse that starts has a time budget of its own.
    """
    workspace.stop_warehouse(timedelta(minutes=4))

    assert [(1,)] == warehouse.run("SELECT 1 AS one")
    assert sum(clock.waits) == pytest.approx(240, abs=10)
    assert max(clock.waits) <= 10
    assert warehouse.state() is None


def test_a_session_from_before_the_start_is_not_used(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    A warehouse that opens sessions before it can do anything is waited for, too.
    """
    workspace.stop_warehouse(timedelta(minutes=4), lets_in=True)

    assert [(1,)] == warehouse.run("SELECT 1 AS one")
    assert sum(clock.waits) == pytest.approx(240, abs=30)
    assert {200} == {status for _, status in asked(workspace, SQL)}


def test_a_warehouse_that_does_not_start_by_itself_is_started(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    Where asking for a session starts nothing, the start is asked for.
    """
    said = "BAD_REQUEST", "", "Cannot create the resource, please try again later"
    use = workspace._services.warehouses.admits
    workspace.stop_warehouse(timedelta(minutes=4))
    workspace._services.warehouses.admits = lambda *_: True  # type: ignore[method-assign]
    workspace.fail(Fault(on="open_session", error=said))
    clock_began = clock.monotonic()

    assert [(1,)] == warehouse.run("SELECT 1 AS one")
    assert clock.monotonic() - clock_began == pytest.approx(240, abs=10)
    (start,) = (each for each in workspace.requests if each.path.endswith("/start"))
    assert ("POST", 200) == (start.method, start.status)
    assert use(workspace.settings.warehouse_id, workspace.settings.client_id)


def test_a_start_that_is_refused_is_waited_for(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    Who may not start a warehouse waits until somebody else's start is done.
    """
    workspace.stop_warehouse(timedelta(minutes=4))
    workspace.fail(Fault(on="warehouse", matching="/start", status=403, times=2))
    workspace.fail(Fault(on="open_session", status=503))
    workspace._services.warehouses.admits = lambda *_: True  # type: ignore[method-assign]
    started = workspace._services.warehouses
    waits: list[float] = []
    wait = clock.wait

    def waited(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            started._start()
        wait(seconds)

    clock.wait = waited  # type: ignore[method-assign]

    assert [(1,)] == warehouse.run("SELECT 1 AS one")
    assert sum(waits) == pytest.approx(243, abs=15)


def test_a_start_that_is_waited_for_by_many_is_asked_after_by_one(
    workspace: Workspace, warehouse: Warehouse, clock: FakeClock
) -> None:
    """
    Threads that meet a starting warehouse share one wait.
    """
    workspace.stop_warehouse(timedelta(minutes=4))

    assert [[(1,)]] * 8 == at_once(lambda: warehouse.run("SELECT 1 AS one"))
    assert len(asked(workspace, "/api/2.0/sql/warehouses")) < 60


def test_a_refusal_after_a_start_is_tried_again(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    The minutes of a start are not those after which trying is given up.
    """
    workspace.stop_warehouse(timedelta(minutes=4))
    workspace.fail(Fault(on="statement", status=503, times=2))

    assert [(1,)] == warehouse.run("SELECT 1 AS one")


def test_a_start_that_takes_too_long_is_transient(
    workspace: Workspace, warehouses: Callable[..., Warehouse]
) -> None:
    """
    Beyond the budget it is told how long it took.
    """
    workspace.stop_warehouse(timedelta(hours=1))
    warehouse = warehouses(starting_seconds=120.0)

    with pytest.raises(TransientError, match=r"is starting, 1\d\d s so far, longer"):
        warehouse.run("SELECT 1 AS one")


class Told:
    """
    A warehouse that stands as it is told to, one answer after the other.
    """

    def __init__(self, *states: str) -> None:
        self.left = list(states)
        self.starting: Starting
        self.said: list[str | None] = []
        self.starts = 0

    def start(self) -> None:
        """
        Be asked to start.
        """
        self.starts += 1

    def __call__(self) -> WarehouseState:
        """
        The next answer; the last one again and again.
        """
        self.said.append(self.starting.told())
        state = self.left[0] if len(self.left) == 1 else self.left.pop(0)
        return WarehouseState("1f2e", "x", state)


def test_a_start_is_told_in_words(clock: FakeClock) -> None:
    """
    While it is waited for it shows, with the seconds so far; then no more.
    """
    told = Told("STOPPED", "STARTING", "STARTING", "RUNNING")
    told.starting = Starting(told, told.start, clock, most_seconds=600.0)

    assert told.starting.wait(0)
    assert [
        None,
        "SQL warehouse 1f2e is stopped, 1 s so far",
        "SQL warehouse 1f2e is starting, 3 s so far",
        "SQL warehouse 1f2e is starting, 7 s so far",
    ] == told.said
    assert told.starting.told() is None
    assert 1 == told.starts, "it is asked to start once"


def test_a_warehouse_that_runs_is_not_waited_for(clock: FakeClock) -> None:
    """
    A refusal by a warehouse that runs is no start.
    """
    told = Told("RUNNING")
    told.starting = Starting(told, told.start, clock, most_seconds=600.0)

    assert not told.starting.wait(0)
    assert [] == clock.waits
    assert 0 == told.starts


def test_a_deleted_warehouse_is_a_set_up_mistake(clock: FakeClock) -> None:
    """
    What will never start is not waited for.
    """
    told = Told("DELETING")
    told.starting = Starting(told, told.start, clock, most_seconds=600.0)

    with pytest.raises(SetupError, match="1f2e is deleted; name another"):
        told.starting.wait(0)


def test_threads_share_the_failure_of_a_start(clock: FakeClock) -> None:
    """
    Who waited while the wait failed does not wait for as long again.
    """
    told = Told("STARTING")
    told.starting = Starting(told, told.start, clock, most_seconds=5.0)

    def failure() -> str:
        with pytest.raises(TransientError) as raised:
            told.starting.wait(0)
        return str(raised.value)

    assert 1 == len(set(come_together(told.starting, "_lock", failure)))
    assert [1.0, 2.0] == clock.waits


@pytest.mark.parametrize("states", [("STARTING", "RUNNING"), ("RUNNING",)])
def test_threads_share_what_one_of_them_saw(
    clock: FakeClock, states: tuple[str, ...]
) -> None:
    """
    One asks how the warehouse stands; all take it for started, or none does.
    """
    told = Told(*states)
    told.starting = Starting(told, told.start, clock, most_seconds=600.0)

    answers = come_together(told.starting, "_lock", lambda: told.starting.wait(0))

    assert [len(states) == 2] * 3 == answers
    assert len(states) == len(told.said)


def test_a_start_that_was_waited_for_meanwhile_is_not_asked_after(
    clock: FakeClock,
) -> None:
    """
    What was refused before the warehouse ran, and told late, is sent again at once.
    """
    told = Told("STARTING", "RUNNING")
    told.starting = Starting(told, told.start, clock, most_seconds=600.0)

    assert told.starting.wait(0)
    assert told.starting.wait(0)
    assert 2 == len(told.said)
    assert not told.starting.wait(told.starting.starts)
    assert 3 == len(told.said)


def test_the_workspace_tells_how_the_warehouse_stands(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    Asking starts nothing.
    """
    workspace.stop_warehouse(timedelta(minutes=1))

    first, second = warehouse.describe(), warehouse.describe()

    assert workspace.settings.warehouse_id == first.id
    assert ("STOPPED", "STOPPED") == (first.state, second.state)


def test_a_warehouse_that_may_not_be_used_is_a_set_up_mistake(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    Without CAN USE the sentence says who needs it, and where.
    """
    settings = workspace.settings
    workspace.revoke("CAN USE", "WAREHOUSE", settings.warehouse_id)
    expected = (
        f"give service principal {settings.client_id} CAN USE on SQL warehouse "
        f"{settings.warehouse_id}, in the warehouse's permissions"
    )

    for ask in (warehouse.describe, lambda: warehouse.run("SELECT 1 AS one")):
        with pytest.raises(SetupError) as raised:
            ask()
        assert str(raised.value).endswith(f"; {expected}")


def test_an_unknown_warehouse_is_a_set_up_mistake(
    workspace: Workspace, tokens: TokenSource, rest: Rest, clock: FakeClock
) -> None:
    """
    An id that no warehouse has comes with the setting to correct.
    """
    warehouse = Warehouse(workspace.endpoint, "0000", tokens, rest, clock)

    for ask in (warehouse.describe, lambda: warehouse.run("SELECT 1 AS one")):
        with pytest.raises(SetupError, match=r"no SQL warehouse 0000.*correct wareh"):
            ask()


def test_a_long_statement_is_told_by_its_beginning(
    workspace: Workspace, warehouse: Warehouse
) -> None:
    """
    An error quotes eighty characters of a statement, without its remark.
    """
    with pytest.raises(ForwarderError) as raised:
        warehouse.run(f"/* databricks-forwarder load 1 */\nSELECT\n '{'x' * 500}' FROM")
    assert str(raised.value).startswith(f"SELECT '{'x' * 72}… on SQL warehouse")


@pytest.mark.parametrize(
    ("environment", "proxy", "expected"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, "http://127.0.0.1:9/", None),
        ({"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}, None, None),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, None, "add the host to NO_PROXY"),
        ({}, "http://127.0.0.1:9", "names none for 127.0.0.1; set HTTPS_PROXY"),
        (
            {"HTTPS_PROXY": "http://127.0.0.1:8"},
            "http://127.0.0.1:9",
            "names another for 127.0.0.1; set HTTPS_PROXY",
        ),
    ],
)
def test_the_driver_s_proxy_must_be_the_endpoint_s(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    proxy: str | None,
    expected: str | None,
) -> None:
    """
    Where the driver would go another way it is told before anything runs.
    """
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    endpoint = attrs.evolve(workspace.endpoint, proxy=proxy)

    if expected is None:
        DatabricksClient(
            workspace.settings, endpoint=endpoint, clock=FakeClock()
        ).close()
    else:
        with pytest.raises(ConfigurationError, match=expected):
            DatabricksClient(workspace.settings, endpoint=endpoint, clock=FakeClock())
