"""
What is told about the package, and what is in the wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from project_file import ROOT, requirements

import databricks_forwarder

NEEDS_GIT = pytest.mark.skipif(
    shutil.which("git") is None, reason="tags are git's, and there is no git"
)


def build(source: Path, target: str, place: Path) -> Path:
    """
    Build a wheel or a sdist of the project in *source*; tell where it is.
    """
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", place],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = place.iterdir()
    return built


def git(source: Path, *words: str) -> None:
    """
    Run git in *source*, with none of the settings of whoever runs it.
    """
    person = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    nobodys = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    clean = {key: value for key, value in os.environ.items() if key[:4] != "GIT_"}
    subprocess.run(
        ["git", *person, *words],
        cwd=source,
        env=clean | nobodys,
        check=True,
        capture_output=True,
    )


def told_version(built: Path) -> str:
    """
    Read the version in the metadata of a wheel or a sdist.
    """
    return str(HeaderParser().parsestr(told(built))["Version"])


def told(built: Path) -> str:
    """
    Read the metadata of a wheel or a sdist.
    """
    if built.suffix == ".whl":
        with ZipFile(built) as archive:
            (name,) = (each for each in archive.namelist() if "/METADATA" in each)
            return archive.read(name).decode()
    with tarfile.open(built) as archive:
        (name,) = (each for each in archive.getnames() if "/PKG-INFO" in each)
        member = archive.extractfile(name)
        assert member is not None
        return member.read().decode()


def sections(version: Version, changelog: str) -> set[str]:
    """
    Find the changelog's section for *version*: of a release, its own.
    """
    headings = {
        line.removeprefix("## ").split(" ")[0].strip("[]")
        for line in changelog.splitlines()
        if line.startswith("## ")
    }
    return headings & {"Unreleased" if version.is_devrelease else str(version)}


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(name="source")
def _source(tmp_path: Path) -> Path:
    """
    The package and what it is built with, without any git.
    """
    source = tmp_path / "source"
    bare = shutil.ignore_patterns("__pycache__")
    package = "databricks_forwarder"
    shutil.copytree(ROOT / package, source / package, ignore=bare)
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, source)
    return source


@pytest.fixture(name="committed")
def _committed(source: Path) -> Path:
    """
    The same in a repository of its own, with one commit and no tag.
    """
    git(source, "init")
    git(source, "add", ".")
    git(source, "commit", "--message", "Begin")
    return source


@NEEDS_GIT
@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_version_is_the_tags(committed: Path, tmp_path: Path, target: str) -> None:
    """
    What is built from a tag has the version that the tag says.
    """
    git(committed, "tag", "v1.2.3")

    assert "1.2.3" == told_version(build(committed, target, tmp_path / "dist"))


@NEEDS_GIT
def test_sdist_keeps_its_version(committed: Path, tmp_path: Path) -> None:
    """
    A wheel that is built from a sdist has the sdist's version, without git.
    """
    git(committed, "tag", "v1.2.3")
    with tarfile.open(build(committed, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()

    assert "1.2.3" == told_version(build(unpacked, "wheel", tmp_path / "wheel"))


@NEEDS_GIT
def test_version_after_a_tag_comes_before_the_next(
    committed: Path, tmp_path: Path
) -> None:
    """
    What is built after a tag is older than the next release, and names its commit.
    """
    git(committed, "tag", "v1.2.3")
    git(committed, "commit", "--allow-empty", "--message", "Go on")
    version = Version(told_version(build(committed, "wheel", tmp_path / "dist")))

    assert Version("1.2.3") < version < Version("1.2.4")
    assert str(version.local).startswith("g")


@NEEDS_GIT
def test_version_without_tags_is_older_than_all(
    committed: Path, tmp_path: Path
) -> None:
    """
    A repository without tags, as a shallow clone is, builds what no release is.
    """
    version = Version(told_version(build(committed, "wheel", tmp_path / "dist")))

    assert (True, "0.0.1") == (version.is_devrelease, version.base_version)


def test_version_without_git_is_zero(source: Path, tmp_path: Path) -> None:
    """
    A copy of the files that has no git beside it can be built all the same.
    """
    assert "0.0.0" == told_version(build(source, "wheel", tmp_path / "dist"))


def test_package_tells_its_version() -> None:
    """
    The version can be asked of the package itself.
    """
    assert metadata.version("databricks-forwarder") == databricks_forwarder.__version__


@pytest.mark.parametrize(
    ("version", "expected"),
    [("0.2.0", {"0.2.0"}), ("0.3.0", set()), ("0.2.1.dev4+g1234567", {"Unreleased"})],
)
def test_headings_of_a_version_are_found(version: str, expected: set[str]) -> None:
    """
    A release has a section of its own, what comes before it the unreleased one.
    """
    changelog = "# Changelog\n\n## Unreleased\n\n## [0.2.0] - 2026-12-01\n"

    assert expected == sections(Version(version), changelog)


def test_this_version_is_in_the_changelog() -> None:
    """
    The changelog has a section for this version, or for what is coming.
    """
    version = Version(metadata.version("databricks-forwarder"))

    assert sections(version, (ROOT / "CHANGELOG.md").read_text())


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


def test_wheel_asks_for_what_the_project_does(wheel: Path) -> None:
    """
    The wheel requires the dependencies of pyproject.toml, each extra its own.
    """
    expected = {str(each) for some in requirements().values() for each in some}
    requires = HeaderParser().parsestr(told(wheel)).get_all("Requires-Dist", [])

    assert expected == {str(Requirement(each)) for each in requires}


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
