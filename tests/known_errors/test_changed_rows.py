"""
Rows of the spool's tables are not what was stored, though each page is whole.
"""

from __future__ import annotations

import os
import random
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import date
from pathlib import Path

import pytest
from damages import (
    PAGE,
    Made,
    change,
    flip,
    judge,
    lived_on,
    made,
    page_size,
    place_of,
    refused_by,
    root_of,
)
from spools import NOON, Carried, carried, opened, payload
from tries import SEED, tries

from databricks_forwarder._cli_repair import _losses
from databricks_forwarder.batchers._sqlite_cells import BrokenError, values_of
from databricks_forwarder.batchers._sqlite_errors import crossing
from databricks_forwarder.batchers._sqlite_file import make, text_crc
from databricks_forwarder.batchers._sqlite_log import read_log
from databricks_forwarder.batchers._sqlite_reading import _record_of
from databricks_forwarder.batchers.sqlite import RepairReport, repair
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.errors import BatcherError, ConfigurationError, SetupError
from databricks_forwarder.model import (
    DamagedRecord,
    EventKind,
    LoadId,
    Offset,
    TableName,
)

KIND = EventKind("session_start")
DAY = date(2026, 3, 31)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """
    Make a spool without a log.
    """
    return made(tmp_path_factory.mktemp("whole"), is_logged=False)


