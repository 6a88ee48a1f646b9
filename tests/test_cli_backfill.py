"""
Moving earlier rows from a shell.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from schemas import new_schema, workspace
from shells import export, place
from walking import batch, custom, lake_tables

from databricks_forwarder import Forwarder
from databricks_forwarder._cli import main

OWN = "event_navigation_buy"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(forwarder: Forwarder) -> None:
    """
    Load two events, of which the second gets its kind a table.
    """
    with forwarder:
        for number in (1, 2):
            forwarder.submit(batch(custom("Buy", number)))
            forwarder.flush()


def load_lake(**more: Any) -> None:
    """
    Load them into a lake, with a spool of its own.
    """
    Path("lake", "_forwarder").mkdir(parents=True)
    load(
        Forwarder.for_lake(
            "lake", spool="lake/_forwarder/spool.db", events_threshold=2, **more
        )
    )


def ids(table: str) -> list[Any]:
    """
    The ids of the events in a table of the lake.
    """
    rows = lake_tables(Path("lake"))[table]["data"].to_pylist()
    return sorted(data["event_id"] for data in rows)


def test_rows_of_a_lake_are_moved(capsys: pytest.CaptureFixture[str]) -> None:
    """
    It is said how many went where, and that none are left the next time.
    """
    load_lake()
    codes = [main(["backfill", "--lake", "lake"]) for _ in range(2)]
    said = capsys.readouterr().out.splitlines()

    assert [0, 0] == codes
    assert [f"moved into {OWN}: 1 row", "there was nothing to be moved"] == said
    assert [1, 2] == ids(OWN)


def test_tables_that_are_not_named_get_no_rows() -> None:
    """
    Only those that are named do.
    """
    load_lake()
    code = main(["backfill", "screen_view", "--lake", "lake"])

    assert (0, [2]) == (code, ids(OWN))


def test_a_common_table_of_another_name_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    Rows come out of it, and reconciling finds them where they are.
    """
    load_lake(schema_name="shop", counts="shared")
    place = ["--lake", "lake", "--schema-name", "shop"]
    codes = [main(["backfill", *place, "--counts", "shared"])]
    capsys.readouterr()
    codes.append(main(["reconcile", *place, "--json"]))
    told = json.loads(capsys.readouterr().out)

    assert [0, 0] == codes
    assert (1, True) == (told["moved_rows"], told["agrees"])


def test_rows_of_a_workspace_are_moved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The environment says where the tables are, and how they are called.
    """
    settings = attrs.evolve(new_schema(), events_threshold=2)
    endpoint = workspace().endpoint
    export(settings, monkeypatch)
    load(Forwarder.for_databricks(settings, endpoint=endpoint, spool="spool.db"))
    there = [*place(), "--spool", "spool.db"]
    codes = [main(["backfill", *there, "--json"])]
    moved = json.loads(capsys.readouterr().out)
    codes.append(main(["reconcile", *there]))

    assert [0, 0] == codes
    assert {"moved": {OWN: 1}} == moved
    assert capsys.readouterr().out.startswith("all agrees")


def test_a_workspace_says_its_schema_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The option that names a lake's common table is refused, before anything is done.
    """
    Path("spool.db").touch()
    code = main(
        ["backfill", "--databricks", "--spool", "spool.db", "--schema-name", "shop"]
    )

    assert 2 == code
    assert "DATABRICKS_FORWARDER_SCHEMA_NAME" in capsys.readouterr().err
