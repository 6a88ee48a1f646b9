"""
The Files API of the loopback workspace, as plain HTTP.
"""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pytest
import requests
from patience import PATIENCE_SECONDS
from talking import VOLUME, Client, connected

if TYPE_CHECKING:
    from collections.abc import Iterator


def names(client: Client, name: str = "") -> list[str]:
    """
    What is in a directory of the test's volume.
    """
    found = client.directory("GET", name).json()
    return [each["name"] for each in found.get("contents", [])]


def refused(reply: requests.Response) -> tuple[int, str]:
    """
    Status and error code of a refusal.
    """
    return reply.status_code, reply.json()["error_code"]


def test_uploaded_file_comes_back(client: Client) -> None:
    """
    A file is downloaded as it was uploaded.
    """
    uploaded = client.upload("a.bin", b"\0one")
    reply = client.file("GET", "a.bin")

    assert (204, b"") == (uploaded.status_code, uploaded.content)
    assert (200, b"\0one") == (reply.status_code, reply.content)
    assert "application/octet-stream" == reply.headers["Content-Type"]


def test_empty_file_comes_back(client: Client) -> None:
    """
    A file may be empty.
    """
    client.upload("a.bin")
    reply = client.file("GET", "a.bin")

    assert (200, b"") == (reply.status_code, reply.content)


def test_large_file_is_streamed(client: Client) -> None:
    """
    A file larger than any buffer comes back whole.
    """
    content = bytes(range(256)) * 8_000
    client.upload("a.bin", content)

    assert content == client.file("GET", "a.bin").content


def test_upload_in_chunks_is_taken(client: Client) -> None:
    """
    An upload whose length is not known before is taken.
    """

    def pieces() -> Iterator[bytes]:
        yield b"one"
        yield b"x" * 100_000
        yield b"two"

    reply = client.upload("a.bin", pieces())

    assert 204 == reply.status_code
    assert b"one" + b"x" * 100_000 + b"two" == client.file("GET", "a.bin").content


def test_parents_appear_with_the_first_file(client: Client) -> None:
    """
    Directories above a file need not be made before.
    """
    client.upload("a/b/c.bin", b"1")

    assert ["a"] == names(client)
    assert ["c.bin"] == names(client, "a/b")


@pytest.mark.parametrize(
    "name", ["%27%3B%20DROP.bin", "ä%C3%A9.bin", "%25.bin", "a+b c.bin", "%F0%9F%8D%8B"]
)
def test_names_may_be_odd(client: Client, name: str) -> None:
    """
    A name is percent-decoded once and is text for the rest.
    """
    client.upload(name, name.encode())

    assert name.encode() == client.file("GET", name).content


def test_overwriting_replaces(client: Client) -> None:
    """
    With overwrite an existing file is replaced.
    """
    client.upload("a.bin", b"old")
    client.upload("a.bin", b"new")

    assert b"new" == client.file("GET", "a.bin").content


@pytest.mark.parametrize("query", ["?overwrite=false", ""])
def test_existing_file_is_not_replaced_unasked(client: Client, query: str) -> None:
    """
    Without overwrite an existing file stays.
    """
    client.upload("a.bin", b"old")
    reply = client.ask("PUT", f"/api/2.0/fs/files{VOLUME}/a.bin{query}", data=b"new")

    assert (409, "ALREADY_EXISTS") == refused(reply)
    assert b"old" == client.file("GET", "a.bin").content


def test_overwrite_is_true_or_false(client: Client) -> None:
    """
    Any other word for overwrite is refused.
    """
    reply = client.upload("a.bin", overwrite="True")

    assert (400, "INVALID_PARAMETER_VALUE") == refused(reply)


def test_file_does_not_replace_a_directory(client: Client) -> None:
    """
    Where a directory is, no file is put.
    """
    client.upload("a/b.bin")

    assert (409, "ALREADY_EXISTS") == refused(client.upload("a"))


def test_file_is_no_parent(client: Client) -> None:
    """
    Nothing is put under a file.
    """
    client.upload("a.bin")

    assert (409, "ALREADY_EXISTS") == refused(client.upload("a.bin/b.bin"))
    assert (409, "ALREADY_EXISTS") == refused(client.directory("PUT", "a.bin/b"))
    assert (409, "ALREADY_EXISTS") == refused(client.directory("PUT", "a.bin"))


