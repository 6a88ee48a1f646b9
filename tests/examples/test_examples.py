"""
Each example runs and says what it is there to show.
"""

from __future__ import annotations

import ast
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from databricks_forwarder import Forwarder
from databricks_forwarder.errors import SetupError
from databricks_forwarder.model import LoadId
from databricks_forwarder.testing.contracts._samples import parquet_file, rows
from databricks_forwarder.testing.workspace import Workspace

EXAMPLES = Path(__file__).parents[2] / "examples"


def main_of(name: str) -> Callable[[Path], int]:
    """
    The function that an example's program calls with its folder.
    """
    main: Callable[[Path], int] = runpy.run_path(str(EXAMPLES / name))["main"]
    return main


def test_local_lake_shows_tables_and_a_nested_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The samples are in tables, products can be asked for, the account adds up.
    """
    code = main_of("local_lake.py")(tmp_path / "lake")
    said = capsys.readouterr().out

    assert 0 == code
    assert "   580 screen_view\n" in said
    assert "│ Oolong  │   173 │       1903.00 │" in said
    assert "Account(received=2560, loaded=2560, dead=0, dropped=0, pending=0)" in said


def test_local_lake_adds_when_it_is_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The second run hands the samples in anew.
    """
    main = main_of("local_lake.py")
    codes = [main(tmp_path), main(tmp_path)]
    said = capsys.readouterr().out

    assert [0, 0] == codes
    assert "  1160 screen_view\n" in said
    assert "Account(received=5120, loaded=5120, dead=0, dropped=0, pending=0)" in said


def test_local_lake_runs_as_a_program_in_an_empty_folder(tmp_path: Path) -> None:
    """
    Without arguments the lake is made where the program runs, and nothing else.
    """
    ran = subprocess.run(
        [sys.executable, EXAMPLES / "local_lake.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (ran.returncode, ran.stderr)
    assert ["lake"] == [path.name for path in tmp_path.iterdir()]


def test_custom_router_does_what_it_planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Each tenant has a table; the plan said so before.
    """
    code = main_of("custom_router.py")(tmp_path)
    said = capsys.readouterr().out

    assert 0 == code
    assert [
        "plan: acme_events would get 2",
        "plan: globex_events would get 1",
        "plan: mparticle_otherevents would get 1",
        "plan: 1 would be dropped",
        "done: acme_events got 2",
        "done: globex_events got 1",
        "done: mparticle_otherevents got 1",
        "Account(received=5, loaded=4, dead=0, dropped=1, pending=0)",
    ] == said.splitlines()


def test_environment_router_keeps_development_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Production is routed by the threshold, the rest goes to the sandbox.
    """
    code = main_of("environment_router.py")(tmp_path)
    said = capsys.readouterr().out

    assert 0 == code
    assert [
        "sandbox got 1",
        "screen_view got 2",
        "shop_otherevents got 1",
        "Account(received=5, loaded=4, dead=0, dropped=1, pending=0)",
    ] == said.splitlines()


def test_naming_gives_no_name_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Tables are called after teams; two kinds that come to one name share no table.
    """
    code = main_of("naming.py")(tmp_path)
    said = capsys.readouterr().out

    assert 0 == code
    assert [
        "app_screen_view got 1",
        "growth_adclicked got 1",
        "growth_adclicked_1dcabc31 got 1",
        "other_ordercompleted got 1",
        "sales_ordercompleted got 1",
    ] == said.splitlines()


def test_shared_folder_stager_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What is written at one place is read at the other, and then removed.
    """
    code = main_of("shared_folder_stager.py")(tmp_path)
    said = capsys.readouterr().out

    assert 0 == code
    assert [
        "custom_event got 1",
        "screen_view got 1",
        "0 loads are left in the share",
    ] == said.splitlines()


@pytest.mark.parametrize("name", ["nowhere", "a_file"])
def test_shared_folder_stager_says_that_the_share_is_missing(
    tmp_path: Path, name: str
) -> None:
    """
    A share that is not mounted is a person's to mend, and no folder is made.
    """
    share = tmp_path / "share"
    share.mkdir()
    (share / "a_file").touch()
    file = parquet_file(tmp_path, LoadId("0123456789ab-0-9"), "t", rows(0, 1))
    stager = runpy.run_path(str(EXAMPLES / "shared_folder_stager.py"))[
        "SharedFolderStager"
    ](share / name, tmp_path)
    with pytest.raises(SetupError, match="see that the share is mounted"):
        stager.stage(file)

    assert ["a_file"] == [path.name for path in share.iterdir()]


def test_replay_brings_a_dead_letter_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A payload that a router broke on is loaded after the fix.
    """
    code = main_of("replay.py")(tmp_path)
    said = capsys.readouterr().out

    assert 0 == code
    assert [
        "offset 1 is dead: the router's group raised TypeError",
        "Account(received=2, loaded=1, dead=1, dropped=0, pending=0)",
        "1 payload is back in the queue",
        "events_unknown got 1",
        "Account(received=2, loaded=2, dead=0, dropped=0, pending=0)",
    ] == said.splitlines()


def test_prometheus_metrics_are_served(tmp_path: Path) -> None:
    """
    What was handed in and loaded can be scraped while the program runs.
    """
    ran = subprocess.run(
        [sys.executable, EXAMPLES / "prometheus_metrics.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (ran.returncode, ran.stderr)
    assert [
        'databricks_forwarder_loads_settled_total outcome="committed" 1.0',
        'databricks_forwarder_loads_settled_total outcome="parked" 0.0',
        "databricks_forwarder_messages_appended_total 2560.0",
        "databricks_forwarder_messages_pending 0.0",
    ] == sorted(ran.stdout.splitlines())


def test_segments_reads_to_the_end_and_no_further(tmp_path: Path) -> None:
    """
    Run again, it goes on where it stopped, and hands nothing in twice.
    """
    command = [sys.executable, EXAMPLES / "segments.py"]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    said = [
        subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, check=True
        ).stdout.decode()
        for _ in range(2)
    ]

    (first, second) = [text.splitlines() for text in said]

    assert [
        "read to {'events-0': '000:120'}",
        "Account(received=120, loaded=120, dead=0, dropped=0, pending=0)",
    ] == first
    assert first == second


def test_opengdpr_erases_a_person_and_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What is loaded and what waits of the person is gone, and told as completed.
    """
    code = main_of("opengdpr.py")(tmp_path)
    figures, answer = capsys.readouterr().out.splitlines()

    assert (0, "1 payloads, 1 rows") == (code, figures)
    assert {
        "subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798",
        "request_status": "completed",
    } == json.loads(answer)


@pytest.mark.parametrize(
    "members",
    [
        {"subject_identities": {"email": {"value": "x", "encoding": "raw"}}},
        {"extensions": {"opendsr.mparticle.com": {"mpids": [7]}}},
        {
            "extensions": {
                "opendsr.mparticle.com": {
                    "identities": [{"identity_type": "other2", "identity_value": "x"}]
                }
            }
        },
        {
            "extensions": {
                "opendsr.mparticle.com": {
                    "subject_identities": {"mpid": {"value": "7", "encoding": "raw"}}
                }
            }
        },
    ],
)
def test_opengdpr_reads_every_version_of_the_format(
    tmp_path: Path, members: dict[str, Any]
) -> None:
    """
    Identities come as a list or an object, in the request or in its extension.
    """
    erase = runpy.run_path(str(EXAMPLES / "opengdpr.py"))["erase"]
    request = {
        "subject_request_id": "r-1",
        "subject_request_type": "erasure",
        **members,
    }
    person = {"email": "x", "other_id_2": "x"}
    with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "s.db") as forwarder:
        forwarder.submit({"mpid": "7", "user_identities": person, "events": []})
        answer = erase(forwarder, request)

        assert "completed" == answer["request_status"]
        assert 1 == forwarder.erasures()[0].spool.waiting


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"subject_request_type": "access"}, ValueError),
        ({"subject_identities": {"android_id": {"value": "x"}}}, KeyError),
    ],
)
def test_opengdpr_refuses_what_it_cannot_do(
    tmp_path: Path, members: dict[str, Any], error: type[Exception]
) -> None:
    """
    Another request, or an id that no batch is known by, is not told as done.
    """
    erase = runpy.run_path(str(EXAMPLES / "opengdpr.py"))["erase"]
    request = {"subject_request_id": "r-1", "subject_request_type": "erasure"}
    with (
        Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "s.db") as forwarder,
        pytest.raises(error),
    ):
        erase(forwarder, request | members)


