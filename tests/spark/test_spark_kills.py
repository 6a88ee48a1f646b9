"""
A streaming query that is killed and started again loses and doubles nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from local_spark import NEEDS_SPARK, put_payloads, spark_tables
from spark_life import THRESHOLD
from streams import compared, walked
from walking import batch, custom

pytestmark = NEEDS_SPARK

HERE = Path(__file__).parent

# Of each micro-batch: its number, and where in it a life ends.
ENDS = ("0:table 2", "0:learnt", "1:written")


def payloads_of(first_id: int) -> list[bytes]:
    """
    A few payloads: two kinds, a feed, and one that is no batch.

    The first kind is common in the first group and frequent in the second; were
    the first counted twice, its repeat would send it to a table of its own.
    """
    many = [custom("A", first_id + number) for number in range(THRESHOLD - 2)]
    feed = {"channel": "partner", "partner": "Acme"}
    return [
        batch(*many),
        batch(custom("B", first_id + 100)),
        batch(custom("C", first_id + 101), source_info=feed, unknown=1),
        b"torn",
    ]


def live(folder: Path, end: str | None) -> str:
    """
    Run a query until it says something; kill it and all its kin if it is to end.
    """
    program = [sys.executable, str(HERE / "spark_life.py"), str(folder)]
    with subprocess.Popen(
        [*program, *([end] if end else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        if end:
            os.killpg(process.pid, signal.SIGKILL)
    return said


@pytest.mark.timeout(900)  # four starts of Spark, on machines that do more besides
def test_a_killed_query_has_each_event_once(tmp_path: Path) -> None:
    """
    Killed at three points of two micro-batches, it leaves the tables of the walk.
    """
    groups = [payloads_of(0), payloads_of(1000)]
    truth = walked(groups, tmp_path / "walk", events_threshold=THRESHOLD)
    put_payloads(tmp_path / "source", groups, truth.offsets, truth.received_at)

    assert ["reached"] * len(ENDS) == [live(tmp_path, end) for end in ENDS]
    assert "done" == live(tmp_path, None)

    schemas = {name: table.schema for name, table in truth.tables.items()}
    tables = spark_tables(tmp_path / "tables", schemas)
    letters = tables.pop("shop_deadletters")

    assert {"acme", "event_navigation_a", "shop_otherevents"} == truth.tables.keys()
    assert truth.tables.keys() == tables.keys()
    for name, table in truth.tables.items():
        assert compared(table) == compared(tables[name]), name
    assert [b"torn", b"torn"] == letters["payload"].to_pylist()
