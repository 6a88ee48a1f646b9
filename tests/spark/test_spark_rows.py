"""
Payloads in Arrow become rows as an executor makes them, without Spark.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from streams import AT, as_source, compared, read, stream, walked
from walking import batch, custom

from databricks_forwarder import _portions
from databricks_forwarder._codec import to_text
from databricks_forwarder._databricks.types import from_sql_type, to_sql_type
from databricks_forwarder._spark.rows import (
    DEAD,
    KEY,
    Reading,
    column_list,
    row_schema,
)
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.model import EventKey, TableName
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.testing.strategies import payloads as drawn_payloads


def tenant_of(batch: Batch) -> str:
    """
    The tenant of a batch, which must say who it is of.
    """
    mpid: Any = batch.mpid
    return f"tenant {mpid + 0}"


def keys_of(rows: pa.Table) -> list[str | None]:
    """
    The keys of *rows*, as text.
    """
    return rows[KEY].to_pylist()


def named(name: str) -> EventKey:
    """
    The key of a custom event.
    """
    return EventKey("custom_event", event_name=name, custom_event_type="navigation")


def dead_of(rows: pa.Table) -> list[dict[str, Any]]:
    """
    The dead letters among *rows*.
    """
    return [letter for letter in rows[DEAD].to_pylist() if letter]


def same_as_the_walk(payloads: Sequence[bytes], folder: Path) -> None:
    """
    Hold the rows of *payloads* to what the walk makes of them, all in one table.
    """
    truth = walked([payloads], folder, FunctionRouter(lambda _: "all"))
    rows = read(payloads, received_at=truth.received_at, offsets=truth.offsets)
    events = rows.filter(rows[KEY].is_valid()).drop_columns([KEY, DEAD])
    empty = schema_of(None).empty_table()

    assert compared(truth.tables.get(TableName("all"), empty)) == compared(events)
    assert truth.reasons == sorted(letter["reason"] for letter in dead_of(rows))


def test_rows_are_those_of_the_walk(tmp_path: Path) -> None:
    """
    All columns of all rows are equal, rescued data too; so are the reasons of the dead.
    """
    same_as_the_walk(stream(100), tmp_path)


@given(payload=drawn_payloads())
@hypothesis_settings(max_examples=30, deadline=None)
def test_rows_of_a_drawn_payload_are_those_of_the_walk(
    payload: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    Whatever a payload says, both make the same of it.
    """
    same_as_the_walk([payload], tmp_path_factory.mktemp("walk"))


def test_a_row_has_its_event_s_key() -> None:
    """
    Each row has the key of its own event, however rows were put in order.
    """
    rows = read(
        [
            batch(custom("A"), {"event_type": "session_start"}, custom("B")),
            batch(environment="production"),
        ]
    )
    found = {
        (place, position): key
        for place, position, key in zip(
            rows["_offset"].to_pylist(),
            rows["_position"].to_pylist(),
            keys_of(rows),
            strict=True,
        )
    }
    expected = {
        (0, 0): to_text(named("A")),
        (0, 1): to_text(EventKey("session_start")),
        (0, 2): to_text(named("B")),
        (1, 0): to_text(EventKey(None, environment="production")),
    }

    assert expected == found


def test_a_key_is_in_its_group() -> None:
    """
    A group is asked for where rows are made, and is part of the key.
    """
    rows = read([batch(custom("A"), mpid=7)], group=tenant_of)

    assert [to_text(attrs.evolve(named("A"), group="tenant 7"))] == keys_of(rows)


def test_a_group_that_raises_makes_a_dead_letter() -> None:
    """
    The payload dies with the router's reason, and its neighbour goes on.
    """
    rows = read([batch(custom("A")), batch(custom("B"), mpid=7)], group=tenant_of)

    assert ["the router's group raised TypeError"] == [
        letter["reason"] for letter in dead_of(rows)
    ]
    assert [(1, True), (0, False)] == list(
        zip(rows["_offset"].to_pylist(), rows[KEY].is_valid().to_pylist(), strict=True)
    )