# A part that keeps all of a contract is no screenful, nor is a web service that
# answers in every way it may, nor a consumer that passes over what is no batch.
LONG = {
    "append_only_batcher.py": 540,
    "custom_router.py": 100,
    "fastapi_receiver.py": 115,
    "flask_receiver.py": 110,
    "kafka_consumer.py": 90,
    "lambda_handler.py": 100,
    "shared_folder_stager.py": 120,
}


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name
)
def test_example_is_short_and_says_what_it_shows(path: Path) -> None:
    """
    An example fits a screen, but for a whole part or service, and has a docstring.
    """
    text = path.read_text()

    assert len(text.splitlines()) < LONG.get(path.name, 60)
    assert ast.get_docstring(ast.parse(text))


def test_databricks_shows_tables_and_a_nested_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What the local lake shows, the workspace shows over the real connector.
    """
    with Workspace() as workspace:
        code = runpy.run_path(str(EXAMPLES / "databricks_workspace.py"))["main"](
            tmp_path / "spool.db", workspace
        )
    said = capsys.readouterr().out

    assert 0 == code
    assert "   580 screen_view\n" in said
    assert "Oolong 173 1903.00\n" in said
    assert "Account(received=2560, loaded=2560, dead=0, dropped=0, pending=0)" in said


def test_databricks_runs_as_a_program_in_an_empty_folder(tmp_path: Path) -> None:
    """
    It needs no account and no argument, and says nothing on standard error.
    """
    ran = subprocess.run(
        [sys.executable, EXAMPLES / "databricks_workspace.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (ran.returncode, ran.stderr)
