"""
Maintenance from a shell.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from deltalake import DeltaTable
from schemas import new_schema, workspace
from shells import export, place
from walking import batch, custom

from databricks_forwarder import DatabricksSettings, Forwarder, _maintenance
from databricks_forwarder._cli import main


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Load three files into a lake, where three are many.
    """
    monkeypatch.setattr(_maintenance, "_MANY", 3)
    lake = tmp_path / "lake"
    with Forwarder.for_lake(lake, spool=tmp_path / "spool.db") as forwarder:
        for _ in range(3):
            forwarder.submit(batch(custom("Buy")))
            forwarder.flush()
    return lake


def test_advice_is_said_with_its_reason(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Each table is told, then what to do, and nothing is done.
    """
    code = main(["maintenance", "--lake", str(lake)])
    said = capsys.readouterr()
    header, row, *lines = said.out.splitlines()

    assert (0, "") == (code, said.err)
    assert ["table", "files", "small", "bytes", "clustered", "by", "kept"] == (
        header.split()
    )
    assert ["mparticle_otherevents", "3", "3"] == row.split()[:3]
    folder = str(lake / "mparticle_otherevents")
    assert [
        f"due: DeltaTable({folder!r}).optimize.compact()",
        "  3 of 3 files are smaller than 32 MiB, and every query opens each of them",
    ] == lines


def test_what_is_due_is_run(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What was done is said; a second run has nothing to do.
    """
    codes = [main(["maintenance", "--lake", str(lake), "--run"])]
    said = capsys.readouterr().out.splitlines()
    codes.append(main(["maintenance", "--run", "--lake", str(lake)]))
    again = capsys.readouterr().out.splitlines()

    assert [0, 0] == codes
    assert said[-1].endswith("(version 4, 1 numFilesAdded, 3 numFilesRemoved)")
    assert "nothing is advised" == again[-1]


def test_works_are_named(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Only what is named is run, as JSON all is told.
    """
    code = main(["maintenance", "--lake", str(lake), "--json", "--run", "vacuum"])
    told = json.loads(capsys.readouterr().out)

    assert (0, []) == (code, told["outcomes"])
    assert [3] == [each["file_count"] for each in told["tables"]]
    assert ["compact"] == [each["work"] for each in told["advice"]]


def test_an_empty_place_has_no_tables(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A lake that is not there yet has nothing to be done, and is not made.
    """
    code = main(["maintenance", "--lake", str(tmp_path / "none")])

    assert (0, ["there are no tables yet", "nothing is advised"]) == (
        code,
        capsys.readouterr().out.splitlines(),
    )
    assert not (tmp_path / "none").exists()


def test_problems_are_said_and_are_an_error(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A table that can't be looked at is told of, and the exit code is 1.
    """
    (log,) = lake.glob("*/_delta_log/00000000000000000003.json")
    log.write_text("?")
    code = main(["maintenance", "--lake", str(lake)])
    said = capsys.readouterr()

    assert (1, True) == (code, "looking at table mparticle_otherevents" in said.err)
    assert ["nothing is advised"] == said.out.splitlines()


def test_what_fails_is_said_and_is_an_error(
    lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A table that was given rules is not touched, and it is said why.
    """
    table = DeltaTable(str(lake / "mparticle_otherevents"))
    table.alter.add_constraint({"some": "mpid > 0 OR mpid IS NULL"})
    code = main(["maintenance", "--lake", str(lake), "--run"])
    said = capsys.readouterr()

    assert (1, True) == (code, "has partitions, constraints" in said.err)
    assert "done: " not in said.out


@pytest.fixture(name="settings")
def _settings(monkeypatch: pytest.MonkeyPatch) -> DatabricksSettings:
    settings = new_schema()
    export(settings, monkeypatch)
    return settings


def test_a_workspace_is_maintained(
    settings: DatabricksSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The SQL is said as it may be copied, and run when it is named.
    """
    endpoint = workspace().endpoint
    spool = tmp_path / "spool.db"
    with Forwarder.for_databricks(
        settings, spool=spool, endpoint=endpoint, counts="local"
    ) as forwarder:
        for _ in range(2):
            forwarder.submit(batch(custom("Buy")))
            forwarder.flush()
    table = f"`main`.`{settings.schema_name}`.`{settings.schema_name}_otherevents`"
    workspace().query(f"ALTER TABLE {table} CLUSTER BY AUTO")
    code = main(["maintenance", *place(), "--run", "vacuum"])
    said = capsys.readouterr().out.splitlines()

    assert (0, True) == (code, "(automatic)" in said[1])
    assert [
        f"not due: OPTIMIZE {table}",
        "  2 of 2 files are smaller than 32 MiB: few yet, it is due from 50 on",
        f"due: VACUUM {table}",
    ] == said[2:5]
    assert said[-1].startswith(f"done: VACUUM {table} (maintenance ")
