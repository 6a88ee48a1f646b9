"""
Files in volumes: what is sent, what is tried again, and what comes out.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import requests
from over_workspace import VOLUME, asked, at_once

from databricks_forwarder._databricks._replies import reason, seconds_asked_for
from databricks_forwarder._databricks._rest import Rest
from databricks_forwarder._databricks.auth import TokenSource
from databricks_forwarder._databricks.fates import (
    ConflictError,
    MissingPathError,
    MissingVolumeError,
    RefusedTokenError,
)
from databricks_forwarder._databricks.files import VolumeFiles
from databricks_forwarder.errors import PermanentError, SetupError, TransientError
from databricks_forwarder.settings import Secret
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace._faults import Fault
from databricks_forwarder.testing.workspace._workspace import Workspace

FOLDER = f"{VOLUME}/0123456789ab-0-9"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A file of 100 000 bytes.
    """
    path = tmp_path / "file.parquet"
    path.write_bytes(bytes(range(250)) * 400)
    return path


@pytest.mark.parametrize(
    "name",
    [
        "plain.parquet",
        "with space, 100% & ünï🎉#?.parquet",
        'it\'s "quoted" `so`; DROP TABLE t.parquet',
    ],
)
def test_a_file_is_uploaded_as_it_is(files: VolumeFiles, path: Path, name: str) -> None:
    """
    Whatever its name, a file comes back as it was put.
    """
    files.upload(path, f"{FOLDER}/{name}")

    assert path.read_bytes() == files.download(f"{FOLDER}/{name}")
    assert [name] == files.folders(FOLDER)


def test_a_file_that_is_there_is_replaced(files: VolumeFiles, path: Path) -> None:
    """
    Uploading to a path again leaves the new bytes.
    """
    files.upload(path, f"{FOLDER}/a")
    files.upload_bytes(b"new", f"{FOLDER}/a")

    assert files.download(f"{FOLDER}/a") == b"new"


def test_a_file_that_can_t_be_read_is_the_disk_s_error(
    files: VolumeFiles, tmp_path: Path
) -> None:
    """
    Nothing of the disk is taken for an error of the workspace.
    """
    with pytest.raises(FileNotFoundError):
        files.upload(tmp_path / "none", f"{FOLDER}/a")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(on="upload", status=503),
        Fault(on="upload", status=503, when="after"),
        Fault(on="upload", status=429, retry_after_seconds=7),
        Fault(on="upload", status=500),
        Fault(on="upload", drop=True),
        Fault(on="upload", drop=True, when="after"),
        Fault(on="upload", cut=True),
    ],
    ids=["503", "503 after", "429", "500", "dropped", "lost", "cut"],
)
def test_an_upload_that_fails_for_now_is_made_again(
    workspace: Workspace,
    files: VolumeFiles,
    clock: FakeClock,
    path: Path,
    fault: Fault,
) -> None:
    """
    An upload that fails in a way that may pass is made again, from its beginning.
    """
    workspace.fail(fault)

    files.upload(path, f"{FOLDER}/a")

    assert path.read_bytes() == files.download(f"{FOLDER}/a")
    (pause,) = clock.waits
    assert pause >= (fault.retry_after_seconds or 0.5)


def test_an_upload_that_goes_on_failing_is_transient(
    workspace: Workspace, files: VolumeFiles, clock: FakeClock, path: Path
) -> None:
    """
    After five tries within a minute an upload is given up for now.
    """
    workspace.fail(Fault(on="upload", status=503, times=9))

    with pytest.raises(TransientError, match=f"uploading {FOLDER}/a failed: .*503"):
        files.upload(path, f"{FOLDER}/a")
    assert 5 == len(asked(workspace, "fs/files"))
    assert sum(clock.waits) < 60


def test_a_token_that_expires_costs_one_retry(
    workspace: Workspace, files: VolumeFiles, clock: FakeClock
) -> None:
    """
    A token that is refused early is fetched anew, once.
    """
    files.upload_bytes(b"a", f"{FOLDER}/a")
    workspace.revoke_tokens()
    files.upload_bytes(b"b", f"{FOLDER}/b")

    assert [("PUT", 204), ("PUT", 403), ("PUT", 204)] == asked(workspace, "fs/files")
    assert 2 == len(asked(workspace, "/oidc/"))
    assert [] == clock.waits


