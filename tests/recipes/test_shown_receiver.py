"""
The tests that the page on testing shows for a receiver.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from receivers import EXAMPLES

PAGE = EXAMPLES.parent / "docs/how-to/watch-it.md"

for _name in ("fastapi", "uvicorn", "httpx2"):
    pytest.importorskip(_name)


def test_the_tests_of_a_receiver_pass(tmp_path: Path) -> None:
    """
    Beside the example for FastAPI, and with no more than that, they pass.
    """
    (tmp_path / "test_receiver.py").write_text(
        Path(__file__).with_name("shown_receiver.py").read_text()
    )
    (tmp_path / "fastapi_receiver.py").write_text(
        (EXAMPLES / "fastapi_receiver.py").read_text()
    )
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(EXAMPLES.parent), *sys.path]),
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == ran.returncode, ran.stdout
    assert "3 passed" in ran.stdout


def test_the_route_of_metrics_answers_without_a_redirect() -> None:
    """
    The page's route is found at the path that Prometheus asks, as text of its kind.
    """
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    (route,) = re.findall(
        r"\n\n(from fastapi import .*?)^```$",
        PAGE.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    app = FastAPI()
    exec(compile(route, PAGE.name, "exec"), {"app": app})
    answer = TestClient(app).get("/metrics", follow_redirects=False)

    assert 200 == answer.status_code
    assert answer.headers["content-type"].startswith("text/plain; version=")
