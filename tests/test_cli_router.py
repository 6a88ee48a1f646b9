"""
A host's own router, named to the command line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from databricks_forwarder import Forwarder
from databricks_forwarder._cli import main
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.testing.payloads import make_event, make_payload

ROOT = Path(__file__).parents[1]
MODULE = """
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.function import FunctionRouter


def sandbox(key):
    return "sandbox" if key.environment == "development" else None


mine = FunctionRouter(sandbox)


def over(counts):
    return FirstMatch(
        mine, default_router(counts, schema_name="mparticle", events_threshold=2)
    )


class Whole:
    def __init__(self, counts):
        self._router = over(counts)

    def __getattr__(self, name):
        return getattr(self._router, name)

    def route(self, counts, /, *, at):
        return self._router.route(counts, at=at)


class Nested:
    router = mine


def refusing(counts):
    raise ConfigurationError("this host has no router")


def breaking(counts):
    raise KeyError("secret")


def nothing(counts):
    return None


number = 7
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_routing", raising=False)
    Path("own_routing.py").write_text(MODULE)
    Path("broken_routing.py").write_text("raise RuntimeError('secret')")
    view = make_event("screen_view")
    Path("one.ndjson").write_bytes(
        make_payload(view, environment="development") + b"\n" + make_payload(view, view)
    )


@pytest.fixture(name="run")
def _run(capsys: pytest.CaptureFixture[str]) -> Run:
    """
    Run a command with the lake; return the exit code, the output and complaints.
    """

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--lake", "lake"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize("name", ["over", "Whole"])
def test_forward_routes_by_what_makes_a_router(name: str, run: Run) -> None:
    """
    A function or a class is given the lake's counts, and what it makes decides.
    """
    code, out, err = run("forward", "one.ndjson", "--router", f"own_routing:{name}")

    assert (0, "") == (code, err)
    assert "sandbox         1" in out
    assert "screen_view     2" in out


@pytest.mark.parametrize("name", ["mine", "Nested.router"])
def test_forward_routes_by_a_router(name: str, run: Run) -> None:
    """
    A router that is there already decides, and what it leaves out is common.
    """
    code, out, err = run("forward", "one.ndjson", "--router", f"own_routing:{name}")

    assert (0, "") == (code, err)
    assert "mparticle_otherevents     2" in out
    assert "sandbox                   1" in out


def test_carry_routes_by_the_router_that_is_named(run: Run) -> None:
    """
    What waits in the spool goes where the host's router says.
    """
    Path("lake", "_forwarder").mkdir(parents=True)
    with Forwarder.for_lake("lake", spool="lake/_forwarder/spool.db") as forwarder:
        forwarder.submit(make_payload(environment="development"))

    code, out, err = run("carry", "--router", "own_routing:over")

    assert (0, "") == (code, err)
    assert "sandbox     1" in out


def test_asking_asks_the_router_that_is_named(run: Run) -> None:
    """
    A plan, a reason and a simulation are those of the host's router.
    """
    named = ("--router", "own_routing:over")
    _, planned, _ = run("plan", "one.ndjson", *named)
    _, explained, _ = run(
        *("explain", "--event-type", "screen_view", "--environment", "development"),
        *named,
    )
    _, simulated, _ = run("simulate", "1", *named, "--json")

    assert "sandbox" in planned
    assert "goes to table sandbox" in explained
    assert 2 == json.loads(simulated)["today"]["threshold"]
    assert not Path("lake").exists()


def test_backfill_and_report_ask_the_router_that_is_named(run: Run) -> None:
    """
    Rows are moved into, and foreseen for, tables that the host's router gives.
    """
    single = Path("single.json")
    single.write_bytes(make_payload(make_event("screen_view")))
    named = ("--router", "own_routing:over")
    for _ in range(2):
        run("forward", str(single), *named)

    moved = run("backfill", *named)
    reported = run("report", *named)
    none_moved = run("backfill", "--router", "own_routing:mine")

    assert (0, "moved into screen_view: 1 row\n", "") == moved
    assert (0, "") == (reported[0], reported[2])
    assert "FunctionRouter gives kinds no tables" in none_moved[2]


@pytest.mark.parametrize(
    ("router", "sentence"),
    [
        ("own_routing", "--router must be MODULE:NAME, not 'own_routing'"),
        (":over", "--router must be MODULE:NAME, not ':over'"),
        ("own_routing:", "--router must be MODULE:NAME, not 'own_routing:'"),
        ("not_there:over", "can't be imported: No module named 'not_there'"),
        ("own_routing:missing", "has no attribute 'missing'"),
        ("own routing:over", "can't be imported: invalid format"),
        (
            "broken_routing:over",
            (
                "can't be imported: broken_routing raised RuntimeError; "
                "python -c 'import broken_routing' shows where"
            ),
        ),
        (
            "own_routing:number",
            (
                "--router own_routing:number is neither a router nor a callable "
                "that makes one of event counts, but a value of int"
            ),
        ),
        ("own_routing:refusing", "this host has no router"),
        (
            "own_routing:breaking",
            (
                "--router own_routing:breaking makes no router of event counts: "
                "it raised KeyError"
            ),
        ),
        ("own_routing:nothing", "a value of NoneType does not"),
    ],
)
def test_what_is_no_router_exits_with_2(router: str, sentence: str, run: Run) -> None:
    """
    What can't be had as a router is one sentence, and nothing was received.
    """
    code, out, err = run("forward", "one.ndjson", "--router", router)

    assert (2, "") == (code, out)
    assert sentence in err
    assert (1, False) == (err.count("\n"), "secret" in err)
    assert not Path("lake", "sandbox").exists()


@pytest.mark.parametrize(
    "option",
    [
        ("--events-threshold", "3"),
        ("--table-name", "feeds"),
        ("--split-feeds",),
        ("--drop-batches-without-events",),
    ],
)
def test_settings_of_the_standard_router_go_without_another(
    option: tuple[str, ...], run: Run
) -> None:
    """
    A setting that nothing would heed is refused.
    """
    code, _, err = run("forward", "one.ndjson", *option, "--router", "own_routing:over")

    assert 2 == code
    assert f"{option[0]} tells the standard router" in err


def test_the_folder_of_the_command_is_looked_into(tmp_path: Path) -> None:
    """
    A module of the folder in which the command runs is found, as `python -m` finds it.
    """
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "databricks_forwarder", "forward", "one.ndjson"),
            *("--lake", "lake", "--router", "own_routing:over"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (ran.returncode, ran.stderr)
    assert Path("lake", "sandbox").is_dir()


def test_a_lake_takes_what_makes_a_router_of_its_counts(tmp_path: Path) -> None:
    """
    A host need not know where the counts are: they are handed in.
    """
    counts, handed = MemoryEventCounts(), []

    def make(given: object) -> object:
        handed.append(given)
        return Forwarder

    with pytest.raises(ConfigurationError, match="a value of type does not"):
        Forwarder.for_lake(
            tmp_path / "lake",
            spool=tmp_path / "spool.db",
            counts=counts,
            router=make,  # type: ignore[arg-type]
        )

    assert [counts] == handed
