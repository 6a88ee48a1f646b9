"""
The command line into a workspace.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import attrs
import pytest
from schemas import new_schema, rows_of, workspace
from shells import export, place

from databricks_forwarder import DatabricksSettings
from databricks_forwarder._cli import main
from databricks_forwarder.testing.payloads import make_event, make_payload
from databricks_forwarder.testing.workspace import Fault


@pytest.fixture(name="settings")
def _settings(monkeypatch: pytest.MonkeyPatch) -> DatabricksSettings:
    settings = new_schema()
    export(attrs.evolve(settings, events_threshold=2), monkeypatch)
    return settings


def test_files_are_forwarded_into_a_workspace(
    settings: DatabricksSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The environment says where and how; a load is done when the command ends.
    """
    file = tmp_path / "batches.json"
    file.write_bytes(make_payload(*[make_event("screen_view")] * 2))
    spool = str(tmp_path / "spool.db")
    code = main(["forward", str(file), *place(), "--spool", spool, "--json"])
    told = json.loads(capsys.readouterr().out)

    assert (0, {"screen_view": 2}, 2) == (
        code,
        told["tables"],
        len(rows_of(settings, "screen_view")),
    )


def test_a_threshold_said_is_the_one(
    settings: DatabricksSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    An option goes before the environment.
    """
    file = tmp_path / "batches.json"
    file.write_bytes(make_payload(*[make_event("screen_view")] * 2))
    arguments = [
        *place(),
        "--spool",
        str(tmp_path / "spool.db"),
        "--json",
    ]
    main(["forward", str(file), *arguments, "--events-threshold", "3"])
    told = json.loads(capsys.readouterr().out)

    assert {f"{settings.schema_name}_otherevents": 2} == told["tables"]


@pytest.mark.usefixtures("settings")
def test_a_router_of_ones_own_routes_into_a_workspace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What is named makes the router of the counts that hosts share.
    """
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "workspace_routing.py").write_text(
        "from databricks_forwarder.routers.function import FunctionRouter\n\n\n"
        "def make(counts):\n"
        "    return FunctionRouter(lambda key: type(counts).__name__)\n"
    )
    file = tmp_path / "batches.json"
    file.write_bytes(make_payload(make_event("screen_view")))
    spool = str(tmp_path / "spool.db")
    arguments = [
        *place(),
        "--spool",
        spool,
        "--router",
        "workspace_routing:make",
    ]
    main(["forward", str(file), *arguments, "--json"])
    told = json.loads(capsys.readouterr().out)

    assert {"warehouseeventcounts": 1} == told["tables"]