def test_file_of_5_gib_is_refused_before_it_is_sent(client: Client) -> None:
    """
    A file that is too large is refused by its announced length.
    """
    with connected(client.workspace) as connection:
        connection.putrequest("PUT", f"/api/2.0/fs/files{VOLUME}/a.bin")
        connection.putheader("Content-Length", str(5 << 30))
        connection.putheader("Authorization", client.session.headers["Authorization"])
        connection.endheaders()
        reply = connection.getresponse()
        said = json.loads(reply.read())

    assert (413, "PAYLOAD_TOO_LARGE") == (reply.status, said["error_code"])
    assert "close" == reply.headers["Connection"]


@pytest.mark.parametrize(
    ("asked", "status", "content", "told"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=7-99", 206, b"789", "bytes 7-9/10"),
        ("bytes=-4", 206, b"6789", "bytes 6-9/10"),
        ("bytes=-40", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=-", 200, b"0123456789", None),
        (f"bytes={'9' * 5_000}-", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_part_of_a_file_is_had(
    client: Client, asked: str, status: int, content: bytes, told: str | None
) -> None:
    """
    A range is answered with its part; what is none with the whole file.
    """
    client.upload("a.bin", b"0123456789")
    reply = client.file("GET", "a.bin", headers={"Range": asked})

    assert (status, content) == (reply.status_code, reply.content)
    assert told == reply.headers.get("Content-Range")


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=4-2", "bytes=-0"])
def test_part_that_is_not_there_is_refused(client: Client, asked: str) -> None:
    """
    A range outside the file is refused.
    """
    client.upload("a.bin", b"0123456789")
    reply = client.file("GET", "a.bin", headers={"Range": asked})

    assert (416, "OUT_OF_RANGE") == refused(reply)


def test_times_are_the_clocks(timed_client: Client) -> None:
    """
    A file's times go by the workspace's clock.
    """
    timed_client.upload("a.bin")
    reply = timed_client.file("HEAD", "a.bin")
    listed = timed_client.directory("GET").json()["contents"][0]
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()

    assert "Thu, 01 Jan 2026 00:00:00 GMT" == reply.headers["Last-Modified"]
    assert moment * 1000 == listed["last_modified"]


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("Thu, 01 Jan 2026 00:00:00 GMT", 200),
        ("Wed, 31 Dec 2025 23:59:59 GMT", 412),
        ("yesterday", 200),
        ("Wed, 31 Dec 2025 23:59:59", 200),
    ],
)
def test_download_can_insist_on_no_change(
    timed_client: Client, moment: str, status: int
) -> None:
    """
    A file that was modified since is refused; a time that is none is ignored.
    """
    timed_client.upload("a.bin")
    reply = timed_client.file("GET", "a.bin", headers={"If-Unmodified-Since": moment})

    assert status == reply.status_code


def test_head_tells_of_a_file_without_its_content(client: Client) -> None:
    """
    Length and time of a file are had without the file.
    """
    client.upload("a.bin", b"one")
    reply = client.file("HEAD", "a.bin")

    assert (200, "3", b"") == (
        reply.status_code,
        reply.headers["Content-Length"],
        reply.content,
    )


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_missing_file_is_not_found(client: Client, method: str) -> None:
    """
    What is not there is neither read nor deleted, nor is a directory as a file.
    """
    client.upload("a/b.bin")

    assert (404, "NOT_FOUND") == refused(client.file(method, "none.bin"))
    assert (404, "NOT_FOUND") == refused(client.file(method, "a"))
    assert (404, "NOT_FOUND") == refused(client.file(method, "a/b.bin/c"))
    assert 404 == client.file("HEAD", "none.bin").status_code


def test_deleted_file_is_gone(client: Client) -> None:
    """
    Deleting removes the file and leaves its directory.
    """
    client.upload("a/b.bin")
    reply = client.file("DELETE", "a/b.bin")

    assert 204 == reply.status_code
    assert [] == names(client, "a")


def test_directory_is_made_with_its_parents(client: Client) -> None:
    """
    Making a directory makes what is above it; twice is once.
    """
    replies = [client.directory("PUT", "a/b").status_code for _ in range(2)]

    assert [204, 204] == replies
    assert 200 == client.directory("HEAD", "a/b").status_code
    assert ["b"] == names(client, "a")


def test_missing_directory_is_not_found(client: Client) -> None:
    """
    A directory that is not there is neither told of, listed nor deleted.
    """
    client.upload("a.bin")

    assert 404 == client.directory("HEAD", "none").status_code
    for method in ("GET", "DELETE"):
        reply = client.directory(method, "none")
        assert (404, "NOT_FOUND") == refused(reply)
        assert (
            "FILES_API_DIRECTORY_IS_NOT_FOUND" == reply.json()["details"][0]["reason"]
        )
    assert (404, "NOT_FOUND") == refused(client.directory("GET", "a.bin"))


def test_empty_directory_is_deleted(client: Client) -> None:
    """
    A directory without anything in it can be deleted.
    """
    client.directory("PUT", "a")

    assert 204 == client.directory("DELETE", "a").status_code
    assert [] == names(client)


def test_full_directory_is_not_deleted(client: Client) -> None:
    """
    A directory with anything in it stays.
    """
    client.upload("a/b.bin")
    reply = client.directory("DELETE", "a")

    assert (400, "INVALID_PARAMETER_VALUE") == refused(reply)
    assert "FILES_API_DIRECTORY_IS_NOT_EMPTY" == reply.json()["details"][0]["reason"]
    assert ["b.bin"] == names(client, "a")


def test_volume_is_no_directory_to_delete(client: Client) -> None:
    """
    A volume itself is not deleted through the Files API.
    """
    assert (400, "INVALID_PARAMETER_VALUE") == refused(client.directory("DELETE"))


def test_volume_is_a_directory_from_the_start(client: Client) -> None:
    """
    A new volume is an empty directory.
    """
    assert 200 == client.directory("HEAD").status_code
    assert {} == client.directory("GET").json()


def test_entries_tell_what_they_are(timed_client: Client) -> None:
    """
    A directory lists names, whole paths, kinds and sizes.
    """
    timed_client.upload("a.bin", b"one")
    timed_client.directory("PUT", "b")
    first, second = timed_client.directory("GET").json()["contents"]

    assert {
        "path": f"{VOLUME}/a.bin",
        "name": "a.bin",
        "is_directory": False,
        "file_size": 3,
        "last_modified": 1_767_225_600_000,
    } == first
    assert (f"{VOLUME}/b", True) == (second["path"], second["is_directory"])


def test_listing_comes_in_pages(client: Client) -> None:
    """
    A directory is listed page by page until there is no next one.
    """
    for number in range(5):
        client.upload(f"{number}.bin")
    found, token = [], ""
    while True:
        page = client.directory("GET", page_size="2", page_token=token).json()
        found.append([each["name"] for each in page["contents"]])
        token = page.get("next_page_token")
        if not token:
            break

    assert [["0.bin", "1.bin"], ["2.bin", "3.bin"], ["4.bin"]] == found


def test_page_holds_1000_at_most(client: Client) -> None:
    """
    However much is asked for, a page has 1000 entries and the next has the rest.
    """
    client.upload("0000")
    folder = client.workspace.volume_file(VOLUME)
    for number in range(1, 1001):
        (folder / f"{number:04}").touch()
    pages = [
        client.directory("GET", page_size=size).json()
        for size in ("", "0", "1000", "5000")
    ]
    rest = client.directory("GET", page_token=pages[0]["next_page_token"]).json()

    assert [1000] * 4 == [len(page["contents"]) for page in pages]
    assert ["1000"] == [each["name"] for each in rest["contents"]]


@pytest.mark.parametrize(
    "params", [{"page_size": "many"}, {"page_token": "***"}, {"page_token": "/w=="}]
)
def test_wrong_page_is_refused(client: Client, params: dict[str, str]) -> None:
    """
    A page size or token that is none is refused.
    """
    reply = client.directory("GET", **params)

    assert (400, "INVALID_PARAMETER_VALUE") == refused(reply)


def test_path_outside_of_volumes_is_refused(client: Client) -> None:
    """
    What is no path of a file in a volume is refused.
    """
    paths = [
        "/tmp/a.bin",
        "",
        "/Volumes/main/mparticle",
        f"{VOLUME}/../a.bin",
        f"{VOLUME}/%2e%2e/a.bin",
        f"{VOLUME}/a//b.bin",
        f"/{VOLUME}/a.bin",
        f"{VOLUME}/a.bin/",
        VOLUME,
        f"{VOLUME}/%00",
    ]
    found = {}
    for path in paths:
        url = f"{client.workspace.url}/api/2.0/fs/files{path}?overwrite=true"
        # The client itself would tidy the path up.
        request = client.session.prepare_request(
            requests.Request("PUT", url, data=b"x")
        )
        request.url = url
        reply = client.session.send(
            request, verify=client.session.verify, timeout=PATIENCE_SECONDS
        )
        found[path] = refused(reply)

    assert dict.fromkeys(paths, (400, "INVALID_PARAMETER_VALUE")) == found


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_missing_volume_is_not_found(client: Client, method: str) -> None:
    """
    A path in a volume, schema or catalog that is not there is not found.
    """
    replies = [
        client.ask(method, f"/api/2.0/fs/files/Volumes/{place}/a.bin")
        for place in ("main/mparticle/other", "main/other/files", "other/raw/files")
    ]

    assert [(404, "NOT_FOUND")] * 3 == [refused(each) for each in replies]


@pytest.mark.parametrize(
    ("privilege", "kind", "name", "message"),
    [
        (
            "USE CATALOG",
            "CATALOG",
            "main",
            "User does not have USE CATALOG on Catalog 'main'.",
        ),
        (
            "USE SCHEMA",
            "SCHEMA",
            "main.mparticle",
            "User does not have USE SCHEMA on Schema 'main.mparticle'.",
        ),
        (
            "READ VOLUME",
            "VOLUME",
            "main.mparticle.files",
            "User does not have READ VOLUME on Volume 'main.mparticle.files'.",
        ),
        (
            "WRITE VOLUME",
            "VOLUME",
            "main.mparticle.files",
            "User does not have WRITE VOLUME on Volume 'main.mparticle.files'.",
        ),
    ],
)
def test_missing_privilege_is_named(
    client: Client, privilege: str, kind: str, name: str, message: str
) -> None:
    """
    Without one of the four privileges nothing is written, and the lack is named.
    """
    client.workspace.revoke(privilege, kind, name)  # type: ignore[arg-type]
    reply = client.upload("a.bin")

    assert (403, "PERMISSION_DENIED") == refused(reply)
    assert message == reply.json()["message"]


def test_reader_reads_and_does_not_write(client: Client) -> None:
    """
    To read and list takes no WRITE VOLUME; to delete and to make directories does.
    """
    client.upload("a.bin", b"1")
    client.workspace.revoke("WRITE VOLUME", "VOLUME", "main.mparticle.files")

    assert b"1" == client.file("GET", "a.bin").content
    assert ["a.bin"] == names(client)
    assert 403 == client.file("DELETE", "a.bin").status_code
    assert 403 == client.directory("PUT", "b").status_code


def test_large_upload_begins_in_parts_that_have_no_address(client: Client) -> None:
    """
    An upload in parts can be begun; for its parts there are no addresses.
    """
    path = f"/api/2.0/fs/files{VOLUME}/a.bin?action="
    begun = client.ask("POST", f"{path}initiate-upload")
    parts = client.ask("POST", "/api/2.0/fs/create-upload-part-urls")
    other = client.ask("POST", f"{path}complete-upload")

    assert ["multipart_upload"] == list(begun.json())
    assert (404, "ENDPOINT_NOT_FOUND") == refused(parts)
    assert (400, "INVALID_PARAMETER_VALUE") == refused(other)


def test_uploads_at_once_all_arrive(client: Client) -> None:
    """
    Many uploads into the same new directory go side by side.
    """
    together = threading.Barrier(8)

    def upload(number: int) -> None:
        mine = Client(client.workspace)
        mine.session.headers.update(client.session.headers)
        with mine.session:
            together.wait(timeout=PATIENCE_SECONDS)
            mine.upload(f"new/{number}", b"x" * 10_000)

    threads = [threading.Thread(target=upload, args=(each,)) for each in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [str(each) for each in range(8)] == names(client, "new")


def test_path_that_no_disk_takes_is_refused(client: Client) -> None:
    """
    A path that is too long for the disk is refused for files and directories.
    """
    path = "/".join(["d" * 200] * 25)
    replies = [client.upload(path), client.directory("GET", path)]

    assert [(400, "INVALID_PARAMETER_VALUE")] * 2 == list(map(refused, replies))


def test_entry_that_is_gone_is_not_listed(client: Client) -> None:
    """
    What was removed between being found and being looked at is left out.
    """
    client.upload("a.bin")
    # A link to nowhere is found, and is not there when it is looked at.
    folder = client.workspace.volume_file(VOLUME)
    folder.joinpath("b.bin").symlink_to(folder / "nowhere")
    listed = client.directory("GET").json()

    assert ["a.bin"] == [each["name"] for each in listed["contents"]]


def test_directory_that_is_gone_is_not_found(client: Client) -> None:
    """
    A directory that is removed before it is listed is not found.
    """
    client.workspace.volume_file(VOLUME).rmdir()

    assert (404, "NOT_FOUND") == refused(client.directory("GET"))


def test_what_is_no_file_is_not_downloaded(client: Client) -> None:
    """
    Neither a directory nor what would be below a file is a file.
    """
    client.upload("a/b.bin")
    statuses = [client.file("GET", name).status_code for name in ("a", "a/b.bin/c")]

    assert [404, 404] == statuses
