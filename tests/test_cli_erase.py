"""
Erasing from a shell: ids come from a file, and nothing of them is said.
"""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
from schemas import new_schema, workspace
from shells import export, place
from walking import batch, custom

from databricks_forwarder import Forwarder
from databricks_forwarder._cli import main
from databricks_forwarder.model import Payload

PERSON = {"mpids": ["12345"], "identities": {"email": ["ann@example.com"]}}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Load and keep something of Ann's in a lake, and go to its folder.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "person.json").write_text(json.dumps(PERSON))
    lake = tmp_path / "lake"
    with Forwarder.for_lake(lake, spool=lake / "_forwarder/spool.db") as forwarder:
        forwarder.submit(batch(custom("Buy"), mpid=12345))
        forwarder.flush()
        forwarder.submit(
            batch(custom("Buy"), user_identities={"email": "ann@example.com"})
        )
    return lake


@pytest.fixture(autouse=True)
def _spool_folder(tmp_path: Path) -> None:
    (tmp_path / "lake" / "_forwarder").mkdir(parents=True)


def test_who_is_named_in_a_file_is_erased(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What was where is said line by line, and none of the ids.
    """
    Path(lake, "_forwarder", "spool.db.damaged-1").touch()
    command = ["erase", "--person", "person.json", "--lake", "lake"]
    code = main([*command, "--request-id", "r-1"])
    said = capsys.readouterr()

    assert (0, "") == (code, said.err)
    assert [
        "request r-1",
        "erased from the spool: 1 payload that waited, 0 in loads, 0 dead letters",
        "erased from mparticle_otherevents: 1 row (version 2)",
        "may hold payloads still, remove it: spool.db.damaged-1",
    ] == said.out.splitlines()


def test_a_second_run_says_what_the_first_did(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The receipt is that of both, as one object that names nobody.
    """
    for _ in range(2):
        capsys.readouterr()
        code = main(["erase", "--person", "person.json", "--lake", "lake", "--json"])
    said = capsys.readouterr().out
    receipt = json.loads(said)

    assert (0, 1) == (code, receipt["spool"]["waiting"])
    assert [1] == [sum(each["rows_by_load"].values()) for each in receipt["tables"]]
    assert receipt["finished_at"] > receipt["begun_at"]
    assert "12345" not in said
    assert "ann@" not in said


def test_ids_come_from_standard_input_too(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    With ``-`` another program hands them in.
    """
    monkeypatch.setattr("sys.stdin", io.StringIO('{"mpids": [12345]}'))
    command = ["erase", "--person", "-", "--lake", "lake", "--load-late-events"]
    code = main([*command, "--json"])
    receipt = json.loads(capsys.readouterr().out)

    assert (0, 0) == (code, receipt["spool"]["waiting"])


def test_open_loads_and_what_nobody_can_read_are_said(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    It is said which loads go on, and how many payloads can't be read.
    """
    with Forwarder.for_lake("lake", spool="lake/_forwarder/spool.db") as forwarder:
        batcher = forwarder._batcher
        lease = batcher.lease(forwarder._policy, at=forwarder._clock.now(), seal=True)
        assert lease is not None
        document = b"[" * 100_000
        batcher.append([Payload(document, 1)], at=forwarder._clock.now())
    main(["erase", "--person", "person.json", "--lake", "lake"])
    lines = capsys.readouterr().out.splitlines()

    assert f"forward carries what is left of load {lease.load_id}" in lines
    assert "1 payload stays: nobody can read whose they are" in lines


@pytest.mark.parametrize(
    "text",
    [
        "secret@example.com",
        "[]",
        '{"mpid": ["secret@example.com"]}',
        '{"mpids": "secret@example.com"}',
        '{"identities": ["secret@example.com"]}',
        '{"identities": {"email": {"secret@example.com": 1}}}',
        "\xff",
    ],
)
def test_a_file_that_is_none_is_refused_without_being_quoted(
    lake: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Whatever is wrong with it, the sentence says what it should be.
    """
    Path("person.json").write_bytes(text.encode("latin-1"))
    code = main(["erase", "--person", "person.json", "--lake", "lake"])
    said = capsys.readouterr().err

    assert (2, True) == (code, "person.json must be a JSON object with mpids" in said)
    assert "secret" not in said


def test_a_file_that_is_not_there_is_said(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The name and the reason are said, and nothing is erased.
    """
    code = main(["erase", "--person", "gone.json", "--lake", "lake"])

    assert 2 == code
    assert "gone.json can't be read: No such file" in capsys.readouterr().err


def test_a_spool_is_not_made(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where nothing was forwarded by a spool, none is made to be erased from.
    """
    shutil.rmtree(lake)
    code = main(["erase", "--person", "person.json", "--lake", "lake"])

    assert (2, False) == (code, lake.exists())
    assert "nothing was forwarded by it yet" in capsys.readouterr().err


def test_a_workspace_is_erased_from(
    lake: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The environment says where the tables are.
    """
    settings = new_schema()
    endpoint = workspace().endpoint
    export(settings, monkeypatch)
    with Forwarder.for_databricks(
        settings, endpoint=endpoint, spool="spool.db"
    ) as forwarder:
        forwarder.submit(batch(custom("Buy"), mpid=12345))
        forwarder.flush()
    there = [*place(), "--spool", "spool.db"]
    code = main(["erase", "--person", "person.json", *there, "--json"])
    receipt = json.loads(capsys.readouterr().out)

    (table,) = receipt["tables"]
    assert (0, [1]) == (code, list(table["rows_by_load"].values()))
    assert table["statements"][0].startswith("erasure ")
