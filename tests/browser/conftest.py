"""
A headless Chromium, and the page that it looks at.

Without Chromium, or without Playwright, the tests are skipped, unless the
environment says ``REPORT_BROWSER=required``; ``CHROMIUM`` names the program if it
is somewhere else.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from lived import live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder._report.report import Report

_PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")


def _missing(what: str) -> NoReturn:
    if os.environ.get("REPORT_BROWSER") == "required":
        pytest.fail(f"{what} is missing, and the environment requires it")
    pytest.skip(f"{what} is missing: `nox -s browser` has it")


@pytest.fixture(scope="session")
def program() -> str:
    """
    The browser's program, if it and what leads it are there.
    """
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None:
        _missing("Chromium")
    if find_spec("playwright") is None:
        _missing("Playwright")
    return str(found)


# What leads it keeps an event loop running in this thread: no longer than needed.
@pytest.fixture(scope="module")
def chromium(program: str) -> Iterator[Any]:
    """
    A browser of Debian's own, that Playwright leads.
    """
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (not everywhere)

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lived(program: object, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """
    A report after two weeks; made only where there is a browser to show it.
    """
    return live(tmp_path_factory.mktemp("lived"))


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Where pictures are kept, for a person to look at.
    """
    named = os.environ.get("REPORT_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
