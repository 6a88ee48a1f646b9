"""
The documentation does what it says: its blocks are executed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from contract_runner import failing_clauses
from patience import PATIENCE_SECONDS

from databricks_forwarder import abilities, protocols
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.mparticle.batch import BODIES
from databricks_forwarder.mparticle.shapes import object_shape
from databricks_forwarder.testing.contracts import destination

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/tutorial.md",
    *sorted(
        page.relative_to(ROOT).as_posix()
        for page in (ROOT / "docs/how-to").glob("*.md")
    ),
]
_SHOWN = re.compile(
    r'^```\{code-block\} python\n:caption: "(.*?)"\n\n(.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_NOT_RUN = "Shown, not run by the tests: "
_PROGRAM = ", run by the tests as a process"
_CONSOLE = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_page(page: str, names: dict[str, Any]) -> tuple[list[str], list[str]]:
    """
    Run the Python of *page* in order; return what it promises and what it prints.

    A block of text promises what the block of Python before it prints. What
    the blocks define is in *names* afterwards.
    """
    told: list[str] = []
    printed: list[str] = []
    output = io.StringIO()
    for language, text in _BLOCK.findall((ROOT / page).read_text()):
        if language == "text":
            told.append(text)
            printed.append(output.getvalue())
            continue
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(text, page, "exec"), names)
    return told, printed


@pytest.fixture(name="from_code", scope="module")
def _from_code() -> ModuleType:
    place = ROOT / "docs" / "_ext" / "from_code.py"
    spec = importlib.util.spec_from_file_location("from_code", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES)
def test_blocks_print_what_the_page_says(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Each block of Python runs, and prints the text that stands below it.
    """
    monkeypatch.chdir(tmp_path)

    told, printed = run_page(page, {"__name__": "page"})

    assert told == printed


def shown_on(page: str) -> dict[str, str]:
    """
    Give what *page* has of Python that is not run in place, by its caption.
    """
    return dict(_SHOWN.findall((ROOT / page).read_text()))


def test_python_that_is_not_run_in_place_says_so() -> None:
    """
    Each block with a caption says why nothing runs it, or is a program tested below.
    """
    pages = [(ROOT / page).read_text() for page in PAGES]
    shown = {each: text for page in PAGES for each, text in shown_on(page).items()}
    not_run = [each for each in shown if each.startswith(_NOT_RUN)]
    programs = [each for each in shown if each.endswith(_PROGRAM)]

    assert len(shown) == sum(page.count("{code-block} py") for page in pages)
    assert len(shown) == len(not_run) + len(programs)
    told = {each.partition(",")[0] for each in programs}
    assert {*PROGRAMS, *SUITES} == told - {*SHOP}
    assert told >= {*SHOP}
    for caption, text in shown.items():
        compile(text, caption, "exec")


# Of the page on shutting down: what each says after SIGTERM, and its exit code.
PROGRAMS = {"service.py": ("True 1\n", 0), "ticking.py": ("", 143)}


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_of_the_page_on_shutting_down_end_well(
    program: str, tmp_path: Path
) -> None:
    """
    Each ends soon after SIGTERM, says what the page says, and complains of nothing.
    """
    shown = shown_on("docs/how-to/shut-down.md")
    text = shown[f"{program}{_PROGRAM}"]
    command = [sys.executable, "-c", text]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        ready = process.stdout.readline()
        process.terminate()
        said, complained = process.communicate(timeout=PATIENCE_SECONDS)

    assert "ready\n" == ready
    assert (*PROGRAMS[program], "") == (said, process.returncode, complained)


def test_contracts_of_the_page_on_testing_routers_hold(tmp_path: Path) -> None:
    """
    The classes shown pass their contract, but for the clauses they exempt.
    """
    names: dict[str, Any] = {"__name__": "page"}
    run_page("docs/how-to/test-your-router.md", names)
    examined = {
        name: failing_clauses(value, tmp_path / name)
        for name, value in names.items()
        if name.startswith("Test")
    }

    assert {
        "TestTableByType": set(),
        "TestOneTable": {"R6"},
        "TestSandboxFirst": set(),
        "TestSandboxAlone": {"R1"},
        "TestSandboxAsked": set(),
    } == examined


# Files of tests: their page, what must lie beside them, and pytest's exit code.
SHOP = ("conftest.py", "shop.py")
SUITES: dict[str, tuple[str, tuple[str, ...], int]] = {
    "test_lines.py": ("write-a-batcher", (), 1),
    "test_append_only.py": ("write-a-batcher", ("append_only_batcher.py",), 0),
    "test_shop.py": ("test-your-application", SHOP, 0),
    "test_tenants.py": ("route-by-tenant", ("custom_router.py",), 0),
    "test_environments.py": ("route-by-environment", ("environment_router.py",), 0),
    "test_naming.py": ("name-tables", ("naming.py",), 0),
    "test_shared_folder.py": ("write-a-stager", ("shared_folder_stager.py",), 0),
}


