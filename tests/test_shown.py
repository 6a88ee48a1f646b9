"""
How values show themselves.
"""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone
from pathlib import Path

import attrs

from databricks_forwarder import Forwarder
from databricks_forwarder._shown import Loads
from databricks_forwarder._status import Status
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    TableName,
    TableReport,
)

AT = datetime(2026, 3, 31, 12, tzinfo=timezone.utc)
HOSTILE = "<script>alert(1)</script>"
LOAD = LoadReport(
    load_id=LoadId("0123456789ab-0-9"),
    offsets=OffsetRange(Offset(0), Offset(9)),
    attempt=2,
    settled_at=AT,
    account=Account(received=1234, loaded=1200, dead=4, pending=30),
    tables=[
        TableReport(
            table=TableName(HOSTILE),
            row_count=1200,
            file_count=1,
            size_bytes=5678,
            state="parked",
            reason=HOSTILE,
        )
    ],
    dead=[
        DeadLetter(
            offset=Offset(3),
            received_at=AT,
            message_count=4,
            reason=HOSTILE,
            load_id=LoadId("0123456789ab-0-9"),
            payload=b"person1@example.com",
        )
    ],
    oldest_received_at=AT - timedelta(minutes=90),
    begun_at=AT - timedelta(seconds=30),
)
STATUS = Status(
    account=LOAD.account,
    waiting=3,
    oldest_received_at=AT,
    due_at=None,
    open_load_ids=[LoadId("0123456789ab-10-19")],
    parked_load_ids=(),
    stored_bytes=77,
    is_running=False,
    destination=None,
    last_error=HOSTILE,
)


def test_a_load_has_three_latencies() -> None:
    """
    Queued and carrying are end to end together; without moments there are none.
    """
    before = attrs.evolve(LOAD, oldest_received_at=None, begun_at=None)

    assert timedelta(minutes=89, seconds=30) == LOAD.queued
    assert timedelta(seconds=30) == LOAD.carrying
    assert timedelta(minutes=90) == LOAD.end_to_end
    assert (None, None, None) == (before.queued, before.carrying, before.end_to_end)


def test_loads_are_a_sequence() -> None:
    """
    They equal a tuple, a part of them shows itself too, and they can be pickled.
    """
    loads = Loads([LOAD, LOAD])

    assert (LOAD, LOAD) == loads
    assert LOAD is loads[0]
    assert isinstance(loads[:1], Loads)
    assert loads == pickle.loads(pickle.dumps(loads))


def test_loads_tell_themselves_in_lines() -> None:
    """
    A load is a line; of very many only the first are told.
    """
    lines = repr(Loads([LOAD] * 12)).splitlines()

    assert "<Loads: 12>" == lines[0]
    assert (
        "0123456789ab-0-9  2026-03-31 12:00:00 UTC  1234 = 1200 loaded + 4 dead + "
        "0 dropped + 30 pending  parked"
    ) == lines[1]
    assert "and 2 more" == lines[-1]
    assert "<Loads: 0>" == repr(Loads())


def test_a_notebook_shows_loads_as_a_table() -> None:
    """
    Each load is a row, with its figures and its state.
    """
    before = attrs.evolve(LOAD, tables=(), oldest_received_at=None)
    shown = Loads([LOAD, before])._repr_html_()

    assert 3 == shown.count("<tr>")
    assert "1:30:00" in shown
    assert "parked" in shown
    assert "committed" in shown


def test_a_notebook_shows_a_load() -> None:
    """
    Figures, tables and dead letters are there; a name that is markup is text.
    """
    shown = LOAD._repr_html_()

    assert "<td>Received</td><td>1234</td>" in shown
    assert '<td class="n">5678</td>' in shown
    assert "Parked as a whole" not in shown
    assert 3 == shown.count("&lt;script&gt;")
    assert "<script" not in shown
    assert "person1" not in shown


def test_a_notebook_shows_a_status() -> None:
    """
    What is known is told, and what is not is left out.
    """
    shown = STATUS._repr_html_()

    assert "<td>Waiting</td><td>3</td>" in shown
    assert "2026-03-31 12:00:00 UTC" in shown
    assert "Next load due at" not in shown
    assert "<script" not in shown
    assert "runs" in attrs.evolve(STATUS, is_running=True)._repr_html_()


def test_a_forwarder_gives_what_shows_itself(tmp_path: Path) -> None:
    """
    Status, loads and parked loads of a forwarder have a look of their own.
    """
    with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "spool") as forwarder:
        forwarder.submit({"events": [{"event_type": "first_run"}]})
        (report,) = forwarder.flush()
        shown = (forwarder.status(), forwarder.loads(), forwarder.parked(), report)

        assert all("<table>" in each._repr_html_() for each in shown)
    assert timedelta(0) <= report.carrying <= report.end_to_end