def sql(*statements: str) -> Callable[[Path], None]:
    """
    Change rows by the back door.
    """

    def change_rows(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            for statement in statements:
                database.execute(statement)
            database.commit()

    return change_rows


def renamed(first: int) -> Callable[[Path], None]:
    """
    Change the name of a load in its row, not in its index.
    """

    def rename(path: Path) -> None:
        root = root_of(path, "loads")
        page = path.read_bytes()[root : root + PAGE]
        change(path, root + page.index(f"-{first}-".encode()) - 3, b"xyz")

    return rename


def noted(load_id: str) -> Callable[[Path], None]:
    """
    Add a note of a load that is not there.
    """
    crc = text_crc(load_id, "k", "t")
    return sql(f"INSERT INTO notes VALUES ('{load_id}', 'k', 't', {crc})")


CHANGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "the id": (sql("UPDATE spool SET id = 'mine'"), "own row"),
    "no row": (sql("DELETE FROM spool"), "own row"),
    "the next offset, lower": (
        sql("UPDATE spool SET next_offset = 3"),
        "more or fewer records",
    ),
    "the next offset, higher": (
        sql("UPDATE spool SET next_offset = next_offset + 50"),
        "more or fewer records",
    ),
    "the first that waits": (
        sql("UPDATE spool SET next_waiting = next_waiting + 2"),
        "more or fewer records",
    ),
    "the totals": (sql("UPDATE spool SET loaded = -5"), "number of messages"),
    "a load's end": (
        sql("UPDATE loads SET last = last + 1 WHERE first = 8"),
        "more or fewer records",
    ),
    "a load's name, everywhere": (
        sql("UPDATE loads SET load_id = 'x' WHERE first = 8"),
        "a load is not as it was made",
    ),
    "an open load's name": (renamed(8), "a load is not as it was made"),
    "a parked load's name": (renamed(4), "is damaged"),
    "a report": (sql("UPDATE committed SET report = '{}'"), "the report of load"),
    "another's report": (
        sql("UPDATE committed SET report = replace(report, '-0-3', '-0-5')"),
        "the report of load",
    ),
    "a number for a report": (
        sql("UPDATE committed SET report = CAST(7 AS BLOB)"),
        "the report of load",
    ),
    "a parked load's report": (
        sql("UPDATE loads SET report = 'parked' WHERE report IS NOT NULL"),
        "the report of load",
    ),
    "a place far away": (
        sql("UPDATE records SET offset = 1 << 40 WHERE offset = 15"),
        "record 15 is not in its place",
    ),
    "a place below zero": (
        sql("UPDATE records SET offset = -7 WHERE offset = 15"),
        "record 15 is not in its place",
    ),
    "a moment": (
        sql("UPDATE records SET received_at = 1 << 60 WHERE offset = 15"),
        "a moment that is none",
    ),
    "a number of messages": (
        sql("UPDATE records SET message_count = -3 WHERE offset = 15"),
        "is damaged",
    ),
    "a note of no load": (noted("ffffffffffff-900-901"), "a note of a load"),
    "a note of what is no load": (noted("ffffffffffff-9-3"), "a note of a load"),
    "no spool row, and a place far away": (
        sql(
            "DELETE FROM spool", "UPDATE records SET offset = 1 << 40 WHERE offset = 15"
        ),
        "own row",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_row_is_noticed(name: str, whole: Made, tmp_path: Path) -> None:
    """
    Whatever a row says that can't be is an error; mended, all is told of.
    """
    changes, words = CHANGES[name]
    path = whole.copy(tmp_path / "changed")
    changes(path)
    before = Carried()
    refused = str(refused_by(path, before))

    assert words in refused
    assert f"repair --spool {path}" in refused
    judge(whole.told, *lived_on(path, before))


def test_a_record_that_lost_its_place_gets_it_back(whole: Made, tmp_path: Path) -> None:
    """
    A record under an offset that was never given goes where one is missing.
    """
    path = whole.copy(tmp_path / "changed")
    sql("UPDATE records SET offset = 1 << 40 WHERE offset = 15")(path)
    mended = repair(path)
    with opened(path) as batcher:
        result = carried(batcher)

    assert mended.is_whole
    assert whole.told.records == result.payloads


def test_records_that_nothing_is_known_of_share_what_is_missing(
    tmp_path: Path,
) -> None:
    """
    Without rows and without index the account is balanced all the same.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        batcher.append([payload(number) for number in range(3)], at=NOON)
        batcher.append([], at=NOON)
    for table in ("records", "records_sizes"):
        change(path, root_of(path, table), bytes(PAGE))
    mended = repair(path)
    with opened(path) as batcher:
        account = batcher.status().account

    assert (0, 1, 2) == mended.lost_offsets
    assert (6, 6) == (account.received, account.pending)


def test_of_two_records_with_one_offset_the_whole_one_stays(tmp_path: Path) -> None:
    """
    Where an old page turns up again, the record whose bytes are right is taken.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        batcher.append([payload(number) for number in range(4)], at=NOON)
    records, letters = root_of(path, "records"), root_of(path, "dead_letters")
    change(path, letters, path.read_bytes()[records : records + PAGE])
    change(path, records + path.read_bytes()[records:].index(b'"2"') + 1, b"9")
    change(path, letters + path.read_bytes()[letters:].index(b'"3"') + 1, b"8")
    repair(path)
    with opened(path) as batcher:
        result = carried(batcher)

    assert [payload(number).document for number in range(4)] == [
        *result.payloads.values()
    ]


def test_a_payload_that_became_a_text_is_the_same(whole: Made, tmp_path: Path) -> None:
    """
    A payload whose bytes are right is whole, whatever kind of value it became.
    """
    path = whole.copy(tmp_path / "changed")
    sql("UPDATE records SET payload = CAST(payload AS TEXT)")(path)
    change(path, root_of(path, "records_sizes"), bytes(PAGE))
    result, mended = lived_on(path)

    assert mended is not None
    assert mended.is_whole
    assert whole.told.records == result.payloads


def test_a_large_spool_is_saved_as_a_whole(tmp_path: Path) -> None:
    """
    Trees of several storeys are read to their leaves.
    """
    path = tmp_path / "spool.db"
    with opened(path) as batcher:
        batcher.append([payload(number) for number in range(900)], at=NOON)
        batcher.append(
            [], at=NOON, checkpoint={"x" * 300 + str(n): "1" for n in range(60)}
        )
    change(path, root_of(path, "committed"), bytes(PAGE))
    mended = repair(path)
    with opened(path) as batcher:
        checkpoint = batcher.checkpoint()

    assert (900, 60) == (mended.record_count, len(checkpoint))
    assert mended.is_whole


def looped(path: Path) -> None:
    """
    Let an inner page lead back to itself.
    """
    root = root_of(path, "records")
    change(path, root + 8, struct.pack(">I", root // PAGE + 1))


def crowded(path: Path) -> None:
    """
    Let a page say that it has more rows than it has room for.
    """
    change(path, root_of(path, "dead_letters") + 3, b"\xff\xff")


@pytest.mark.parametrize("damage", [looped, crowded])
def test_pages_that_can_not_be_are_passed_over(
    damage: Callable[[Path], None], whole: Made, tmp_path: Path
) -> None:
    """
    A tree that leads nowhere, or in a circle, is read as far as it goes.
    """
    path = whole.copy(tmp_path / "changed")
    damage(path)
    repair(path)
    with opened(path) as batcher:
        result = carried(batcher)

    assert whole.told.records == result.payloads


def test_a_payload_whose_last_page_is_gone_dies(whole: Made, tmp_path: Path) -> None:
    """
    A payload that runs over to pages behind the end of the file is damaged.
    """
    path = whole.copy(tmp_path / "changed")
    last = max(whole.told.records)
    end = whole.told.records[last][-40:]
    path.write_bytes(path.read_bytes()[: place_of(path, end) // PAGE * PAGE])
    mended = repair(path)

    assert last in {*mended.damaged_offsets, *mended.lost_offsets}
    judge(whole.told, *lived_on(path))


def test_a_torn_end_of_the_log_is_no_part_of_a_repair(tmp_path: Path) -> None:
    """
    What the power cut off was never acknowledged, and is not saved either.
    """
    logged = made(tmp_path, is_logged=True)
    log = logged.path.with_name(f"{logged.path.name}-wal")
    change(log, 32 + 20 * (PAGE + 24) + 1000, b"\xa5" * 50)
    change(log, log.stat().st_size - 100, b"\xa5" * 50)
    mended = repair(logged.path)
    with opened(logged.path) as batcher:
        result = carried(batcher)

    assert mended.is_whole
    assert sorted(logged.told.records)[:-2] == sorted(result.payloads)


def test_a_parked_load_whose_name_changed_is_not_carried_on(
    whole: Made, tmp_path: Path
) -> None:
    """
    A load that its index knows under another name than its row is not opened.
    """
    path = whole.copy(tmp_path / "changed")
    renamed(4)(path)
    with opened(path) as batcher, pytest.raises(BatcherError, match="as it was made"):
        batcher.carry_on(LoadId(whole.told.parked[0]))


def test_a_name_that_is_taken_is_not_written_over(tmp_path: Path) -> None:
    """
    A spool is made under a name that no file has.
    """
    taken = tmp_path / "spool.db.new"
    taken.write_text("somebody's")
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        make(taken, lambda _: None)

    assert "somebody's" == taken.read_text()


def test_the_owner_of_a_spool_stays(
    whole: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A spool that another user repairs belongs to whom it did.
    """
    path = whole.copy(tmp_path / "changed")
    change(path, root_of(path, "records"), bytes(PAGE))
    owner = path.stat().st_uid
    given: list[int] = []
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(os, "chown", lambda _, user, __: given.append(user))
    repair(path)

    assert [owner] == given


def test_a_record_that_has_no_index_says_what_it_knows() -> None:
    """
    A damaged record without an entry in the index tells its own moment and number.
    """
    record = _record_of((7, 1_000_000, 3, 1, b"{}", None, None))

    assert isinstance(record, DamagedRecord)
    assert (7, 3, 1) == (
        record.offset,
        record.message_count,
        record.received_at.timestamp(),
    )


def test_what_sqlite_can_not_say_is_damage(tmp_path: Path) -> None:
    """
    An error of SQLite that is no text is one of a damaged file.
    """
    with (
        pytest.raises(BatcherError, match="a text that is not UTF-8") as caught,
        crossing("trying", tmp_path / "spool.db"),
    ):
        b"\xff".decode()

    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "stored",
    [
        # Its header ends inside a number, and so on.
        bytes([2, 0x81, 1, 0]),
        bytes([2, 10]),
        bytes([2, 11]),
        bytes([2, 6, 0, 0]),
        bytes([10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
    ],
)
def test_a_row_that_can_not_be_is_none(stored: bytes) -> None:
    """
    A row whose columns don't fit what it says of them is not read.
    """
    with pytest.raises(BrokenError):
        values_of(stored)


def test_a_row_is_taken_apart() -> None:
    """
    Each kind of value comes as what it is.
    """
    stored = bytes([7, 0, 9, 1, 7, 14, 15]) + b"\xff" + struct.pack(">d", 0.5) + b"ab"

    assert (None, 1, -1, 0.5, b"a", "b") == values_of(stored)


def test_a_log_in_which_nothing_fits_is_empty(tmp_path: Path) -> None:
    """
    Without a header, and without two frames that go together, there is no log.
    """
    path = tmp_path / "spool.db"
    path.write_bytes(bytes(PAGE))
    path.with_name("spool.db-wal").write_bytes(b"\x11" * (32 + 2 * (PAGE + 24)))
    log = read_log(path)

    assert log is not None
    assert ([], None) == (list(log.frames), log.broken_at)


def test_each_loss_has_its_sentence() -> None:
    """
    The command says a sentence for each thing that is lost.
    """
    said = list(
        _losses(
            RepairReport(
                id="0123456789ab",
                has_new_id=True,
                record_count=1,
                lost_offsets=[Offset(1)],
                damaged_offsets=[Offset(2)],
                dead_letter_count=0,
                lost_dead_messages=3,
                set_aside_offsets=[Offset(4)],
                parked_load_ids=[LoadId("0123456789ab-5-6")],
                is_checkpoint_whole=False,
                are_erasures_whole=False,
            )
        )
    )

    assert [
        "2 records can't be read: dead letters once they are carried",
        "3 messages of dead letters can't be read",
        "1 records may be loaded or not: dead letters, with the reason",
        "parked, for their notes are lost: 0123456789ab-5-6",
        "a checkpoint is lost: see where the source is before going on",
        "what is kept of an erasure is lost: erase those people again",
        "the spool has a new id, 0123456789ab: what was its own is lost",
    ] == said


@pytest.fixture
def counts(tmp_path: Path) -> SqliteEventCounts:
    """
    Count a kind, and give a name.
    """
    counts = SqliteEventCounts(tmp_path / "counts.db")
    counts.add(LoadId("one"), {KIND: 7}, on=DAY)
    counts.give({"owner": [TableName("event_navigation_a")]})
    return counts


def test_a_name_that_changed_is_never_taken_for_given(
    counts: SqliteEventCounts,
) -> None:
    """
    A table's name that changed on the disk stops the load that would go there.
    """
    root = root_of(counts.path, "names")
    page = counts.path.read_bytes()[root : root + page_size(counts.path)]
    change(counts.path, root + page.index(b"event_navi"), b"evemt")

    with pytest.raises(SetupError, match="a name is not as it was given"):
        counts.given(["owner"])
    with pytest.raises(SetupError, match="a name is not as it was given"):
        counts.give({"owner": [TableName("event_navigation_a")]})


def test_a_kind_that_changed_is_counted_as_what_it_was_asked_for(
    counts: SqliteEventCounts,
) -> None:
    """
    A row that says another kind than it is found under breaks nothing.
    """
    root = root_of(counts.path, "buckets")
    page = counts.path.read_bytes()[root : root + page_size(counts.path)]
    change(counts.path, root + page.index(b"session_start"), b"sersion")

    assert not counts.totals([KIND], since=DAY).keys() - {KIND}


@pytest.mark.parametrize("seed", range(tries(20)))
def test_counts_that_changed_are_counts_or_an_error(
    seed: int, counts: SqliteEventCounts
) -> None:
    """
    Whatever changes in the file of counts, only the library's errors come of it.
    """
    rng = random.Random(1000 * SEED + seed)
    for _ in range(3):
        at = rng.randrange(counts.path.stat().st_size)
        flip(counts.path, at, 1 << rng.randrange(8))
    with suppress(SetupError, ConfigurationError):
        again = SqliteEventCounts(counts.path)
        totals = again.totals([KIND], since=DAY)
        given = again.given(["owner"])
        again.add(LoadId("two"), {KIND: 1}, on=DAY)

        assert set(given.values()) <= {"event_navigation_a"}
        assert totals.keys() <= {KIND}
