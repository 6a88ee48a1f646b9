"""
A lease's records on their way to the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from walking import batch, custom

from databricks_forwarder import _chunks, _portions
from databricks_forwarder._chunks import count_keys, write_rows
from databricks_forwarder._parquet import read_table
from databricks_forwarder._table_files import TableFiles
from databricks_forwarder._tally import Tally
from databricks_forwarder.model import (
    DamagedRecord,
    EventKey,
    Lease,
    LoadId,
    Offset,
    OffsetRange,
    Record,
    Table,
    TableName,
)
from databricks_forwarder.mparticle.keys import KeyMaker

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
LOAD = LoadId("0123456789ab-0-9")
COMMON = Table(TableName("common"))
A = EventKey("custom_event", event_name="A", custom_event_type="navigation")


def record(offset: int, payload: bytes, message_count: int = 1) -> Record:
    """
    Make a record.
    """
    return Record(
        offset=Offset(offset),
        received_at=AT,
        message_count=message_count,
        payload=payload,
    )


def damaged(offset: int) -> DamagedRecord:
    """
    Make a damaged record of two messages.
    """
    return DamagedRecord(
        offset=Offset(offset), received_at=AT, message_count=2, reason="bytes changed"
    )


def lease(*records: Record | DamagedRecord) -> Lease:
    """
    Make a lease of *records*.
    """
    return Lease(
        load_id=LOAD,
        offsets=OffsetRange(Offset(0), Offset(9)),
        message_count=sum(each.message_count for each in records),
        attempt=1,
        notes={},
        records=records,
    )


def written(folder: Path, leased: Lease, routes: Any = None) -> tuple[Tally, Any]:
    """
    Write a lease's rows; give the tally, and offset and position by table.
    """
    folder.mkdir(exist_ok=True)
    with closing(TableFiles(folder, LOAD)) as files:
        tally = write_rows(
            leased, KeyMaker(), routes or {}, COMMON, files, beat=lambda: None
        )
        made = files.finish()
    rows = {
        file.table: [
            (row["_offset"], row["_position"])
            for row in read_table(file.path)
            .select(["_offset", "_position"])
            .to_pylist()
        ]
        for file in made
    }
    return tally, rows


def test_keys_are_counted_without_what_cannot_be_read() -> None:
    """
    Damaged records and records that are no batches have no keys.
    """
    leased = lease(
        record(0, batch(custom("A"), custom("A"))),
        damaged(1),
        record(2, b"no JSON"),
        record(3, b"{}"),
    )

    assert Counter({A: 2, EventKey(None): 1}) == count_keys(leased, KeyMaker())


def test_what_cannot_be_read_is_dead_and_the_rest_is_written(tmp_path: Path) -> None:
    """
    A damaged record and one that is no batch cost their neighbours nothing.
    """
    leased = lease(
        record(0, batch(custom("A"))),
        damaged(1),
        record(2, b"no JSON"),
        record(3, batch(custom("A"), custom("A")), message_count=3),
        record(4, batch(custom("A"), custom("B")), message_count=2),
    )
    tally, rows = written(tmp_path, leased)

    assert {"common": [(0, 0), (4, 0), (4, 1)]} == rows
    assert [
        (1, 2, "bytes changed"),
        (2, 1, "not JSON: Expecting value at character 0"),
        (3, 3, "it was counted as 3 messages when received and has 2"),
    ] == [(each.offset, each.message_count, each.reason) for each in tally.dead]
    assert {LOAD} == {each.load_id for each in tally.dead}


def test_messages_are_tallied_by_what_becomes_of_them(tmp_path: Path) -> None:
    """
    Messages written are counted by key, dropped ones in all.
    """
    routes = {A: Table(TableName("own"), "custom_event"), EventKey(None): None}
    leased = lease(
        record(0, batch(custom("A"), custom("B"), custom("A")), message_count=3),
        record(1, b"{}"),
        record(2, batch(custom("A"), foo=1)),
    )
    tally, rows = written(tmp_path, leased, routes)

    assert {"own": [(0, 0), (0, 2), (2, 0)], "common": [(0, 1)]} == rows
    assert {"A": 3, "B": 1} == {key.event_name: n for key, n in tally.counts.items()}
    assert 1 == tally.dropped
    assert 1 == tally.rescued_row_count


def test_an_empty_lease_writes_nothing(tmp_path: Path) -> None:
    """
    A lease whose records are all gone gives no file.
    """
    assert (Tally(), {}) == written(tmp_path, lease())


@pytest.mark.parametrize("count", [499, 500, 501, 1_001])
def test_chunks_lose_no_row(tmp_path: Path, count: int) -> None:
    """
    The rows are the same wherever chunks end.
    """
    leased = lease(*(record(offset, b"{}") for offset in range(count)))
    _, rows = written(tmp_path, leased)

    assert {"common": [(offset, 0) for offset in range(count)]} == rows


def test_large_records_make_small_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A chunk ends when its bytes are many, however few its records.
    """
    sizes: list[int] = []
    arrange = _chunks.arrange

    def seen(batches: Iterable[Any], load_id: LoadId) -> Iterable[Any]:
        chunk = list(batches)
        sizes.append(len(chunk))
        return arrange(chunk, load_id)

    monkeypatch.setattr(_chunks, "arrange", seen)
    large = b" " * (_portions._CHUNK_BYTES // 2) + b"{}"
    leased = lease(*(record(offset, large) for offset in range(5)))
    written(tmp_path, leased)

    assert [2, 2, 1] == sizes


def breaking(error: type[BaseException]) -> Any:
    """
    Make an arranger that breaks on the record at offset 1.
    """
    arrange = _chunks.arrange

    def broken(batches: Iterable[Any], load_id: LoadId) -> Iterable[Any]:
        chunk = list(batches)
        yield from arrange(chunk[:1], load_id)
        if any(each.offset == 1 for each in chunk):
            raise error
        yield from arrange(chunk[1:], load_id)

    return broken


def test_a_payload_that_cannot_be_arranged_dies_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A payload that breaks the arranging is dead; its neighbours have one row each.
    """
    monkeypatch.setattr(_chunks, "arrange", breaking(RecursionError))
    leased = lease(
        *(record(offset, batch(custom("A"))) for offset in range(3)), damaged(3)
    )
    tally, rows = written(tmp_path, leased)

    assert {"common": [(0, 0), (2, 0)]} == rows
    assert [
        (1, "it can't be arranged in rows: RecursionError"),
        (3, "bytes changed"),
    ] == [(each.offset, each.reason) for each in tally.dead]
    assert {A: 2} == tally.counts


def test_lack_of_memory_kills_no_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When memory is short the step fails, and no payload is blamed.
    """
    monkeypatch.setattr(_chunks, "arrange", breaking(MemoryError))
    leased = lease(*(record(offset, batch(custom("A"))) for offset in range(3)))

    with pytest.raises(MemoryError):
        written(tmp_path, leased)


FIRST_RUN = b'{"event_type":"first_run","data":{}}'
SMALL = b'{"events":null}'


def large(*events: bytes) -> bytes:
    """
    Make a batch whose rows are too many at once, for a bound of 10 000 bytes.
    """
    shared = b'{"sdk_version":"' + b"x" * 2_000 + b'","events":['
    return shared + b",".join(events) + b"]}"


@pytest.fixture(name="arranged")
def _arranged(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """
    The positions arranged at once, of batches whose rows may take 10 000 bytes.
    """
    monkeypatch.setattr(_portions, "_CHUNK_ROW_BYTES", 10_000)
    arranged: list[list[int]] = []
    arrange = _chunks.arrange

    def seen(batches: Iterable[Any], load_id: LoadId) -> Iterable[Any]:
        chunk = list(batches)
        arranged.extend(
            list(range(each.first_position, each.first_position + len(each.tables)))
            for each in chunk
        )
        return arrange(chunk, load_id)

    monkeypatch.setattr(_chunks, "arrange", seen)
    return arranged


def test_a_batch_with_too_many_rows_at_once_is_written_in_pieces(
    tmp_path: Path, arranged: list[list[int]]
) -> None:
    """
    A batch whose own fields are large has all its events written, in their places.

    Its rows are arranged before any of them is written, and then again.
    """
    payload = large(*[FIRST_RUN] * 8)
    leased = lease(record(0, SMALL), record(1, payload, 8), record(2, SMALL))
    tally, rows = written(tmp_path, leased)
    pieces = [[0, 1, 2], [3, 4, 5], [6, 7]]

    expected = [(0, 0), *((1, place) for place in range(8)), (2, 0)]
    assert {"common": expected} == {name: sorted(each) for name, each in rows.items()}
    assert 10 == sum(tally.counts.values())
    assert [[0], *pieces, *pieces, [0]] == arranged


@pytest.mark.usefixtures("arranged")
def test_a_large_batch_that_breaks_late_dies_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When a later piece of a batch can't be arranged, no row of it is written.
    """
    arrange = _chunks.arrange

    def breaking_late(batches: Iterable[Any], load_id: LoadId) -> Iterable[Any]:
        chunk = list(batches)
        if any(batch.first_position > 4 for batch in chunk):
            raise ValueError
        return arrange(chunk, load_id)

    monkeypatch.setattr(_chunks, "arrange", breaking_late)
    payload = large(*[FIRST_RUN] * 8)
    leased = lease(record(0, SMALL), record(1, payload, 8), record(2, SMALL))
    tally, rows = written(tmp_path, leased)

    assert {"common": [(0, 0), (2, 0)]} == rows
    assert [(1, 8, "it can't be arranged in rows: ValueError")] == [
        (each.offset, each.message_count, each.reason) for each in tally.dead
    ]
    assert 2 == sum(tally.counts.values())


@pytest.mark.usefixtures("arranged")
def test_a_lease_is_kept_alive_between_pieces(tmp_path: Path) -> None:
    """
    A batch in pieces may take long: there is a beat after each, and at the end.
    """
    beats: list[None] = []
    leased = lease(record(0, large(*[FIRST_RUN] * 8), 8))
    with closing(TableFiles(tmp_path, LOAD)) as files:
        write_rows(
            leased, KeyMaker(), {}, COMMON, files, beat=lambda: beats.append(None)
        )

    assert 3 + 3 + 1 == len(beats)


def test_pieces_are_cut_by_what_events_share(
    tmp_path: Path, arranged: list[list[int]]
) -> None:
    """
    A batch that is large by its events alone is arranged at once.
    """
    own = b'{"event_type":"screen_view","data":{"screen_name":"' + b"x" * 500 + b'"}}'
    payload = b'{"events":[' + b",".join([own] * 8) + b"]}"
    written(tmp_path, lease(record(0, payload, 8)))

    assert [list(range(8))] == arranged
    assert len(payload) * 8 > _portions._CHUNK_ROW_BYTES


@pytest.mark.usefixtures("arranged")
def test_a_large_batch_that_is_no_batch_is_dead(tmp_path: Path) -> None:
    """
    A record of many rows that can't be decoded costs its neighbours nothing.
    """
    leased = lease(record(0, b"[" + b" " * 2_000, 8), record(1, SMALL))
    tally, rows = written(tmp_path, leased)

    assert {"common": [(1, 0)]} == rows
    assert [0] == [each.offset for each in tally.dead]


def test_a_chunk_that_is_too_much_is_arranged_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When memory is short for a chunk, its payloads are arranged each alone.
    """
    arrange = _chunks.arrange

    def narrow(batches: Iterable[Any], load_id: LoadId) -> Iterable[Any]:
        chunk = list(batches)
        if len(chunk) > 1:
            raise MemoryError
        return arrange(chunk, load_id)

    monkeypatch.setattr(_chunks, "arrange", narrow)
    leased = lease(*(record(offset, batch(custom("A"))) for offset in range(3)))
    tally, rows = written(tmp_path, leased)

    assert ({"common": [(0, 0), (1, 0), (2, 0)]}, []) == (rows, tally.dead)


@pytest.mark.parametrize("error", [KeyError, RecursionError, UnicodeError])
def test_a_payload_that_breaks_the_glance_is_left_out_of_the_counts(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Whatever a payload breaks when its keys are counted, the others are counted.
    """
    glance = KeyMaker.glance

    def breaking_once(keys: KeyMaker, payload: bytes) -> Any:
        if b"poison" in payload:
            raise error
        return glance(keys, payload)

    monkeypatch.setattr(KeyMaker, "glance", breaking_once)
    leased = lease(
        record(0, batch(custom("A"))),
        record(1, batch(custom("poison"))),
        record(2, batch(custom("A"))),
    )

    assert {A: 2} == count_keys(leased, KeyMaker())


def test_lack_of_memory_at_a_glance_blames_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    When memory is short for counting keys, the step fails.
    """

    def short(keys: KeyMaker, payload: bytes) -> Any:
        raise MemoryError

    monkeypatch.setattr(KeyMaker, "glance", short)

    with pytest.raises(MemoryError):
        count_keys(lease(record(0, batch(custom("A")))), KeyMaker())
