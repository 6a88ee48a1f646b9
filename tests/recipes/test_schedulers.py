"""
Schedulers that call tick.
"""

from __future__ import annotations

import runpy
import threading
from pathlib import Path

import pytest
from walking import InMemory

from databricks_forwarder import UploadPolicy
from databricks_forwarder.errors import TransientError
from databricks_forwarder.testing.faults import Fail, faulty

pytest.importorskip("apscheduler")

EXAMPLE = Path(__file__).parents[2] / "examples" / "scheduler.py"


def test_a_beat_carries_what_is_due(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The scheduler's thread carries the load, and says its account.
    """
    code = runpy.run_path(str(EXAMPLE))["main"](tmp_path)

    assert 0 == code
    assert "Account(received=2, loaded=2, dead=0, dropped=0, pending=0)\n" == (
        capsys.readouterr().out
    )


def test_a_beat_that_fails_is_followed_by_another(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A load that fails is told in the log, and the next beat carries it.
    """
    beat = runpy.run_path(str(EXAMPLE))["beat"]
    fails = Fail(method="load", error=TransientError("away"))

    def wrap(name: str, part: object) -> object:
        return faulty(part, fails) if name == "loader" else part

    done = threading.Event()
    policy = UploadPolicy(max_messages=1)
    with InMemory(tmp_path).forwarder(wrap=wrap, policy=policy) as forwarder:
        forwarder.submit("{}")
        beat(forwarder, done)
        is_done_at_first = done.is_set()
        beat(forwarder, done)

    assert (False, True) == (is_done_at_first, done.is_set())
    assert "a load failed: away" in caplog.text