def test_what_the_caller_handles_is_no_part_of_a_failure(
    workspace: Workspace, files: VolumeFiles
) -> None:
    """
    A second try after another error has the fate of its own failure.
    """
    try:
        files.upload_bytes(b"a", "/Volumes/main/mparticle/none/a")
    except MissingVolumeError:
        workspace.fail(Fault(on="upload", drop=True))
        files.upload_bytes(b"a", f"{FOLDER}/a")

    assert files.download(f"{FOLDER}/a") == b"a"


def test_a_lost_reply_to_the_second_try_with_a_new_token_is_repeated(
    workspace: Workspace, files: VolumeFiles
) -> None:
    """
    What goes wrong after a refused token is not taken for a refused token.
    """
    files.upload_bytes(b"a", f"{FOLDER}/a")
    workspace.revoke_tokens()
    workspace.fail(Fault(on="token", drop=True))
    workspace.fail(Fault(on="upload", skip=1, drop=True, when="after"))
    files.upload_bytes(b"b", f"{FOLDER}/a")

    assert files.download(f"{FOLDER}/a") == b"b"


def test_eight_threads_with_a_revoked_token_fetch_one(
    workspace: Workspace, files: VolumeFiles
) -> None:
    """
    Many threads that meet the same refusal cause one request for a token.
    """
    files.upload_bytes(b"a", f"{FOLDER}/a")
    workspace.revoke_tokens()

    assert [b"a"] * 8 == at_once(lambda: files.download(f"{FOLDER}/a"))
    assert 2 == len(asked(workspace, "/oidc/"))


def test_a_new_token_that_is_refused_too_is_a_set_up_mistake(
    workspace: Workspace, files: VolumeFiles
) -> None:
    """
    A second refusal in a row is told.
    """
    workspace.fail(Fault(on="upload", status=401, times=2))

    with pytest.raises(RefusedTokenError, match="service principal is in this work"):
        files.upload_bytes(b"a", f"{FOLDER}/a")
    assert 2 == len(asked(workspace, "/oidc/"))


def test_a_missing_volume_is_told_from_a_missing_folder(
    workspace: Workspace, files: VolumeFiles
) -> None:
    """
    A volume that is missing is a set-up mistake, a folder in it is empty.
    """
    assert [] == files.folders(VOLUME)
    assert [] == files.folders(FOLDER)
    for missing in ("main.mparticle.none", "main.none.none", "none.none.none"):
        place = f"/Volumes/{missing.replace('.', '/')}"
        with pytest.raises(MissingVolumeError, match=r"; c.*(schema|catalog)_name"):
            files.folders(place)
        with pytest.raises(MissingVolumeError):
            files.upload_bytes(b"a", f"{place}/a")


def test_a_missing_file_can_t_be_read(files: VolumeFiles) -> None:
    """
    Reading a file that is not there says so.
    """
    with pytest.raises(MissingPathError, match=f"reading {FOLDER}/a failed"):
        files.download(f"{FOLDER}/a")


@pytest.mark.parametrize("privilege", ["READ VOLUME", "WRITE VOLUME"])
def test_a_missing_privilege_comes_with_its_grant(
    workspace: Workspace, files: VolumeFiles, privilege: str
) -> None:
    """
    The sentence ends with the statement to run.
    """
    workspace.revoke(privilege, "VOLUME", "main.mparticle.mparticle_staging")

    with pytest.raises(SetupError) as raised:
        files.upload_bytes(b"a", f"{FOLDER}/a")
    assert str(raised.value).endswith(
        f"; run: GRANT {privilege} ON VOLUME `main`.`mparticle`.`mparticle_staging` "
        f"TO `{workspace.settings.client_id}`"
    )


@pytest.mark.parametrize("name", ["../a", "b/./a", ".."])
def test_a_path_that_leads_elsewhere_is_refused(
    workspace: Workspace, files: VolumeFiles, name: str
) -> None:
    """
    A path that is not what it seems is asked of nobody.
    """
    with pytest.raises(PermanentError, match="no path in a volume"):
        files.upload_bytes(b"a", f"{VOLUME}/{name}")
    assert [] == asked(workspace, "fs/files")


def test_what_is_called_invalid_is_not_tried_again_at_once(files: VolumeFiles) -> None:
    """
    It parks nothing either: gateways answer so when they are out of order.
    """
    with pytest.raises(TransientError, match="HTTP 400"):
        files.upload_bytes(b"a", f"{VOLUME}/{'a' * 300}")


