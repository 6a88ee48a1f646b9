"""
The pictures of the documentation show what is there, to everyone.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
WALK = DOCS / "explanation" / "the-walk.svg"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(name="house", scope="module")
def _house() -> ModuleType:
    place = DOCS / "_ext" / "house.py"
    spec = importlib.util.spec_from_file_location("house", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contract() -> list[list[str]]:
    """
    Read the storeys as import-linter does.
    """
    project: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["type"] == "layers")
    return [
        [name.strip().strip("()") for name in storey.split("|")] for storey in layers
    ]


def words(picture: ET.Element, kind: str) -> list[str]:
    """
    List the texts of a class, in the order in which they are drawn.
    """
    found = picture.iter(f"{SVG}text")
    return [text.text or "" for text in found if text.get("class") == kind]


def test_the_house_has_the_storeys_that_are_checked(house: ModuleType) -> None:
    """
    The picture names all modules of the layers' contract, storey by storey.
    """
    picture = ET.fromstring(house.draw(house.storeys()))
    groups = [words(group, "name") for group in picture.iter(f"{SVG}g")]

    assert contract() == groups


def test_the_house_is_no_longer_than_a_page_is_wide(house: ModuleType) -> None:
    """
    However many modules a storey has, they end before its note.
    """
    crowd = [f"_a_rather_long_name_{number}" for number in range(20)]
    picture = ET.fromstring(house.draw([crowd]))
    rooms = [each for each in picture.iter(f"{SVG}rect") if each.get("class") == "room"]
    ends = [float(each.get("x", 0)) + float(each.get("width", 0)) for each in rooms]

    assert len(crowd) == len(ends)
    assert max(ends) < 600


def test_each_note_of_the_house_stands_beside_its_storey(house: ModuleType) -> None:
    """
    No note is left of a module that is gone, and no storey has two.
    """
    noted = [[name for name in storey if name in house.NOTES] for storey in contract()]

    assert house.NOTES.keys() == {name for names in noted for name in names}
    assert max(map(len, noted)) == 1


def test_the_house_can_stand_in_markdown(house: ModuleType) -> None:
    """
    An empty line would end the block that it is in.
    """
    assert "" not in house.draw(house.storeys()).splitlines()


def test_the_walk_has_the_steps_of_its_page() -> None:
    """
    The picture draws the steps in the order that the page tells.
    """
    page = WALK.with_suffix(".md").read_text()
    (told,) = re.findall(r"^lease ─▶ .*$", page, re.MULTILINE)

    assert told.split(" ─▶ ") == words(ET.parse(WALK).getroot(), "step")


def test_the_walk_can_be_seen_by_everyone() -> None:
    """
    It scales, is told to those who don't see it, and follows a dark page.
    """
    text = WALK.read_text()
    root = ET.fromstring(text)
    labels = [root.find(f"{SVG}{name}") for name in ("title", "desc")]

    assert "img" == root.get("role")
    assert root.get("viewBox")
    assert all(label is not None and label.text for label in labels)
    assert "prefers-color-scheme:dark" in text
    assert not re.search(r"@import|@font-face|url\(|href", text)
