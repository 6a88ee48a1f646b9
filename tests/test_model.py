"""
The values that walk from room to room.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest

from databricks_forwarder import model
from databricks_forwarder._gathered_batches import RoutedBatch
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    EventKey,
    EventKind,
    Lease,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    ParquetFile,
    Payload,
    Receipt,
    Record,
    Table,
    TableName,
    TableReport,
)
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.mparticle.decode import decode

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
LOAD = LoadId("0123456789ab-0-9")
SECRET = "someone@example.com"
DOCUMENT = b'{"ip":"%s","events":[{"data":{"event_name":"%s"}}]}' % (
    (SECRET.encode(),) * 2
)
RECORD = Record(offset=Offset(0), received_at=AT, message_count=1, payload=DOCUMENT)
DECODED = decode(DOCUMENT)


@pytest.mark.parametrize(
    "value",
    [
        Payload(DOCUMENT, 1),
        RECORD,
        Lease(
            load_id=LOAD,
            offsets=OffsetRange(Offset(0), Offset(0)),
            message_count=1,
            attempt=1,
            notes={"routes": SECRET},
            records=[RECORD],
        ),
        DeadLetter(
            offset=Offset(0),
            received_at=AT,
            message_count=1,
            reason="not JSON",
            load_id=LOAD,
            payload=DOCUMENT,
        ),
        Receipt(
            offsets=OffsetRange(Offset(0), Offset(0)),
            record_count=1,
            message_count=1,
            received_at=AT,
        ),
        DECODED,
        DECODED.batch,
        DECODED.events[0],
        DECODED.events[0].data,
        Batch(ip=SECRET),
        RoutedBatch(Offset(0), AT, DECODED, [None]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_host_s_data_is_in_no_repr(value: Any) -> None:
    """
    Values that hold payloads show none of it, in a repr, a text or a log line.
    """
    assert SECRET not in repr(value)
    assert SECRET not in f"{value}"
    assert SECRET not in f"{[value]}"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (
            EventKey(
                "custom_event", custom_event_type="other", event_name="A", feed="f"
            ),
            EventKind("custom_event", "other", "A"),
        ),
        (
            EventKey("commerce_event", custom_event_type="x", event_name="purchase"),
            EventKind("commerce_event", None, "purchase"),
        ),
        (
            EventKey("session_start", event_name="A", environment="production"),
            EventKind("session_start"),
        ),
        (EventKey(None, group="g"), EventKind(None)),
        (EventKey(""), EventKind("")),
    ],
)
def test_a_kind_is_what_is_counted(key: EventKey, kind: EventKind) -> None:
    """
    A key's kind leaves out what the counts don't tell apart.
    """
    assert kind == key.kind


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (Account(), True),
        (Account(received=10, loaded=4, dead=3, dropped=2, pending=1), True),
        (Account(received=10, loaded=4, dead=3, dropped=2), False),
    ],
)
def test_an_account_adds_up_or_not(account: Account, expected: bool) -> None:
    """
    Received is loaded, dead, dropped and pending together.
    """
    assert expected == account.is_balanced


def parquet_file(table: str, part: int = 0) -> ParquetFile:
    """
    Make a file of *table*.
    """
    return ParquetFile(
        load_id=LOAD,
        table=TableName(table),
        part=part,
        path=Path("x"),
        row_count=1,
        size_bytes=1,
    )


def test_a_file_s_name_is_made_of_table_and_part() -> None:
    """
    The name is ASCII, short, and tells tables and parts apart.
    """
    names = [
        parquet_file("own").name,
        parquet_file("own", 1).name,
        parquet_file("öwn").name,
        parquet_file("ówn").name,
        parquet_file("x" * 255).name,
        parquet_file("x" * 254).name,
    ]

    assert re.fullmatch("own-[0-9a-f]{12}-0000[.]parquet", names[0])
    assert names[1] == names[0].replace("-0000.", "-0001.")
    assert 6 == len(set(names))
    assert all(name.isascii() and len(name) < 100 for name in names)


def report(*tables: TableReport, reason: str | None = None) -> LoadReport:
    """
    Make a report.
    """
    return LoadReport(
        load_id=LOAD,
        offsets=OffsetRange(Offset(0), Offset(9)),
        attempt=1,
        settled_at=AT,
        account=Account(),
        tables=tables,
        reason=reason,
    )


def test_a_load_is_parked_if_any_of_it_is() -> None:
    """
    A reason parks the whole, a parked table a part.
    """
    loaded = TableReport(table=TableName("a"), row_count=1, file_count=1, size_bytes=1)
    parked = attrs.evolve(loaded, state="parked", reason="no")

    assert [False, False, True, True] == [
        report().is_parked,
        report(loaded).is_parked,
        report(loaded, parked).is_parked,
        report(reason="no").is_parked,
    ]


def test_values_do_not_change() -> None:
    """
    Every value of the model is frozen, and hashed by what it holds.
    """
    assert Table(TableName("a")) == Table(TableName("a"))
    assert 1 == len({EventKey("x", feed="f"), EventKey("x", feed="f")})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        RECORD.offset = Offset(1)  # type: ignore[misc]


def test_public_names_are_sorted() -> None:
    """
    The module lists its names in order.
    """
    assert sorted(model.__all__) == model.__all__
