"""
Bytes of the spool's files change: nothing wrong is taken for good.
"""

from __future__ import annotations

import logging
import random
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import attrs
import pytest
from damages import (
    PAGE,
    Made,
    change,
    flip,
    judge,
    lived_on,
    made,
    place_of,
    refused_by,
    root_of,
)
from spools import (
    NOON,
    Carried,
    asked,
    carried,
    leased,
    opened,
    payload,
    report,
)
from tries import SEED, tries

from databricks_forwarder import Forwarder
from databricks_forwarder.batchers._sqlite_log import read_log
from databricks_forwarder.batchers.sqlite import (
    SqliteBatcher,
    repair,
)
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import Account
from databricks_forwarder.testing.payloads import make_event, make_payload


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """
    Make a spool without a log.
    """
    return made(tmp_path_factory.mktemp("whole"), is_logged=False)


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """
    Make a spool that is still in its log.
    """
    return made(tmp_path_factory.mktemp("logged"), is_logged=True)


def damage(rng: random.Random, path: Path) -> None:
    """
    Change a bit, a byte, or a whole page of a file.
    """
    size = path.stat().st_size
    at = rng.randrange(size)
    kind = rng.choice(["bit", "byte", "page", "nothing left"])
    if kind == "bit":
        flip(path, at, 1 << rng.randrange(8))
    elif kind == "byte":
        change(path, at, rng.randbytes(1))
    else:
        change(path, at // PAGE * PAGE, _page(rng, kind)[: size - at // PAGE * PAGE])


def _page(rng: random.Random, kind: str) -> bytes:
    return rng.randbytes(PAGE) if kind == "page" else bytes(PAGE)


def test_whatever_changes_in_the_file_is_told(whole: Made, tmp_path: Path) -> None:
    """
    After any change each record comes as it was stored, or its loss is told.
    """
    rng = random.Random(SEED)
    for _ in range(tries(40)):
        path = whole.copy(tmp_path / "changed")
        damage(rng, path)
        judge(whole.told, *lived_on(path))


def test_whatever_changes_in_the_log_is_told(
    logged: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    After any change of the log each record comes, or its loss is told.
    """
    rng = random.Random(SEED)
    for _ in range(tries(15)):
        caplog.clear()
        path = logged.copy(tmp_path / "changed")
        damage(rng, path.with_name(f"{path.name}-wal"))
        result, mended = lived_on(path)
        told = logged.told
        if "the last write" in caplog.text:
            last = sorted(told.records)[:-2]
            told = attrs.evolve(
                told,
                records={
                    offset: each
                    for offset, each in told.records.items()
                    if offset in last or offset in result.payloads
                },
                dead=dict(told.records),
            )
        judge(told, result, mended)


def test_a_whole_log_is_broken_nowhere(logged: Made, tmp_path: Path) -> None:
    """
    Of a log that is as it was written nothing is missing, and nothing goes on.
    """
    log = read_log(logged.copy(tmp_path / "whole"))

    assert log is not None
    assert (None, None) == (log.broken_at, log.resumes_at)


def test_a_log_without_its_header_is_read_all_the_same(
    logged: Made, tmp_path: Path
) -> None:
    """
    The frames of a log whose header changed say what they belong to.
    """
    path = logged.copy(tmp_path / "changed")
    flip(path.with_name(f"{path.name}-wal"), 17)
    result, mended = lived_on(path)

    assert mended is not None
    assert mended.is_whole
    judge(logged.told, result, mended)


def test_a_changed_payload_dies_alone_in_the_walk(tmp_path: Path) -> None:
    """
    A payload that changed on the disk is a dead letter, its neighbours are loaded.
    """
    spool = tmp_path / "spool.db"
    with Forwarder.for_lake(tmp_path / "lake", spool=spool) as forwarder:
        for name in ("one", "two", "three"):
            forwarder.submit(make_payload(make_event("screen_view", screen_name=name)))
    change(spool, place_of(spool, b'"two"'), b'"too"')
    with Forwarder.for_lake(tmp_path / "lake", spool=spool) as forwarder:
        forwarder.flush()
        (letter,) = forwarder.dead_letters()
        account = forwarder.status().account

    assert 1 == letter.offset
    assert "the stored bytes changed: CRC-32" in letter.reason
    assert Account(received=3, loaded=2, dead=1) == account


def test_what_the_index_still_knows_mends_a_record(whole: Made, tmp_path: Path) -> None:
    """
    A record that forgot what it was counted as has it from its index.
    """
    path = whole.copy(tmp_path / "changed")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute("DELETE FROM sqlite_master WHERE name = 'records_sizes'")
        database.commit()
    # Without its index the table can be changed alone.
    schema = asked(whole.path, "SELECT * FROM sqlite_master WHERE name='records_sizes'")
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE records SET message_count = 900 WHERE offset = 14")
        database.execute("UPDATE records SET received_at = 1 << 60 WHERE offset = 15")
        database.execute("PRAGMA writable_schema = ON")
        database.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", schema[0])
        database.commit()
    result, mended = lived_on(path)

    assert mended is None
    assert whole.told.records == result.payloads
    assert {2} == {letter.message_count for letter in result.dead.values()}


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a note": (
        lambda path: change(path, place_of(path, b"routes of it"), b"ruotes"),
        "a note of a load is not",
    ),
    "a checkpoint": (
        lambda path: change(path, place_of(path, b"p01042"), b"p01043"),
        "a checkpoint is not what was stored",
    ),
    "the header": (lambda path: change(path, 0, b"sqlite format 9"), "is no spool"),
    "the size of its pages": (
        lambda path: change(path, 16, (512).to_bytes(2, "big")),
        "spool",
    ),
    "the schema": (
        lambda path: change(path, 200, b"\xff" * (PAGE - 200)),
        "is damaged",
    ),
    "the root of the records": (
        lambda path: change(path, root_of(path, "records"), b"\xff" * PAGE),
        "is damaged",
    ),
    "the index": (
        lambda path: change(path, root_of(path, "records_sizes"), bytes(PAGE)),
        "is damaged",
    ),
    "the spool's own row": (
        lambda path: change(path, root_of(path, "spool"), bytes(PAGE)),
        "is damaged",
    ),
    "the loads": (
        lambda path: change(path, root_of(path, "loads"), bytes(PAGE)),
        "is damaged",
    ),
    "a load's name": (
        lambda path: change(path, place_of(path, b"-8-11"), b"-8-19"),
        "is damaged",
    ),
    "a text that is none": (
        lambda path: change(path, place_of(path, b"p01042"), b"p0\xff042"),
        "is damaged",
    ),
    "the end": (
        lambda path: path.write_bytes(path.read_bytes()[: -5 * PAGE]),
        "is damaged",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_can_not_go_on_says_how_to_mend_it(
    name: str, whole: Made, tmp_path: Path
) -> None:
    """
    A spool that is damaged beyond one payload names the command that mends it.
    """
    changes, words = CHANGES[name]
    path = whole.copy(tmp_path / "changed")
    changes(path)
    before = Carried()
    refused = str(refused_by(path, before))

    assert words in refused
    assert f"python -m databricks_forwarder repair --spool {path}" in refused
    judge(whole.told, *lived_on(path, before))


def test_a_root_that_is_gone_costs_no_record(whole: Made, tmp_path: Path) -> None:
    """
    Without the page that leads to them all records are found and saved.
    """
    path = whole.copy(tmp_path / "changed")
    change(path, root_of(path, "records"), b"\xff" * PAGE)
    mended = repair(path)
    with opened(path) as batcher:
        result = carried(batcher, Carried())

    assert () == (*mended.lost_offsets, *mended.damaged_offsets)
    assert whole.told.records == result.payloads
    assert whole.told.spool_id == mended.id


def test_a_log_that_changed_in_its_middle_is_not_its_end(
    logged: Made, tmp_path: Path
) -> None:
    """
    Calls that were acknowledged after a changed page are not forgotten.
    """
    path = logged.copy(tmp_path / "changed")
    log = path.with_name(f"{path.name}-wal")
    flip(log, 32 + 20 * (PAGE + 24) + 1000)
    with pytest.raises(BatcherError, match=r"frame 21 of its log .* repair --spool"):
        SqliteBatcher(path)
    mended = repair(path)
    with opened(path) as batcher:
        result = carried(batcher, Carried())

    assert mended.is_whole
    assert logged.told.records == result.payloads


def test_a_log_that_changed_at_its_end_is_warned_of(
    logged: Made, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    What looks like a write that the power cut off is said to be one.
    """
    path = logged.copy(tmp_path / "changed")
    log = path.with_name(f"{path.name}-wal")
    flip(log, log.stat().st_size - 100)
    with caplog.at_level(logging.WARNING), opened(path) as batcher:
        result = carried(batcher, Carried())

    assert "the last write to" in caplog.text
    assert sorted(logged.told.records)[:-2] == sorted(result.payloads)


def test_a_record_that_is_not_in_its_place_stops_the_load(tmp_path: Path) -> None:
    """
    A load never goes on without a record that it should have.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        batcher.append([payload(number) for number in range(4)], at=NOON)
        lease = leased(batcher)
        with closing(sqlite3.connect(path)) as database:
            database.execute("UPDATE records SET offset = 77 WHERE offset = 2")
            database.commit()
        with pytest.raises(BatcherError, match="record 2 is not in its place"):
            list(lease.records)


def test_rows_out_of_order_are_never_read_twice(tmp_path: Path) -> None:
    """
    A dead letter that stands before a lower one ends the reading with an error.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        batcher.append([payload(number) for number in range(4)], at=NOON)
        lease = leased(batcher)
        batcher.commit(
            lease.load_id, report(lease, dead={1: "unfit", 2: "unfit"}), at=NOON
        )
    page = root_of(path, "dead_letters")
    (cell,) = struct.unpack_from(">H", path.read_bytes(), page + 8)
    # A row begins with its size, in two bytes here, and its offset.
    assert 1 == path.read_bytes()[page + cell + 2]
    change(path, page + cell + 2, bytes([9]))
    with opened(path) as batcher, pytest.raises(BatcherError, match="out of order"):
        list(batcher.dead_letters())
