"""
What is told about the dependencies is so.
"""

from __future__ import annotations

import re
from email.message import Message
from itertools import chain

import pytest
from licences import families, family, with_what_they_bring
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from project_file import ROOT, requirements

PAGE = (ROOT / "docs/reference/dependencies.md").read_text()
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| package", "| ---"))
]
ACCEPTED = {
    family(each)
    for each in re.findall(r"[\w.-]*\w", PAGE.split("installed:\n")[1].split("\n")[0])
}


def about(**fields: str) -> Message:
    """
    Make the metadata of a package.
    """
    message = Message()
    for key, value in fields.items():
        message[key.replace("_", "-")] = value
    return message


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (about(License_Expression="MIT"), {"MIT"}),
        (
            about(License_Expression="(MIT OR GPL-3.0) AND 0BSD"),
            {"MIT", "GPL-3.0", "0BSD"},
        ),
        (about(License_Expression="BSD-3-Clause"), {"BSD"}),
        (about(License="Apache License 2.0"), {"Apache-2.0"}),
        (
            about(
                License="a whole text",
                Classifier="License :: OSI Approved :: MIT License",
            ),
            {"MIT"},
        ),
        (
            about(License="ISC", Classifier="License :: OSI Approved :: BSD License"),
            {"ISC", "BSD"},
        ),
        (about(License_Expression="GPL-3.0-only"), {"GPL-3.0-only"}),
        (about(), {""}),
    ],
)
def test_licences_are_read(metadata: Message, expected: set[str]) -> None:
    """
    A licence may be told as an expression, as a classifier, as text, or not at all.
    """
    assert expected == families(metadata)


def test_each_dependency_is_on_the_page() -> None:
    """
    The page has all dependencies of the package and of its extras, and no others.
    """
    required = {
        (canonicalize_name(each.name), extra)
        for extra, some in requirements().items()
        for each in some
    }

    assert required == {(name, extra) for name, extra, *_ in ROWS}


@pytest.mark.parametrize(("name", "licence"), [row[::2][:2] for row in ROWS])
def test_licence_of_a_dependency_is_as_the_page_says(name: str, licence: str) -> None:
    """
    A licence on the page is that of the package, where it is installed.
    """
    told = {family(each) for each in licence.split(" OR ")}
    installed = with_what_they_bring([Requirement(name)]).get(name)

    assert installed is None or told <= families(installed)


def test_licences_of_all_that_is_brought_are_accepted() -> None:
    """
    Nothing comes with the dependencies that asks more of a host than the page says.
    """
    brought = with_what_they_bring(chain.from_iterable(requirements().values()))
    refused = {
        name: sorted(unknown)
        for name, metadata in brought.items()
        if (unknown := families(metadata) - ACCEPTED)
    }

    assert {} == refused
    assert {"numpy", "oauthlib", "urllib3"} <= set(brought)
