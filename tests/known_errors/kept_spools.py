"""
Makes the spool and the counts that `test_kept_formats` reads for ever.

Run it once for each format, and keep what it makes::

    python tests/known_errors/kept_spools.py tests/known_errors/kept
"""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    EventKind,
    Lease,
    LoadId,
    LoadReport,
    Offset,
    Payload,
    TableName,
    TableReport,
)
from databricks_forwarder.settings import UploadPolicy

NOON = datetime(2026, 3, 14, 12, 0, 0, 123_456, timezone.utc)
DAY = date(2026, 3, 14)
KIND = EventKind("custom_event", "navigation", "Grüße")


def payload(number: int) -> Payload:
    """
    Make a batch of one event that tells its number.
    """
    document = f'{{"batch_id":"{number}","events":[{{"event_type":"first_run"}}]}}'
    return Payload(document.encode(), 1)


def leased(batcher: SqliteBatcher) -> Lease:
    """
    Lease the next two records.
    """
    lease = batcher.lease(UploadPolicy(max_messages=2), at=NOON, seal=True)
    assert lease is not None
    return lease


def report(lease: Lease, *, dead: int = 0, reason: str | None = None) -> LoadReport:
    """
    Report a load: loaded but for so many of its first records, or parked.
    """
    pending = 0 if reason is None else lease.message_count
    loaded = 0 if reason else lease.message_count - dead
    letters = tuple(
        DeadLetter(
            offset=Offset(lease.offsets.first + index),
            received_at=NOON,
            message_count=1,
            reason="it is not UTF-8 — at byte 7",
            load_id=lease.load_id,
        )
        for index in range(dead)
    )
    return LoadReport(
        load_id=lease.load_id,
        offsets=lease.offsets,
        attempt=lease.attempt,
        settled_at=NOON + timedelta(hours=1),
        account=Account(
            received=lease.message_count, loaded=loaded, dead=dead, pending=pending
        ),
        tables=(
            TableReport(
                table=TableName("first_run"),
                row_count=loaded,
                file_count=1,
                size_bytes=2_048,
                state="loaded" if reason is None else "parked",
                reason=reason,
            ),
        ),
        dead=letters,
        rescued_row_count=1,
    )


def make(folder: Path) -> None:
    """
    Make both files in *folder*, each with something of everything.
    """
    batcher = SqliteBatcher(folder / "spool-1.db")
    for number in range(9):
        at = NOON + timedelta(seconds=number)
        place = {"orders-0": f"{number}", "orders-1": "ü"}
        batcher.append([payload(number)], at=at, checkpoint=place)
    done = leased(batcher)
    batcher.commit(done.load_id, report(done, dead=1), at=NOON)
    aside = leased(batcher)
    batcher.note(aside.load_id, "routes", '{"a":"first_run"}', at=NOON)
    batcher.park(aside.load_id, report(aside, reason="a column is text"), at=NOON)
    out = leased(batcher)
    batcher.note(out.load_id, "routes", '{"a":"first_run"}', at=NOON)
    batcher.note(out.load_id, "staging", "[1, 2]", at=NOON)
    batcher.close()
    counts = SqliteEventCounts(folder / "counts-1.db")
    counts.add(LoadId("0123456789ab-0-1"), {KIND: 7}, on=DAY)
    counts.give({"owner": [TableName("event_navigation_grüße")]})
    for beside in folder.glob("*.db.*"):
        beside.unlink()


if __name__ == "__main__":
    make(Path(sys.argv[1]))
