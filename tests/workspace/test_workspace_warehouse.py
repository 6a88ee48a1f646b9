"""
The SQL warehouse of the loopback workspace, as REST tells of it.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from databricks.sql.thrift_api.TCLIService import TCLIService, ttypes
from talking import Client
from thrift.protocol.TBinaryProtocol import TBinaryProtocol
from thrift.transport.TTransport import TMemoryBuffer

from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace import RefusedError


def open_session() -> bytes:
    """
    The first call of a SQL client.
    """
    buffer = TMemoryBuffer()
    service = TCLIService.Client(TBinaryProtocol(buffer))
    service.send_OpenSession(ttypes.TOpenSessionReq())
    sent: bytes = buffer.getvalue()
    return sent


def path(client: Client, action: str = "") -> str:
    """
    Where the warehouse is told of.
    """
    return f"/api/2.0/sql/warehouses/{client.workspace.settings.warehouse_id}{action}"


def state(client: Client) -> str:
    """
    What the warehouse is said to do.
    """
    found: str = client.ask("GET", path(client)).json()["state"]
    return found


def use(client: Client) -> None:
    """
    Try to use the warehouse, as a SQL client does.
    """
    settings = client.workspace.settings
    client.workspace._services.warehouses.use(settings.warehouse_id, settings.client_id)


def test_warehouse_runs_from_the_start(timed_client: Client) -> None:
    """
    A new workspace's warehouse runs, and asking changes nothing.
    """
    use(timed_client)
    found = timed_client.ask("GET", path(timed_client)).json()

    assert timed_client.workspace.settings.warehouse_id == found["id"]
    assert "RUNNING" == found["state"] == state(timed_client)


def test_stopped_warehouse_starts_when_used(
    timed_client: Client, clock: FakeClock
) -> None:
    """
    A stopped warehouse refuses its users until its start is over.
    """
    timed_client.workspace.stop_warehouse(timedelta(minutes=4))
    stopped = state(timed_client)
    for _ in range(2):
        with pytest.raises(RefusedError, match="is starting") as refused:
            use(timed_client)
    starting = state(timed_client)
    clock.advance(minutes=4)
    use(timed_client)

    assert 503 == refused.value.status
    assert ("STOPPED", "STARTING", "RUNNING") == (
        stopped,
        starting,
        state(timed_client),
    )


def test_warehouse_can_be_started(timed_client: Client, clock: FakeClock) -> None:
    """
    A stopped warehouse starts by request; once it runs that is nothing.
    """
    timed_client.workspace.stop_warehouse(timedelta(minutes=4))
    reply = timed_client.ask("POST", path(timed_client, "/start"))
    starting = state(timed_client)
    clock.advance(minutes=4)
    running = state(timed_client)
    again = timed_client.ask("POST", path(timed_client, "/start"))

    assert (200, {}) == (reply.status_code, reply.json())
    assert ("STARTING", "RUNNING", "RUNNING") == (
        starting,
        running,
        state(timed_client),
    )
    assert 200 == again.status_code


def test_sql_client_is_told_that_it_starts(timed_client: Client) -> None:
    """
    A Thrift client of a starting warehouse gets 503, when to come back, and why.
    """
    timed_client.workspace.stop_warehouse(timedelta(minutes=4))
    reply = timed_client.ask(
        "POST",
        timed_client.workspace.http_path,
        data=open_session(),
        headers={"Content-Type": "application/x-thrift"},
    )

    assert (503, "1") == (reply.status_code, reply.headers["Retry-After"])
    assert reply.headers["x-databricks-reason-phrase"].startswith(
        "TEMPORARILY_UNAVAILABLE: "
    )


def test_unknown_warehouse_is_told(client: Client) -> None:
    """
    There is one warehouse.
    """
    reply = client.ask("GET", "/api/2.0/sql/warehouses/0000")

    assert (404, "RESOURCE_DOES_NOT_EXIST") == (
        reply.status_code,
        reply.json()["error_code"],
    )


@pytest.mark.parametrize(("method", "action"), [("GET", ""), ("POST", "/start")])
def test_warehouse_takes_can_use(client: Client, method: str, action: str) -> None:
    """
    Without CAN USE the warehouse is neither told of nor started.
    """
    workspace = client.workspace
    warehouse = workspace.settings.warehouse_id
    workspace.revoke("CAN USE", "WAREHOUSE", warehouse)
    refused = client.ask(method, path(client, action))
    workspace.grant("CAN MANAGE", "WAREHOUSE", warehouse)
    managed = client.ask(method, path(client, action))

    assert (403, "PERMISSION_DENIED") == (
        refused.status_code,
        refused.json()["error_code"],
    )
    assert (
        f"User does not have CAN USE on SQL warehouse {warehouse}."
        == (refused.json()["message"])
    )
    assert 200 == managed.status_code


@pytest.mark.parametrize(
    ("method", "action"), [("GET", "/start"), ("POST", "/stop"), ("POST", "")]
)
def test_what_else_warehouses_do_is_not_here(
    client: Client, method: str, action: str
) -> None:
    """
    A warehouse is told of and started, no more.
    """
    reply = client.ask(method, path(client, action))

    assert (404, "ENDPOINT_NOT_FOUND") == (
        reply.status_code,
        reply.json()["error_code"],
    )
