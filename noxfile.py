"""
The sessions that check this project; `nox -l` lists them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "venv"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = [
    "lint",
    "imports",
    "tests",
    "typing",
    "coverage",
    "docs",
    "examples",
    "recipes",
]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
# Examples that need more, or serve without an end; their tests run them.
RECIPES = {
    "fastapi_receiver.py",
    "flask_receiver.py",
    "kafka_consumer.py",
    "scheduler.py",
}
PEERS = ("duckdb", "dlt", "simdjson")
# What a host may import, from what is installed alone.
ALL_THAT_IS_PUBLIC = """
from importlib.resources import files
from databricks_forwarder import *
from databricks_forwarder import __version__
assert files("databricks_forwarder").joinpath("py.typed").is_file()
print(__version__)
"""
# What touches each dependency most.
OF_DEPENDENCIES = (
    "tests/databricks",
    "tests/journeys/test_local_lake.py",
    "tests/journeys/test_two_destinations.py",
    "tests/parts/test_counting.py",
    "tests/parts/test_delta_counts.py",
    "tests/parts/test_delta_loader.py",
    "tests/parts/test_volume_stager.py",
    "tests/parts/test_warehouse_counts.py",
    "tests/parts/test_warehouse_loader.py",
    "tests/parts/test_warehouse_views.py",
    "tests/test_cli.py",
    "tests/test_columns.py",
    "tests/test_decode.py",
    "tests/test_parquet.py",
    "tests/test_rows.py",
)
SOURCES = (
    "databricks_forwarder",
    "tests",
    "docs",
    "examples",
    "benchmarks",
    "fuzz",
    "noxfile.py",
)


def group(*names: str) -> tuple[str, ...]:
    """
    List the requirements of dependency groups of `pyproject.toml`.
    """
    return tuple(nox.project.dependency_groups(PROJECT, *names))


def present(*paths: str) -> list[str]:
    """
    List those of *paths* that are there.
    """
    return [path for path in paths if Path(path).exists()]


@nox.session
def lint(session: nox.Session) -> None:
    """
    Check style, spelling, metadata, and that all that is public tells what it is.
    """
    session.install(*group("lint"))
    session.run("ruff", "check", *present(*SOURCES))
    session.run("ruff", "format", "--check", *present(*SOURCES))
    session.run("codespell", *present(*SOURCES, ".ci"), *map(str, Path().glob("*.md")))
    session.run("validate-pyproject", "pyproject.toml")
    session.run("interrogate", "--quiet", "databricks_forwarder", "tests")


@nox.session
def imports(session: nox.Session) -> None:
    """
    Check that imports go down only and that third parties use their doors.
    """
    session.install(*group("imports"))
    session.run("lint-imports", "--no-logo")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """
    Run the tests on each Python that is installed.

    All of them are measured for coverage, a selection is not.
    """
    # The group names the project's own extras, which pip 23.0 can't resolve.
    session.install("--upgrade", "pip")
    session.install("-e", ".", *group("tests"))
    here = Path.cwd()
    measured = {
        "COVERAGE_PROCESS_START": str(here / "pyproject.toml"),
        "COVERAGE_FILE": str(here / ".coverage"),
    }
    if session.posargs:
        measured = {}
    session.run("python", "-m", "pytest", "-n", "auto", *session.posargs, env=measured)


@nox.session(name="tests-lowest", python=PYTHONS[0])
def tests_lowest(session: nox.Session) -> None:
    """
    Run tests of what is required with the lowest versions that are promised.
    """
    session.install("uv")
    lowest = ("uv", "pip", "install", "--resolution", "lowest-direct")
    extras = ".[lake,cli,otel,testing]"
    session.run(*lowest, "--editable", extras, *group("tests"))
    chosen = session.posargs or OF_DEPENDENCIES
    session.run("python", "-m", "pytest", "-n", "auto", *chosen)


@nox.session
def coverage(session: nox.Session) -> None:
    """
    Put together what the test runs measured; all branches must be covered.
    """
    session.install(*group("coverage"))
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session
def typing(session: nox.Session) -> None:
    """
    Check all types, strictly, as hosts see them with either type checker too.
    """
    # Not editable: the completeness of what is installed is asked for.
    session.install(".[lake,cli,otel,testing]", *group("typing", "observe"))
    session.run("mypy")
    session.run("mypy", "tests/typed")
    session.run("basedpyright")
    complete = ("basedpyright", "--ignoreexternal", "--verifytypes")
    # Elsewhere than here, where the sources would be found instead.
    session.chdir(session.create_tmp())
    session.run(*complete, "databricks_forwarder", silent=True)


@nox.session
def docs(session: nox.Session) -> None:
    """
    Build the documentation; a warning or a dangling reference is an error.
    """
    session.install("-e", ".[lake,cli,testing]", *group("docs"))
    session.run(
        "sphinx-build", "-W", "-n", "-q", "-E", "-b", "html", "docs", "docs/_build/html"
    )


@nox.session
def links(session: nox.Session) -> None:
    """
    Ask for each page of others that the documentation links to; by request only.

    Links between the project's own pages are checked by the tests.
    """
    session.install("-e", ".[lake,cli,testing]", *group("docs"))
    session.run("sphinx-build", "-q", "-b", "linkcheck", "docs", "docs/_build/links")


@nox.session
def examples(session: nox.Session) -> None:
    """
    Run each example as a program of its own, in a folder of its own.
    """
    session.install("-e", ".[lake,cli,otel,testing]", *group("observe"))
    programs = sorted(
        program
        for program in Path("examples").resolve().glob("*.py")
        if program.name not in RECIPES
    )
    shutil.rmtree(session.create_tmp())
    session.chdir(session.create_tmp())
    for program in programs:
        session.run("python", str(program))


@nox.session
def recipes(session: nox.Session) -> None:
    """
    Run what stands beside others' packages: receivers, Kafka, schedulers, notebooks.
    """
    session.install("--upgrade", "pip")
    session.install("-e", ".", *group("recipes"))
    arguments = session.posargs or ("-n", "auto")
    session.run("python", "-m", "pytest", "tests/recipes", *arguments)


@nox.session
def kills(session: nox.Session) -> None:
    """
    Kill hosts for long: ``-- --destination lake --minutes 30 --kills 2000``.
    """
    session.install("--upgrade", "pip")
    session.install("-e", ".", *group("tests"))
    session.run("python", "tests/kills/kill_for_long.py", *session.posargs)


@nox.session
def machines(session: nox.Session) -> None:
    """
    Run the state machines for long, in orders that are drawn anew each time.
    """
    session.install("--upgrade", "pip")
    session.install("-e", ".", *group("tests"))
    session.run(
        "python",
        "-m",
        "pytest",
        "tests/machines",
        "-n",
        "auto",
        "--hypothesis-profile=machines",
        "--timeout=21600",
        "-o",
        "faulthandler_timeout=21000",
        *session.posargs,
    )


@nox.session
def soak(session: nox.Session) -> None:
    """
    Let a host live long at a steady rate: ``-- --destination lake --minutes 30``.
    """
    session.install("--upgrade", "pip")
    session.install("-e", ".", *group("tests"))
    kills = str(Path("tests/kills").resolve())
    program = "tests/soak/soak_for_long.py"
    session.run("python", program, *session.posargs, env={"PYTHONPATH": kills})


@nox.session
def storage(session: nox.Session) -> None:
    """
    Cut the power and change bytes many times: ``-- 30 7``, times and seed.
    """
    session.install("--upgrade", "pip")
    session.install("-e", ".", *group("tests"))
    times, seed = (*session.posargs, "30", "1")[:2]
    session.run(
        "python",
        "-m",
        "pytest",
        "tests/known_errors",
        "-n",
        "auto",
        "--timeout=7200",
        "-o",
        "faulthandler_timeout=7000",
        env={"STORAGE_TIMES": times, "STORAGE_SEED": seed},
    )


@nox.session
def spark(session: nox.Session) -> None:
    """
    Run the tests with Spark, which needs Java: ``-- 20000`` for 100 000 events.
    """
    if shutil.which("java") is None:
        session.error("Spark runs on Java 17: install it, or leave this session out")
    session.install("--upgrade", "pip")
    session.install("-e", ".", *group("spark"))
    measured = {"COVERAGE_FILE": str(Path(session.create_tmp()).resolve() / "data")}
    if session.posargs:
        measured["SPARK_BATCHES"] = session.posargs[0]
    pytest = ("-m", "pytest", "tests/spark", "--timeout=3000")
    session.run("coverage", "run", *pytest, env=measured)
    session.run("coverage", "combine", env=measured)
    # Elsewhere they are left out of the report: `omit` in pyproject.toml.
    callers = "*/_spark/*,*/databricks_forwarder/spark.py"
    report = ("report", "--omit=nothing", f"--include={callers}")
    session.run("coverage", *report, env=measured)
    tiny = () if session.posargs else ("--tiny",)
    session.run("python", "-m", "benchmarks", "--only", "S12", *tiny)


@nox.session
def browser(session: nox.Session) -> None:
    """
    Look at the report in a headless Chromium; pictures are kept in the session.
    """
    session.install("--upgrade", "pip")
    session.install("-e", ".", *group("browser"))
    pictures = str(Path(session.create_tmp()).resolve() / "screenshots")
    required = {"REPORT_BROWSER": "required", "REPORT_SCREENSHOTS": pictures}
    patient = ("-o", "faulthandler_timeout=280")
    pytest = ("-m", "pytest", "tests/browser", *patient, *session.posargs)
    session.run("python", *pytest, env=required)


@nox.session
def fuzz(session: nox.Session) -> None:
    """
    Fuzz one way in, led by coverage: ``-- --entry decoding --runs 1000000``.
    """
    session.install("-e", ".[lake,cli,testing]", *group("fuzz"))
    session.run("python", "fuzz/fuzz.py", *session.posargs)


@nox.session
def benchmarks(session: nox.Session) -> None:
    """
    Measure, beside the current releases of the peers: ``-- --json figures.json``.
    """
    session.install("-e", ".[lake,otel,testing]", *group("observe"), "uv")
    peers = Path(session.create_tmp()).resolve() / "peers"
    for peer in PEERS:
        place = peers / peer
        session.run("uv", "venv", "--clear", "--quiet", str(place))
        pip = ("uv", "pip", "install", "--quiet", "--upgrade", "--python", str(place))
        session.run(*pip, *group(f"peer-{peer}"))
    program = ("python", "-m", "benchmarks", "--peers", str(peers))
    session.run(*program, *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """
    Build sdist and wheel; install each alone, import all public names, and run.
    """
    session.install("build", "twine")
    dist = Path(session.create_tmp()).resolve() / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    # The wheel is built from the sdist, so what is left out there is missed here.
    session.run("python", "-m", "build", "--outdir", str(dist))
    (wheel,), (sdist,) = dist.glob("*-py3-none-any.whl"), dist.glob("*.tar.gz")
    session.run("twine", "check", "--strict", str(wheel), str(sdist))
    session.chdir(dist)
    for built in (wheel, sdist):
        place = dist / f"alone-{built.suffix[1:]}"
        session.run("python", "-m", "venv", str(place))
        python = str(place / "bin" / "python")
        pip = (python, "-m", "pip", "install", "-q", str(built))
        session.run(*pip, external=True)
        session.run(python, "-c", ALL_THAT_IS_PUBLIC, external=True)
        program = (python, "-m", "databricks_forwarder", "--help")
        session.run(*program, external=True, silent=True)


@nox.session
def audit(session: nox.Session) -> None:
    """
    Ask PyPI for known weaknesses of all dependencies, extras included.

    A package that PyPI's advisories can't be had for is an error: where the
    network has a mirror without them, nothing was asked.
    """
    session.install("pip-audit")
    place = Path(session.create_tmp()).resolve() / "audited"
    shutil.rmtree(place, ignore_errors=True)
    session.run("python", "-m", "venv", str(place))
    python = str(place / "bin" / "python")
    extras = ".[lake,cli,otel,spark,testing]"
    session.run(python, "-m", "pip", "install", "-q", "-U", "pip", external=True)
    session.run(python, "-m", "pip", "install", "-q", extras, external=True)
    frozen = session.run(
        *(python, "-m", "pip", "freeze", "--exclude", "databricks-forwarder"),
        external=True,
        silent=True,
    )
    wanted = place / "wanted.txt"
    wanted.write_text(str(frozen))
    exact = ("--strict", "--no-deps", "--disable-pip", "--requirement", str(wanted))
    session.run("pip-audit", *exact, *session.posargs)
