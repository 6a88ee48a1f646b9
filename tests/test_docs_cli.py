"""
The reference of the command line says what the command line takes and gives.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from databricks_forwarder._cli import main
from databricks_forwarder._cli_arguments import make_parser, parse_arguments
from databricks_forwarder.testing.payloads import make_payload

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reference" / "command-line.md").read_text()
SECTIONS: dict[str, str] = dict(
    re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
)
_ROW = re.compile(r"^\| `(.+?)` \| (.+?) \|$", re.MULTILINE)
_MEMBERS = re.compile(r"^- ((?:`\w+`(?:, )?)+): ", re.MULTILINE)
# What makes each command say all that it can say.
RUNS = {
    "forward": [["one.json", "--lake", "lake"]],
    "carry": [["--lake", "lake"]],
    "plan": [["one.json"]],
    "explain": [["--event-type", "screen_view", "--lake", "lake"]],
    "simulate": [["5", "--lake", "lake"]],
    "status": [["--lake", "lake"]],
    "loads": [["--lake", "lake"]],
    "parked": [["--lake", "lake"]],
    "carry-on": [["--lake", "lake"]],
    "dead-letters": [["--lake", "lake"], ["--lake", "lake", "--export", "dead"]],
    "replay": [["--lake", "lake"]],
    "repair": [["--lake", "lake"]],
    "check": [["--lake", "lake"]],
    "report": [["--lake", "lake"]],
    "reconcile": [["--lake", "lake"]],
    "backfill": [["--lake", "lake"]],
    "maintenance": [["--lake", "lake"]],
    "erase": [["--person", "person.json", "--lake", "lake"]],
}


@cache
def commands() -> dict[str, argparse.ArgumentParser]:
    """
    List the commands: name → what reads its arguments.
    """
    (found,) = (
        action.choices
        for action in make_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    return dict(found)


def told(command: str) -> dict[str, str]:
    """
    Read the table of a command's section: argument → meaning.
    """
    return dict(_ROW.findall(SECTIONS[command]))


def spelled(command: str) -> Iterator[tuple[str, argparse.Action]]:
    """
    Spell the arguments of a command as the page should; all have ``--json``.
    """
    for action in commands()[command]._actions:
        if not {"--help", "--json"} & set(action.option_strings):
            words = [*action.option_strings, *filter(None, [action.metavar])]
            if action.nargs in {"*", "+"}:
                words.append("…")
            yield " ".join(map(str, words)), action


def test_each_command_has_its_section() -> None:
    """
    The sections are the commands, in their order, behind the general ones.
    """
    assert list(commands()) == list(SECTIONS)[-len(commands()) :]
    assert ["Input", "Exit codes", "Options of every command"] == list(SECTIONS)[
        : -len(commands())
    ]


@pytest.mark.parametrize("command", commands())
def test_each_argument_is_told(command: str) -> None:
    """
    A command's table has its arguments, all of them and no others.
    """
    assert [words for words, _ in spelled(command)] == list(told(command))


@pytest.mark.parametrize("command", commands())
def test_each_default_and_duty_is_told(command: str) -> None:
    """
    What an option is when it is left out, and that it can't be, is said.
    """
    one_of = {
        action
        for group in commands()[command]._mutually_exclusive_groups
        if group.required
        for action in group._group_actions
    }
    for words, action in spelled(command):
        meaning = told(command)[words]
        is_option = bool(action.option_strings)
        is_duty = action.required or action in one_of

        assert (is_option and is_duty) == ("; required" in meaning)
        if action.default not in {None, False} and is_option:
            assert re.search(rf"default `?{action.default}`?\.", meaning)


def test_every_command_says_json() -> None:
    """
    The option told for every command is there for every command.
    """
    with_json = {
        name
        for name, command in commands().items()
        if "--json" in command._option_string_actions
    }

    assert set(commands()) == with_json
    assert "`--json`" in SECTIONS["Options of every command"]


def test_each_exit_code_of_the_help_is_told() -> None:
    """
    The page and the help speak of the same exit codes.
    """
    epilog = make_parser().epilog or ""
    helped = re.findall(r"(?:: |; )(\d+) ", epilog)

    assert helped == re.findall(r"^\| (\d+) \|", SECTIONS["Exit codes"], re.MULTILINE)


@pytest.mark.parametrize("command", commands())
def test_json_has_the_members_that_are_told(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    A command's object has the members that its section lists, no others.
    """
    monkeypatch.chdir(tmp_path)
    Path("one.json").write_bytes(make_payload())
    Path("person.json").write_text('{"mpids": [7]}')
    main(["forward", "one.json", "--lake", "lake", "--quiet"])
    capsys.readouterr()
    said: list[str] = []
    for arguments in RUNS[command]:
        main([command, *arguments, "--json"])
        said += json.loads(capsys.readouterr().out)
    members = "".join(_MEMBERS.findall(SECTIONS[command]))

    assert re.findall(r"`(\w+)`", members) == said


@pytest.mark.parametrize(
    "page",
    sorted(page.relative_to(ROOT).as_posix() for page in ROOT.glob("docs/**/*.md")),
)
def test_commands_that_are_shown_can_be_read(page: str) -> None:
    """
    Each command line shown anywhere in the documentation is a legal one.
    """
    text = (ROOT / page).read_text()
    shown = re.findall(r"^python -m databricks_forwarder (.+)$", text, re.MULTILINE)

    assert all(parse_arguments(shlex.split(line)).command for line in shown)