@pytest.mark.parametrize("name", SUITES)
def test_suites_of_pages_say_what_the_pages_say(name: str, tmp_path: Path) -> None:
    """
    A suite that is shown passes, or fails at the clause that is shown below it.
    """
    of_page, beside, code = SUITES[name]
    page = f"docs/how-to/{of_page}.md"
    shown = shown_on(page)
    for each in (name, *beside):
        told = shown.get(f"{each}{_PROGRAM}")
        text = told or (ROOT / "examples" / each).read_text()
        (tmp_path / each).write_text(text)
    command, promised = next(
        each
        for each in _CONSOLE.findall((ROOT / page).read_text())
        if each[0].endswith(name)
    )
    ran = subprocess.run(
        [sys.executable, "-m", *command.split(), "--hypothesis-seed=1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    promised, said = (
        # How many tests there are, and how long they take, may change.
        re.sub(r"\d+ (passed).*| - assert.*", r"\1", text).splitlines()
        for text in (promised, ran.stdout)
    )

    assert code == ran.returncode, ran.stdout
    assert promised
    assert [] == [line for line in promised if line not in said]


def test_figures_of_the_page_on_costs_are_those_that_were_measured() -> None:
    """
    Each figure stands in a row of the performance page that has the same name.
    """
    costs = (ROOT / "docs/how-to/know-costs-and-remains.md").read_text()
    measured = (ROOT / "docs/explanation/performance.md").read_text().splitlines()
    figures = re.findall(r"^\| .+ \| (\S.*) \| (S\d+) \|$", costs, re.MULTILINE)
    rows = [
        (figure, [line for line in measured if line.startswith(f"| {row} ")])
        for figure, row in figures
    ]

    assert figures
    assert [] == [
        figure
        for figure, lines in rows
        if not any(re.search(rf"(?<![\d.]){figure} +\|", line) for line in lines)
    ]


def test_readme_has_two_commands_of_one_line() -> None:
    """
    The main job and the tests are one line each, from a clone to the result.
    """
    readme = (ROOT / "README.md").read_text()
    commands = re.findall(r"^python3 -m venv .*", readme, flags=re.MULTILINE)

    assert ["examples/local_lake.py", "pytest -n auto"] == [
        " ".join(command.split("python ")[-1].removeprefix("-m ").split())
        for command in commands
    ]


def with_clauses() -> Iterator[object]:
    """
    What has clauses in its docstring, or may have some.
    """
    for module in (protocols, abilities):
        for name in module.__all__:
            yield getattr(module, name)


def test_each_clause_is_listed(from_code: ModuleType) -> None:
    """
    The page of clauses has every clause of every protocol, word for word.
    """
    page = from_code.PAGES["clauses"]()
    places = [*with_clauses(), destination]
    documented = {
        f"**{number}.** {words}"
        for place in places
        for number, words in from_code.clauses(place).items()
    }

    assert documented == {line for line in page.splitlines() if line.startswith("**")}


def test_each_clause_has_a_test_but_the_walk_s(from_code: ModuleType) -> None:
    """
    Each clause is examined by a contract; R4 is owed by the walk itself.
    """
    tested = from_code.tests_by_clause().keys()
    places = [*with_clauses(), destination]
    numbers = {number for place in places for number in from_code.clauses(place)}

    assert {"R4"} == numbers ^ tested


def test_clauses_are_numbered_without_gaps(from_code: ModuleType) -> None:
    """
    The batcher's clauses run from B1 to B14, in words of their own.
    """
    found = from_code.clauses(protocols.Batcher)

    assert [f"B{number}" for number in range(1, 15)] == list(found)
    assert all(found.values())


def test_each_kind_of_a_workspace_s_errors_is_told_by_its_class(
    from_code: ModuleType,
) -> None:
    """
    A name that the status may show stands beside the class that is caught.
    """
    page = from_code.PAGES["fates"]()
    told = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", page, re.MULTILINE))

    assert ("SetupError", "TransientError") == (
        told["RefusedTokenError"],
        told["UnreadyError"],
    )
    assert {"SetupError", "TransientError"} == {*told.values()}


def test_table_layout_has_a_section_for_each_event_type(from_code: ModuleType) -> None:
    """
    The table reference tells the columns of every event type.
    """
    page = from_code.PAGES["event columns"]()

    assert [f"### {event_type}" for event_type in sorted(BODIES)] == [
        line for line in page.splitlines() if line.startswith("### ")
    ]


def test_table_layout_spells_nested_fields(from_code: ModuleType) -> None:
    """
    A product's price is listed as the path under which SQL finds it.
    """
    page = from_code.PAGES["event columns"]()

    assert "| `data.product_action.products[].price` | `DOUBLE` |" in page


def test_table_layout_names_every_column(from_code: ModuleType) -> None:
    """
    No column of the widest table is missing from the table reference.
    """
    layout = (ROOT / "docs/reference/table-layout.md").read_text()
    page = layout + "".join(write() for write in from_code.PAGES.values())
    columns = schema_of(None)
    wanted = {column.name for column in columns if column.name != "data"} | {
        f"data.{field.name}" for field in columns.field("data").type
    }

    assert set() == {name for name in wanted if f"`{name}`" not in page}


def test_table_layout_tells_each_renamed_field() -> None:
    """
    A field whose column has another name than the JSON is said to.
    """
    layout = (ROOT / "docs/reference/table-layout.md").read_text()
    renamed = {
        (field.json_name, field.name)
        for body in BODIES.values()
        for field in object_shape(body).fields
        if field.json_name != field.name
    }

    assert {("new", "new_identity"), ("old", "old_identity")} == renamed
    assert all(f"`{name}`" in layout for names in renamed for name in names)