def test_all_pages_of_a_folder_are_listed(
    workspace: Workspace, files: VolumeFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A folder with more entries than a page is listed as a whole.
    """
    monkeypatch.setattr("databricks_forwarder._databricks.files._PAGE_SIZE", 2)
    for name in "edcba":
        files.upload_bytes(b"", f"{FOLDER}/{name}")

    assert list("abcde") == sorted(files.folders(FOLDER))
    assert 3 == len(asked(workspace, "fs/directories"))


def test_a_folder_is_removed_with_all_that_is_in_it(files: VolumeFiles) -> None:
    """
    Files and folders below a folder go with it, others stay.
    """
    for name in ("a", "b", "deep/c", "deep/deeper/d", "deep/deeper/e"):
        files.upload_bytes(b"x", f"{FOLDER}/{name}")
    files.upload_bytes(b"x", f"{VOLUME}/other/a")

    files.remove_folder(FOLDER)

    assert ["other"] == files.folders(VOLUME)
    assert ["a"] == files.folders(f"{VOLUME}/other")


def test_what_is_missing_is_removed(files: VolumeFiles) -> None:
    """
    Removing what is not there, or has no volume, is no error.
    """
    files.remove_folder(FOLDER)
    files.remove_file(f"{FOLDER}/a")
    files.remove_folder("/Volumes/main/mparticle/none/x")

    assert [] == files.folders(VOLUME)


def test_a_removal_that_fails_for_now_is_made_again(
    workspace: Workspace, files: VolumeFiles
) -> None:
    """
    A deletion whose reply is lost is repeated, and finds nothing left to do.
    """
    files.upload_bytes(b"x", f"{FOLDER}/a")
    workspace.fail(Fault(on="delete", drop=True, when="after", times=2))

    files.remove_folder(FOLDER)

    assert [] == files.folders(VOLUME)


def test_a_folder_that_fills_while_it_is_removed_is_told(
    workspace: Workspace, files: VolumeFiles
) -> None:
    """
    A folder that is not empty when its time has come may be tried again.
    """
    workspace.fail(Fault(on="delete", status=409))
    files.upload_bytes(b"x", f"{FOLDER}/a")

    with pytest.raises(ConflictError):
        files.remove_folder(FOLDER)


def test_a_reply_that_sends_elsewhere_is_a_set_up_mistake(
    workspace: Workspace, rest: Rest
) -> None:
    """
    A host that sends callers elsewhere is no workspace.
    """
    workspace.fail(Fault(on="list", status=302))

    with pytest.raises(SetupError, match="correct the deployment name"):
        rest.request("GET", "/api/2.0/fs/directories/Volumes", "listing")


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"1"])
def test_a_reply_that_is_no_error_of_the_platform_has_no_reason(
    content: bytes,
) -> None:
    """
    What is no JSON object of the platform's is not quoted.
    """
    response = requests.Response()
    response._content = content

    assert reason(response, "error_code", "message") == ""


def test_an_error_that_no_table_has_is_transient(
    rest: Rest, tokens: TokenSource
) -> None:
    """
    What is not known is tried again by whoever asked.
    """
    with pytest.raises(TransientError, match="in a way that is not known"):
        rest.request("GET", "/", "asking", query=cast("dict[str, str]", object()))


def test_a_cause_is_kept_as_text(workspace: Workspace, files: VolumeFiles) -> None:
    """
    Of the driver's exception its classes and sentences are kept.
    """
    workspace.fail(Fault(on="upload", drop=True, times=9))

    with pytest.raises(TransientError) as raised:
        files.upload_bytes(b"x", f"{FOLDER}/a")
    assert "requests.exceptions.ConnectionError" in str(raised.value.__cause__)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, 0.0),
        ("", 0.0),
        (" 2 ", 2.0),
        ("3600", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
        ("-1", 0.0),
        ("²", 0.0),
    ],
)
def test_a_pause_is_asked_for_in_seconds(given: str | None, expected: float) -> None:
    """
    A pause is the seconds of a header, at most half a minute.
    """
    response = requests.Response()
    if given is not None:
        response.headers["Retry-After"] = given

    assert expected == seconds_asked_for(response)


def test_nothing_shows_a_secret(rest: Rest) -> None:
    """
    The repr of the REST services is their address.
    """
    assert repr(rest).startswith("Rest('https://127.0.0.1:")


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"", b"[]", b"\xff"])
def test_an_answer_that_is_not_the_workspace_s_is_transient(
    files: VolumeFiles, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """
    Where something else answers a list with 200, that is told, and tried again.
    """

    def answered(*_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response._content = body
        return response

    monkeypatch.setattr(requests.Session, "request", answered)
    token = Secret("token")
    monkeypatch.setattr(TokenSource, "token", lambda _: token)

    with pytest.raises(TransientError, match=r"^listing \S+ failed: .* is not the w"):
        files.folders(FOLDER)
