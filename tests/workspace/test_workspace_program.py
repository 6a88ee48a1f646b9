"""
The loopback workspace as a program.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from databricks_forwarder.testing.workspace import Workspace
from databricks_forwarder.testing.workspace._program import _lines, main

_SH = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROGRAM = [sys.executable, "-m", "databricks_forwarder.testing.workspace"]


class Interrupted(io.StringIO):
    """
    Standard input of a program that is told Ctrl-C.
    """

    def read(self, size: int | None = -1, /) -> str:
        """
        Be interrupted.
        """
        raise KeyboardInterrupt


def said_to_a_shell(text: str) -> tuple[dict[str, str], list[str]]:
    """
    The variables to export, and the command to run with them.
    """
    *exports, command = text.splitlines()
    pairs = [shlex.split(line)[1].partition("=") for line in exports]
    return {name: value for name, _, value in pairs}, shlex.split(command)[2:]


def _printed(program: subprocess.Popen[str]) -> str:
    assert program.stdout is not None
    lines = [program.stdout.readline()]
    while lines[-1].startswith("export "):
        lines.append(program.stdout.readline())
    return "".join(lines)


def test_commands_of_the_forwarder_reach_it() -> None:
    """
    What it prints is all that the command line needs, while it runs.
    """
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(PROGRAM, text=True, **options) as program:
        variables, command = said_to_a_shell(_printed(program))
        checked = subprocess.run(
            [sys.executable, *command],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        program.communicate()

    assert (0, "") == (checked.returncode, checked.stderr)
    assert 0 == program.returncode


def test_it_ends_when_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Ctrl-C is a good end, and a root stays for the next.
    """
    monkeypatch.setattr("sys.stdin", Interrupted())
    code = main(["--root", str(tmp_path / "root")])
    said = capsys.readouterr()
    variables, _ = said_to_a_shell(said.out)

    assert (0, "the workspace has ended: interrupted\n") == (code, said.err)
    assert {"main", "mparticle"} < set(variables.values())
    assert (tmp_path / "root" / "catalog.sqlite").exists()


def test_it_says_that_standard_input_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    In the background, without an input, it ends at once, and says what helps.
    """
    monkeypatch.setattr("sys.stdin", io.StringIO())
    code = main([])

    assert 0 == code
    assert "standard input ended; --until-signal" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--until-signal"]])
def test_sigterm_is_a_good_end(options: list[str], tmp_path: Path) -> None:
    """
    It says what told it to end, and leaves no temporary folder.
    """
    with subprocess.Popen(
        [*PROGRAM, *options],
        text=True,
        stdin=subprocess.DEVNULL if options else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as program:
        _printed(program)
        was_there = [*tmp_path.glob("workspace-*")]
        program.terminate()
        assert program.stderr is not None
        said = program.stderr.read()

    assert (0, "the workspace has ended: SIGTERM came\n") == (program.returncode, said)
    assert (1, []) == (len(was_there), [*tmp_path.iterdir()])


def test_it_ends_by_itself_when_its_time_is_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    One that waits for a signal which never comes is not there for ever.
    """
    code = main(["--until-signal", "--minutes", "0.0001"])

    assert (0, "the workspace has ended: 0.0001 minutes are over\n") == (
        code,
        capsys.readouterr().err,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--minutes", "5"],
        ["--until-signal", "--minutes", "0"],
        ["--until-signal", "--minutes", "inf"],
        ["--port", "0"],
        ["--port", "70000"],
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The sentence names the argument, and nothing is begun.
    """
    with pytest.raises(SystemExit):
        main(arguments)
    said = capsys.readouterr()

    assert ("", True) == (said.out, arguments[-2] in said.err)


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """
    It listens where it is told to, or says that it can't.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code = main(["--port", str(taken.getsockname()[1])])

    assert 2 == code
    assert capsys.readouterr().err.startswith("the workspace can't begin: ")


def test_the_page_s_lines_run_one_in_the_background(tmp_path: Path) -> None:
    """
    A shell without an input begins it, checks it, and ends it.
    """
    page = Path(__file__).parents[2] / "docs/how-to/test-your-application.md"
    blocks = _SH.findall(page.read_text())
    (lines,) = [each for each in blocks if "--until-signal" in each]
    (line,) = [each for each in blocks if " query " in each]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    query = line.replace(
        "mpid, data.screen_name FROM mparticle_otherevents", "7 AS mpid"
    )
    script = lines.replace("8443", str(port)).replace("kill", f"{query}kill")
    folder = Path(sys.executable).parent
    ran = subprocess.run(
        ["sh", "-c", f"{script}wait"],
        cwd=tmp_path,
        env=os.environ
        | {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(page.parents[2]),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    *checked, row = ran.stdout.splitlines()

    assert '{"mpid": 7}' == row
    assert [] == [line for line in checked if not line.endswith(": good")]
    assert "the workspace has ended: SIGTERM came\n" == ran.stderr


@pytest.fixture(name="asked")
def _asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    with Workspace() as workspace:
        for line in _lines(workspace):
            name, _, value = shlex.split(line)[1].partition("=")
            if line.startswith("export "):
                monkeypatch.setenv(name, value)
        yield workspace


def test_a_query_prints_rows_as_json(
    asked: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A row is a line, and its members are the columns.
    """
    asked.query("CREATE TABLE main.mparticle.t (a INT, b STRING)")
    asked.grant("SELECT", "TABLE", "main.mparticle.t")
    asked.query("INSERT INTO main.mparticle.t VALUES (1, 'é'), (2, NULL)")
    code = main(["query", "SELECT * FROM t ORDER BY a"])
    said = capsys.readouterr()

    assert (0, '{"a": 1, "b": "é"}\n{"a": 2, "b": null}\n', "") == (
        code,
        said.out,
        said.err,
    )


@pytest.mark.usefixtures("asked")
def test_a_query_that_is_refused_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What the workspace says is on standard error, once.
    """
    code = main(["query", "SELECT * FROM nothing"])
    said = capsys.readouterr()

    assert (1, "", 1) == (code, said.out, said.err.count("TABLE_OR_VIEW_NOT_FOUND"))


def test_a_query_without_its_variables_names_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A shell that was told nothing learns which variables it needs.
    """
    monkeypatch.delenv("DATABRICKS_FORWARDER_CLIENT_ID", raising=False)
    code = main(["query", "SELECT 1"])

    assert 2 == code
    assert "DATABRICKS_FORWARDER_CLIENT_ID" in capsys.readouterr().err
