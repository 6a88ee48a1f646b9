"""
Files of each format that was ever written are read for ever.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from kept_spools import DAY, KIND, NOON, leased, make, payload, report

from databricks_forwarder.batchers.sqlite import SqliteBatcher, repair
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import Account, LoadId, Offset, TableName

KEPT = Path(__file__).with_name("kept")


@pytest.fixture(params=["kept", "made now"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """
    Give the files that are kept, and, to hold the test itself, new ones.
    """
    folder = tmp_path / "files"
    if request.param == "kept":
        return Path(shutil.copytree(KEPT, folder))
    folder.mkdir()
    make(folder)
    return folder


def test_a_spool_of_format_1_is_read_whole(folder: Path) -> None:
    """
    Waiting, open, parked and dead, notes, checkpoints and reports: all are there.
    """
    with closing(SqliteBatcher(folder / "spool-1.db")) as batcher:
        name = f"{batcher.id}-"
        status = batcher.status()
        (done,), (aside,) = batcher.loads(), batcher.parked()
        (dead,) = batcher.dead_letters()
        checkpoint = batcher.checkpoint()
        out = leased(batcher)
        records = list(out.records)
        batcher.carry_on(aside.load_id)
        batcher.commit(out.load_id, report(out), at=NOON)
        again = leased(batcher)
        batcher.commit(again.load_id, report(again), at=NOON)
        rest = [leased(batcher).offsets.first]
        batcher.replay([dead.offset])
        account = batcher.status().account

    assert Account(received=9, loaded=1, dead=1, pending=7) == status.account
    assert NOON + timedelta(seconds=6) == status.oldest_received_at
    assert [f"{name}0-1", f"{name}2-3", f"{name}4-5"] == [
        done.load_id,
        aside.load_id,
        out.load_id,
    ]
    assert {"orders-0": "8", "orders-1": "ü"} == checkpoint
    assert (payload(0).document, "it is not UTF-8 — at byte 7") == (
        dead.payload,
        dead.reason,
    )
    assert {"routes": '{"a":"first_run"}', "staging": "[1, 2]"} == out.notes
    assert {"routes": '{"a":"first_run"}'} == again.notes
    assert [payload(4).document, payload(5).document] == [
        record.payload for record in records
    ]
    assert [NOON + timedelta(seconds=4), NOON + timedelta(seconds=5)] == [
        record.received_at for record in records
    ]
    assert done == attrs.evolve(report(attrs.evolve(out), dead=1), **told(done))
    assert [Offset(6)] == rest
    assert Account(received=9, loaded=5, pending=4) == account


def told(done: object) -> dict[str, object]:
    """
    Give what a report says of its own load.
    """
    names = ("load_id", "offsets", "attempt", "dead")
    return {name: getattr(done, name) for name in names}


def test_counts_of_format_1_are_read_whole(folder: Path) -> None:
    """
    Messages, counted loads and names are there.
    """
    counts = SqliteEventCounts(folder / "counts-1.db")
    counts.add(LoadId("0123456789ab-0-1"), {KIND: 7}, on=DAY)

    assert {KIND: 7} == counts.totals([KIND], since=DAY)
    assert {"owner": "event_navigation_grüße"} == counts.given(["owner"])
    with pytest.raises(ValueError, match="other"):
        counts.give({"other": [TableName("event_navigation_grüße")]})


@pytest.mark.parametrize("version", [0, 2])
def test_a_spool_of_another_format_is_refused_untouched(
    version: int, tmp_path: Path
) -> None:
    """
    A spool of a format that this version does not know is left as it is.
    """
    path = Path(shutil.copy(KEPT / "spool-1.db", tmp_path))
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=f"is a spool of format {version}, "):
        SqliteBatcher(path)

    assert before == path.read_bytes()


def test_a_spool_of_a_newer_format_is_not_repaired(tmp_path: Path) -> None:
    """
    A repair leaves alone what it would not understand.
    """
    path = Path(shutil.copy(KEPT / "spool-1.db", tmp_path))
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="repair it with the version"):
        repair(path)

    assert before == path.read_bytes()


@pytest.mark.parametrize("version", [0, 2])
def test_counts_of_another_format_are_refused_untouched(
    version: int, tmp_path: Path
) -> None:
    """
    Counts of a format that this version does not know are left as they are.
    """
    path = Path(shutil.copy(KEPT / "counts-1.db", tmp_path))
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=f"has format {version}, "):
        SqliteEventCounts(path)

    assert before == path.read_bytes()
