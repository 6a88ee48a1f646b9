"""
Links within the project lead to a file that is there, and to a heading in it.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_EXAMPLE = re.compile(r"(?<![/\w])(examples/\w+\.py)\b")


def anchors(page: Path) -> set[str]:
    """
    Spell the headings of a page as links do.
    """
    headings = _HEADING.findall(_BLOCK.sub("", page.read_text()))
    return {
        re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings
    }


def dangling(page: Path) -> list[str]:
    """
    List the links of *page* that lead nowhere.
    """
    text = _CODE.sub("", _BLOCK.sub("", page.read_text()))
    found = []
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_dangles(page: Path) -> None:
    """
    Each link to a file of the project has its target, and its heading.
    """
    assert [] == dangling(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_example_that_is_named_is_there(page: Path) -> None:
    """
    A page that says which example to run names one.
    """
    named = _EXAMPLE.findall(page.read_text())

    assert [] == [name for name in named if not (ROOT / name).exists()]


def test_a_link_that_dangles_is_found(tmp_path: Path) -> None:
    """
    A file or a heading that is not there is told, code and other sites are not.
    """
    page = tmp_path / "page.md"
    page.write_text(
        "# A Heading, here\n[a](page.md#a-heading-here) [b](#no-heading) [c](no.md)"
        " [d](https://example.com/no) `[e](no.md)`\n```\n[f](no.md)\n```\n"
    )

    assert ["#no-heading", "no.md"] == dangling(page)


def test_each_page_is_in_the_index() -> None:
    """
    A page that is in no table of contents is found by nobody.
    """
    index = (ROOT / "docs" / "index.md").read_text()
    listed = set(re.findall(r"^([a-z-]+(?:/[a-z-]+)?)$", index, re.MULTILINE))
    pages = {
        page.relative_to(ROOT / "docs").with_suffix("").as_posix()
        for page in (ROOT / "docs").glob("**/*.md")
    }

    assert {"index"} == pages - listed
    assert set() == listed - pages
