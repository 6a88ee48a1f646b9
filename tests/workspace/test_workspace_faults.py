"""
Scripted misfortunes of the loopback workspace's REST side.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import pytest
import requests
from databricks.sql import exc
from sql_clients import cursor_of
from talking import VOLUME, Client

from databricks_forwarder.testing.workspace import Fault
from databricks_forwarder.testing.workspace._faults import Point

POINTS: list[Point] = ["token", "upload", "download", "list", "delete", "warehouse"]


def do(client: Client, point: Point) -> requests.Response:
    """
    Make the request that is met at a point.
    """
    warehouse = client.workspace.settings.warehouse_id
    requests_: dict[str, Any] = {
        "token": client.token,
        "upload": lambda: client.upload("a.bin", b"new"),
        "download": lambda: client.file("GET", "a.bin"),
        "list": lambda: client.directory("GET"),
        "delete": lambda: client.file("DELETE", "a.bin"),
        "warehouse": lambda: client.ask("GET", f"/api/2.0/sql/warehouses/{warehouse}"),
    }
    reply: requests.Response = requests_[point]()
    return reply


@pytest.fixture
def client(client: Client) -> Client:
    """
    A client with a file of its own.
    """
    client.upload("a.bin", b"old")
    return client


@pytest.mark.parametrize("point", POINTS)
def test_status_is_answered_once(client: Client, point: Point) -> None:
    """
    Each scripted status is the reply at its point, and the next goes well.
    """
    statuses = [401, 403, 418, 429, 500, 503]
    for status in statuses:
        client.workspace.fail(Fault(on=point, status=status))
    struck = [do(client, point) for _ in statuses]
    after = do(client, point)

    assert statuses == [each.status_code for each in struck]
    assert [{"error_code", "message"}] * 6 == [set(each.json()) for each in struck]
    assert after.ok


def test_reply_tells_when_to_come_back(client: Client) -> None:
    """
    A fault may carry Retry-After; otherwise there is none.
    """
    client.workspace.fail(Fault(on="list", status=429, retry_after_seconds=7))
    client.workspace.fail(Fault(on="list", status=503))
    replies = [client.directory("GET").headers.get("Retry-After") for _ in range(2)]

    assert ["7", None] == replies


@pytest.mark.parametrize(("when", "there"), [("before", False), ("after", True)])
def test_effect_is_before_or_after_the_error(
    client: Client, when: Literal["before", "after"], there: bool
) -> None:
    """
    An error before the effect leaves nothing done; one after it leaves it done.
    """
    client.workspace.fail(Fault(on="upload", status=503, when=when))
    struck = client.upload("b.bin", b"1")

    assert 503 == struck.status_code
    assert there is client.file("GET", "b.bin").ok


@pytest.mark.parametrize("point", POINTS)
def test_reply_is_dropped(client: Client, point: Point) -> None:
    """
    A dropped reply is a lost connection, and has no status on record.
    """
    client.workspace.fail(Fault(on=point, drop=True))
    with pytest.raises(requests.ConnectionError):
        do(client, point)
    lost = client.workspace.requests[-1]

    assert None is lost.status
    assert do(client, point).ok


def test_lost_reply_has_its_effect(client: Client) -> None:
    """
    A reply that is dropped after the effect hides a success.
    """
    client.workspace.fail(Fault(on="delete", drop=True, when="after"))
    with pytest.raises(requests.ConnectionError):
        client.file("DELETE", "a.bin")

    assert 404 == client.file("GET", "a.bin").status_code


def test_cut_upload_leaves_the_old_file(client: Client) -> None:
    """
    An upload that is cut half way changes nothing.
    """
    client.workspace.fail(Fault(on="upload", cut=True))
    with pytest.raises(requests.ConnectionError):
        client.upload("a.bin", b"x" * 3_000_000)

    assert b"old" == client.file("GET", "a.bin").content


def test_cut_upload_of_unknown_length_leaves_the_old_file(client: Client) -> None:
    """
    An upload in chunks is cut too.
    """
    client.workspace.fail(Fault(on="upload", cut=True))
    with pytest.raises(requests.ConnectionError):
        client.upload("a.bin", iter([b"x" * 1_000, b"y" * 1_000]))

    assert b"old" == client.file("GET", "a.bin").content


def test_cut_of_a_request_without_body_is_a_lost_reply(client: Client) -> None:
    """
    Where there is no body to cut, the reply is lost.
    """
    client.workspace.fail(Fault(on="list", cut=True))
    with pytest.raises(requests.ConnectionError):
        client.directory("GET")


def test_hanging_request_outlasts_its_client(client: Client) -> None:
    """
    A request that hangs is not answered, however long its client waits.
    """
    client.workspace.fail(Fault(on="list", hang=True))
    with pytest.raises(requests.Timeout):
        client.session.get(
            f"{client.workspace.url}/api/2.0/fs/directories/Volumes/x", timeout=0.05
        )

    assert client.directory("GET").ok


def test_slow_request_is_answered_later(client: Client) -> None:
    """
    A request may just take its time.
    """
    client.workspace.fail(Fault(on="list", seconds=0.05))
    begin = time.monotonic()
    reply = client.directory("GET")

    assert reply.ok
    assert time.monotonic() - begin >= 0.05


def test_fault_is_met_where_it_matches(client: Client) -> None:
    """
    A fault can be for one path, after some that go well, and more than once.
    """
    client.workspace.fail(
        Fault(on="upload", matching="b.bin", skip=1, times=2, status=500)
    )
    ours = [client.upload("b.bin").status_code for _ in range(4)]
    others = [client.upload("c.bin").status_code for _ in range(4)]

    assert [204, 500, 500, 204] == ours
    assert [204] * 4 == others


def test_presigned_address_fails_by_its_file(client: Client) -> None:
    """
    A fault of presigned addresses looks at the file, not at the address.
    """
    workspace = client.workspace
    presigned = workspace._services.presigned
    path = workspace.volume_file(f"{VOLUME}/a.bin")
    workspace.fail(Fault(on="presigned", matching=f"{VOLUME}/a.bin", status=503))
    url = presigned.make("GET", path, f"{VOLUME}/a.bin")
    unsigned = {"Authorization": None}
    other = client.ask("GET", "/presigned/none", headers=unsigned)
    struck = client.ask("GET", url, headers=unsigned)
    after = client.ask("GET", url, headers=unsigned)

    assert [403, 503, 200] == [each.status_code for each in (other, struck, after)]


@pytest.mark.parametrize(("status", "expected"), [(None, 400), (429, 429)])
def test_refusal_has_its_own_code(
    client: Client, status: int | None, expected: int
) -> None:
    """
    A scripted error of a REST request is told with its code, text and status.
    """
    error = ("QUOTA_EXCEEDED", "", "The volume is full.")
    client.workspace.fail(Fault(on="upload", error=error, status=status))
    struck = client.upload("b.bin", b"1")

    assert expected == struck.status_code
    assert {
        "error_code": "QUOTA_EXCEEDED",
        "message": "The volume is full.",
    } == struck.json()
    assert 404 == client.file("GET", "b.bin").status_code


def test_refused_sign_in_speaks_oauth(client: Client) -> None:
    """
    A scripted error of the sign-in is told as OAuth tells errors.
    """
    error = ("temporarily_unavailable", "", "Later.")
    client.workspace.fail(Fault(on="token", error=error, status=503))
    struck = client.token()

    assert 503 == struck.status_code
    assert {
        "error": "temporarily_unavailable",
        "error_description": "Later.",
    } == struck.json()


def test_first_of_several_effects_happens(client: Client) -> None:
    """
    Of several effects in one fault the first kind happens, a cut not before it.
    """
    client.workspace.fail(Fault(on="upload", status=503, cut=True, when="after"))
    struck = client.upload("b.bin", b"1")

    assert 503 == struck.status_code
    assert client.file("GET", "b.bin").ok


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": "sideload", "drop": True},
        {"on": "upload"},
        {"on": "upload", "times": 0, "drop": True},
        {"on": "upload", "skip": -1, "drop": True},
        {"on": "upload", "when": "never", "drop": True},
        {"on": "upload", "status": 200},
        {"on": "upload", "error": ("QUOTA_EXCEEDED", "The volume is full.")},
        {"on": "upload", "error": "QUOTA_EXCEEDED"},
        {"on": "upload", "seconds": -1},
        {"on": "upload", "drop": True, "retry_after_seconds": 1},
        {"on": "upload", "status": 503, "retry_after_seconds": -1},
    ],
    ids=str,
)
def test_fault_that_never_strikes_is_refused(wrong: dict[str, Any]) -> None:
    """
    A fault that could not be met, or would do nothing, can't be made.
    """
    with pytest.raises(ValueError, match=r"\w"):
        Fault(**wrong)


def test_what_is_left_can_be_seen(client: Client) -> None:
    """
    The script tells which faults were not met yet, and how often they will be.
    """
    faults = client.workspace.faults
    client.workspace.fail(Fault(on="upload", times=3, status=503))
    client.workspace.fail(Fault(on="list", skip=1, status=500))
    client.upload("b.bin")
    client.directory("GET")

    assert [
        Fault(on="upload", times=2, status=503),
        Fault(on="list", status=500),
    ] == faults.left


def test_transfer_by_sql_is_met_by_its_volume_path(
    client: Client, tmp_path: Path
) -> None:
    """
    An address that a statement gave is known to faults by its path in the volume.
    """
    workspace = client.workspace
    workspace.fail(Fault(on="presigned", matching=f"{VOLUME}/a.bin", status=403))
    with (
        cursor_of(workspace, staging_allowed_local_path=str(tmp_path)) as cursor,
        pytest.raises(exc.Error, match="403"),
    ):
        cursor.execute(f"REMOVE '{VOLUME}/a.bin'")

    assert [] == workspace.faults.left
