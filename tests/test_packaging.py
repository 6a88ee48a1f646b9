"""
What is told about the package, and what is in the wheel.
"""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest

import databricks_forwarder

ROOT = Path(__file__).parents[1]


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = place.glob("*.whl")
    return wheel


def test_version_is_three_numbers() -> None:
    """
    The version is three numbers, as semantic versioning has it.
    """
    version = metadata.version("databricks-forwarder")

    assert [True, True, True] == [part.isdigit() for part in version.split(".")]


def test_package_tells_its_version() -> None:
    """
    The version can be asked of the package itself.
    """
    assert metadata.version("databricks-forwarder") == databricks_forwarder.__version__


def test_newest_released_version_is_in_the_changelog() -> None:
    """
    The changelog has a section for what is coming, or for this version.
    """
    version = metadata.version("databricks-forwarder")
    headings = {
        line.removeprefix("## ").split(" ")[0].strip("[]")
        for line in (ROOT / "CHANGELOG.md").read_text().splitlines()
        if line.startswith("## ")
    }

    assert headings & {"Unreleased", version}


def test_oldest_python_is_the_oldest_classifier() -> None:
    """
    The Python that is required is the oldest one that is promised.
    """
    about = metadata.metadata("databricks-forwarder")
    prefix = "Programming Language :: Python :: 3."
    minors = [
        int(line.removeprefix(prefix))
        for line in about.get_all("Classifier", [])
        if line.startswith(prefix)
    ]

    assert f">=3.{min(minors)}" == about["Requires-Python"]


def test_each_extra_of_an_error_exists() -> None:
    """
    The extras that the library may name in an error are there.
    """
    extras = set(
        metadata.metadata("databricks-forwarder").get_all("Provides-Extra", [])
    )

    assert {"lake", "cli", "otel", "spark", "testing"} == extras


def test_wheel_is_pure(wheel: Path) -> None:
    """
    One wheel is for all machines and for all Pythons of version 3.
    """
    assert wheel.name.endswith("-py3-none-any.whl")


def test_wheel_says_it_is_typed(wheel: Path) -> None:
    """
    The wheel holds the mark that tells type checkers to look inside.
    """
    with ZipFile(wheel) as archive:
        assert "databricks_forwarder/py.typed" in archive.namelist()


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """
    Tests, documentation and examples stay out of the wheel.
    """
    with ZipFile(wheel) as archive:
        tops = {name.split("/")[0].partition("-")[0] for name in archive.namelist()}

    assert {"databricks_forwarder"} == tops


def test_wheel_holds_the_licence(wheel: Path) -> None:
    """
    The licence travels with the wheel.
    """
    with ZipFile(wheel) as archive:
        licences = [name for name in archive.namelist() if name.endswith("/LICENSE")]

    assert 1 == len(licences)


def test_wheel_holds_every_module_and_sample(wheel: Path) -> None:
    """
    What is in the source tree of the package is in the wheel.
    """
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "databricks_forwarder").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    with ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert sources == packed
