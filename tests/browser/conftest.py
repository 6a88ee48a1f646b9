"""
A headless Chromium, and the page that it looks at.

Without Chromium, or without Playwright, the tests are skipped, unless the
environment says ``REPORT_BROWSER=required``; ``CHROMIUM`` names the program if it
is somewhere else.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lived import live

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder._report.report import Report

_PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")


def _missing(what: str) -> None:
    if os.environ.get("REPORT_BROWSER") == "required":
        pytest.fail(f"{what} is missing, and the environment requires it")
    pytest.skip(f"{what} is missing: `nox -s browser` has it")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """
    A browser of Debian's own, that Playwright leads.
    """
    named = os.environ.get("CHROMIUM")
    program = named or next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        _missing("Chromium")
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 (not everywhere)
    except ImportError:
        _missing("Playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lived(chromium: object, tmp_path_factory: pytest.TempPathFactory) -> Report:
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