def test_a_dead_letter_has_its_bytes_and_nothing_else() -> None:
    """
    It is a row with what its source said, its reason, and its payload.
    """
    (row,) = read([b"no JSON"], offsets=[41]).to_pylist()
    said = {name: value for name, value in row.items() if value is not None}
    letter = said.pop(DEAD)

    assert {"_received_at": AT, "_offset": 41} == said
    assert (1, b"no JSON") == (letter["message_count"], letter["payload"])
    assert letter["reason"].startswith("payload is no mParticle batch: not JSON")


def test_dead_letters_are_in_the_order_of_their_source() -> None:
    """
    Those that the door refuses and those that die later come as they lay there.
    """
    torn = batch(custom("A"))
    rows = read([torn, None, torn, b"7"], offsets=[9, 8, 7, None], group=tenant_of)

    assert [9, 8, 7, None] == rows["_offset"].to_pylist()
    assert [torn, None, torn, b"7"] == [letter["payload"] for letter in dead_of(rows)]
    assert "the payload is null" == dead_of(rows)[1]["reason"]


def test_a_payload_that_is_too_large_is_dead() -> None:
    """
    One of as many bytes as may be goes on, and one of a byte more does not.
    """
    payload = batch(custom("A"))
    limit = len(payload)

    assert [] == dead_of(read([payload], max_payload_bytes=limit))
    (letter,) = dead_of(read([payload], max_payload_bytes=limit - 1))
    assert f"larger than {limit - 1}" in letter["reason"]


def test_a_batch_that_comes_in_pieces_has_all_its_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    A batch whose rows are too much at once is cut, and no event loses its key.
    """
    monkeypatch.setattr(_portions, "_CHUNK_ROW_BYTES", 2_000)
    names = [f"Event {number:02d}" for number in range(30)]
    rows = read([batch(*map(custom, names))])

    assert [to_text(named(name)) for name in names] == keys_of(rows)
    assert list(range(30)) == rows["_position"].to_pylist()


def test_each_arrow_batch_has_its_own_offsets() -> None:
    """
    What a source says of a payload stays with it in whichever batch it comes.
    """
    payload = batch(custom("A"))
    sources = [as_source([payload], AT, [7]), as_source([payload], None, [7])]
    reading = Reading(max_payload_bytes=2**20)
    rows = pa.Table.from_batches(reading.rows(sources))

    assert [7, 7] == rows["_offset"].to_pylist()
    assert [AT, None] == rows["_received_at"].to_pylist()
    assert 1 == len(set(keys_of(rows)))


def test_moments_keep_their_instant_whatever_the_session_s_zone() -> None:
    """
    A timestamp of a session in another zone is the same moment in UTC.
    """
    source = as_source([batch(), None], zone="America/New_York")
    reading = Reading(max_payload_bytes=2**20)
    rows = pa.Table.from_batches(reading.rows([source]))

    assert [AT, AT] == rows["_received_at"].to_pylist()


def test_no_payloads_make_no_rows() -> None:
    """
    An empty partition has no batches, and an empty batch no rows.
    """
    reading = Reading(max_payload_bytes=2**20)

    assert [] == list(reading.rows([]))
    assert [] == list(reading.rows([as_source([])]))


def test_columns_are_spelt_so_that_they_can_be_read_back() -> None:
    """
    Each column stands in the list with its name and with exactly its type.
    """
    schema = row_schema()
    listed = column_list(schema)

    assert all(
        f"`{field.name}` {to_sql_type(field.type)}" in listed for field in schema
    )
    assert schema.types == [from_sql_type(to_sql_type(type_)) for type_ in schema.types]


def test_no_column_of_a_table_has_the_name_of_another() -> None:
    """
    The key and the dead letter have names of their own.
    """
    assert len(set(row_schema().names)) == len(schema_of(None)) + 2


def test_what_an_executor_runs_travels() -> None:
    """
    It can be pickled with its group, and does the same afterwards.
    """
    reading = Reading(group=tenant_of, max_payload_bytes=2**20)
    sent = pickle.loads(pickle.dumps(reading))
    source = as_source([batch(custom("A"), mpid=7)])

    assert list(reading.rows([source])) == list(sent.rows([source]))