def test_a_good_workspace_is_found_good(
    settings: DatabricksSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Each thing that was tried has a line that ends well.
    """
    code = main(["check", *place()])
    lines = capsys.readouterr().out.splitlines()

    assert (0, [], 14) == (
        code,
        [line for line in lines if not line.endswith(": good")],
        len(lines),
    )


@pytest.mark.usefixtures("settings")
def test_the_environment_may_say_where_the_workspace_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    With the variables no option is needed, and an option goes before its variable.
    """
    endpoint = workspace().endpoint
    where = f"{endpoint.host}:{endpoint.port}"
    monkeypatch.setenv("DATABRICKS_FORWARDER_ENDPOINT", where)
    monkeypatch.setenv("DATABRICKS_FORWARDER_CA_FILE", str(endpoint.ca_file))
    codes = [main(["check", "--databricks"])]
    monkeypatch.setenv("DATABRICKS_FORWARDER_ENDPOINT", "nowhere:none")
    codes.append(main(["check", "--databricks", "--endpoint", where]))
    said = capsys.readouterr().out.splitlines()

    assert [0, 0] == codes
    assert 28 == len([line for line in said if line.endswith(": good")])


def test_a_missing_grant_is_named(
    settings: DatabricksSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The line that is not good has the statement that mends it.
    """
    schema = f"main.{settings.schema_name}"
    workspace().query(
        f"REVOKE CREATE TABLE ON SCHEMA {schema} FROM `{settings.client_id}`"
    )
    code = main(["check", *place()])
    bad = [
        line
        for line in capsys.readouterr().out.splitlines()
        if not line.endswith(": good")
    ]
    grant = re.escape(
        f"GRANT CREATE TABLE ON SCHEMA `main`.`{settings.schema_name}` "
        f"TO `{settings.client_id}`"
    )

    assert (1, 1) == (code, len(bad))
    assert re.search(f"creating a table: .*; .*{grant}", bad[0])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--endpoint", "127.0.0.1:https"], "--endpoint must be HOST or HOST:PORT"),
        (["--endpoint", "https://x"], "--endpoint must be HOST or HOST:PORT"),
        (["--ca-file", "no-such.pem"], "there is no file no-such.pem"),
        (["--proxy", "proxy:3128"], "proxy must begin with http"),
        (["--ca-file", ""], "--ca-file is empty"),
    ],
)
def test_a_wrong_place_is_a_wrong_setting(
    settings: DatabricksSettings,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    """
    What is no endpoint ends with code 2 and says what is expected.
    """
    code = main(["check", "--databricks", *arguments])

    assert 2 == code
    assert sentence in capsys.readouterr().err


def test_a_schema_is_not_said_twice(
    settings: DatabricksSettings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """
    The schema of a workspace stands in the environment alone.
    """
    spool = tmp_path / "spool.db"
    spool.touch()
    arguments = ["--databricks", "--spool", str(spool), "--schema-name", "x"]
    code = main(["forward", *arguments])

    assert 2 == code
    assert "DATABRICKS_FORWARDER_SCHEMA_NAME" in capsys.readouterr().err


def test_missing_variables_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Without the environment the command says which variables it wants.
    """
    monkeypatch.delenv("DATABRICKS_FORWARDER_CLIENT_SECRET", raising=False)
    code = main(["check", "--databricks"])

    assert 2 == code
    assert "DATABRICKS_FORWARDER_CLIENT_SECRET" in capsys.readouterr().err


def test_a_workspace_needs_its_spool_named(
    settings: DatabricksSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Without a spool the sentence says what to write, and no more than that.
    """
    code = main(["forward", "--databricks"])

    assert (2, True) == (
        code,
        "say which spool: --spool FILE; forward makes it when needed\n"
        in capsys.readouterr().err,
    )


@pytest.mark.parametrize("command", ["forward", "check"])
def test_a_lake_is_not_told_where_a_workspace_is(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Options of a workspace are refused with a lake, and nothing is made.
    """
    lake, spool = tmp_path / "lake", tmp_path / "spool.db"
    spool.touch()
    extra = ["--spool", str(spool)] if command == "forward" else []
    code = main([command, "--lake", str(lake), "--proxy", "http://x", *extra])

    assert (2, False) == (code, lake.exists())
    assert "go with --databricks, not with --lake" in capsys.readouterr().err


def test_a_spool_that_is_not_there_has_nothing_to_carry(
    settings: DatabricksSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Without files a mistyped spool is told, and not made.
    """
    spool = tmp_path / "mistyped.db"
    code = main(["forward", *place(), "--spool", str(spool)])

    assert (2, False) == (code, spool.exists())
    assert f"there is no spool at {spool}" in capsys.readouterr().err


def test_a_volume_of_somebody_else_s_is_no_good(
    settings: DatabricksSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A staging volume that may not be read is a problem, with its GRANT.
    """
    workspace().query(f"CREATE VOLUME main.{settings.schema_name}.mparticle_staging")
    code = main(["check", *place()])
    bad = [
        line
        for line in capsys.readouterr().out.splitlines()
        if not line.endswith(": good")
    ]

    assert (1, 1) == (code, len(bad))
    assert re.search("having a volume: .*; run: GRANT READ VOLUME ON VOLUME", bad[0])


def test_a_check_is_not_put_off_by_a_lost_answer(
    settings: DatabricksSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What was made although the answer was lost is found, used and removed.
    """
    for what in ("CREATE TABLE", "CREATE VOLUME"):
        fault = Fault(on="statement", matching=what, when="after", drop=True)
        workspace().fail(fault)
    code = main(["check", *place()])
    left = workspace().query(f"SHOW TABLES IN main.{settings.schema_name}").num_rows

    assert (0, 0) == (code, left)


@pytest.mark.usefixtures("settings")
def test_a_report_asks_the_workspace_for_its_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What is on its way to a table is counted there.
    """
    file, page = tmp_path / "batches.json", tmp_path / "report.html"
    file.write_bytes(make_payload(make_event("screen_view")))
    arguments = [*place(), "--spool", str(tmp_path / "spool.db")]
    main(["forward", str(file), *arguments])
    code = main(["report", *arguments, "-o", str(page)])

    assert 0 == code
    assert f"the report is in {page}\n" in capsys.readouterr().out
    assert "1 of 2 messages in 30 days" in page.read_text()


def test_a_plan_for_a_workspace_reads_and_changes_nothing(
    settings: DatabricksSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The shared counts are read, and on request the columns; all else stays undone.
    """
    file = tmp_path / "batches.json"
    file.write_bytes(make_payload(*[make_event("screen_view")] * 2))
    before = len(workspace().requests)
    code = main(["plan", str(file), *place(), "--json"])
    told = json.loads(capsys.readouterr().out)
    main(["plan", str(file), *place(), "--look", "--sql"])
    said = capsys.readouterr().out
    sent = [each.statement for each in workspace().requests[before:] if each.statement]

    assert (0, "screen_view", None) == (
        code,
        told["tables"][0]["table"],
        told["tables"][0]["is_there"],
    )
    assert "new" in said.splitlines()[1]
    assert "\nCREATE TABLE `main`." in said
    assert "\nCOPY INTO `main`." in said
    assert ["SELECT"] * 5 == [each.split()[0] for each in sent]
    assert settings.client_secret.reveal() not in said + json.dumps(told)


def test_a_workspace_is_asked_why(
    settings: DatabricksSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Explaining and simulating read the counts of the schema's hosts.
    """
    code = main(["explain", "--event-type", "screen_view", *place()])
    explained = capsys.readouterr().out
    code += main(["simulate", "5", *place()])
    simulated = capsys.readouterr().out

    assert 0 == code
    assert f"goes to table {settings.schema_name}_otherevents." in explained
    assert "0 messages from " in simulated
