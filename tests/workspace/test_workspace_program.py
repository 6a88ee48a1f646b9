"""
The loopback workspace as a program.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from databricks_forwarder.testing.workspace._program import main

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
    variables, command = said_to_a_shell(capsys.readouterr().out)

    assert 0 == code
    assert {"main", "mparticle"} < set(variables.values())
    assert ["--endpoint", "--ca-file"] == [command[4], command[6]]
    assert (tmp_path / "root" / "catalog.sqlite").exists()
