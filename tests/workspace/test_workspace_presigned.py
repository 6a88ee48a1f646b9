"""
Presigned addresses of the loopback workspace: files without sign-in.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from talking import VOLUME, Client

from databricks_forwarder.testing.clock import FakeClock


@pytest.fixture
def signed_out(timed_client: Client) -> Client:
    """
    A client that puts a file, and then has no token any more.
    """
    timed_client.upload("a.bin", b"one")
    del timed_client.session.headers["Authorization"]
    return timed_client


def place(client: Client, name: str = "a.bin") -> Path:
    """
    Where a file of the test's volume is on the disk.
    """
    return client.workspace.volume_file(f"{VOLUME}/{name}")


def address(
    client: Client, operation: Literal["PUT", "GET", "DELETE"], name: str = "a.bin"
) -> str:
    """
    A new address for a file of the test's volume.
    """
    return client.workspace._services.presigned.make(operation, place(client, name))


def test_file_is_had_without_sign_in(signed_out: Client) -> None:
    """
    A presigned address gives its file, or a part of it.
    """
    whole = signed_out.ask("GET", address(signed_out, "GET"))
    part = signed_out.ask(
        "GET", address(signed_out, "GET"), headers={"Range": "bytes=1-"}
    )

    assert (200, b"one") == (whole.status_code, whole.content)
    assert (206, b"ne") == (part.status_code, part.content)


def test_file_is_put_without_sign_in(signed_out: Client) -> None:
    """
    A presigned address takes a file, and replaces the one that was there.
    """
    made = signed_out.ask("PUT", address(signed_out, "PUT", "new/b.bin"), data=b"two")
    replaced = signed_out.ask("PUT", address(signed_out, "PUT"), data=b"three")

    assert (200, 200) == (made.status_code, replaced.status_code)
    assert b"two" == place(signed_out, "new/b.bin").read_bytes()
    assert b"three" == place(signed_out).read_bytes()


def test_file_is_deleted_without_sign_in(signed_out: Client) -> None:
    """
    A presigned address deletes a file, as if it had been there.
    """
    statuses = [
        signed_out.ask("DELETE", address(signed_out, "DELETE")).status_code
        for _ in range(2)
    ]

    assert [204, 204] == statuses
    assert not place(signed_out).exists()


def test_address_is_good_once(signed_out: Client) -> None:
    """
    An address that was used is not good again.
    """
    url = address(signed_out, "GET")
    statuses = [signed_out.ask("GET", url).status_code for _ in range(2)]

    assert [200, 403] == statuses


def test_address_expires(signed_out: Client, clock: FakeClock) -> None:
    """
    An address is good for 15 minutes by the workspace's clock.
    """
    first, second = (address(signed_out, "GET") for _ in range(2))
    clock.advance(minutes=14, seconds=59)
    before = signed_out.ask("GET", first).status_code
    clock.advance(seconds=1)
    after = signed_out.ask("GET", second)

    assert (200, 403) == (before, after.status_code)
    assert "Request has expired" == after.json()["message"]


def test_address_is_for_one_method(signed_out: Client) -> None:
    """
    An address to read is none to write, and stays good for reading.
    """
    url = address(signed_out, "GET")
    written = signed_out.ask("PUT", url, data=b"two").status_code
    read = signed_out.ask("GET", url).status_code

    assert (403, 200) == (written, read)


def test_guessed_address_is_refused(signed_out: Client) -> None:
    """
    Only addresses that were given are good.
    """
    assert 403 == signed_out.ask("GET", "/presigned/guess").status_code


def test_second_way_to_sign_in_is_refused(signed_out: Client) -> None:
    """
    A token sent to a presigned address is refused, as cloud storage does.
    """
    reply = signed_out.ask(
        "GET", address(signed_out, "GET"), headers={"Authorization": "Bearer x"}
    )

    assert (400, "InvalidArgument") == (reply.status_code, reply.json()["error_code"])


def test_record_does_not_show_the_address(signed_out: Client) -> None:
    """
    Of a presigned address the record has only how it begins.
    """
    signed_out.ask("GET", address(signed_out, "GET"))

    assert "/presigned" == signed_out.workspace.requests[-1].path
