"""
A stream of payloads, and what the walk makes of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
from walking import InMemory

from databricks_forwarder import Forwarder
from databricks_forwarder._spark.rows import Reading, row_schema
from databricks_forwarder.errors import PayloadError
from databricks_forwarder.model import DeadLetter, TableName
from databricks_forwarder.protocols import Router
from databricks_forwarder.testing.payloads import (
    odd_paths,
    sample_batches,
    sample_paths,
)
from databricks_forwarder.testing.workload import workload

__all__ = ["AT", "Walked", "as_source", "compared", "read", "stream", "walked"]

AT = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)

COMPARED_ELSEWHERE = ("_load_id",)
"""Columns that name who brought a row: they differ, and are tested by themselves."""


def stream(batches: int) -> list[bytes]:
    """
    The seeded stream of so many batches, every seventh odd, and all samples.

    What the door refuses is among it, and what is refused later.
    """
    return [*_oddened(workload(batches)), *_samples(), b"", b"[1]", b'{"events": 7}']


def _oddened(payloads: Iterator[bytes]) -> Iterator[bytes]:
    for number, payload in enumerate(payloads):
        if number % 7:
            yield payload
            continue
        batch = json.loads(payload)
        batch["loyalty"] = {"tier": "gold", "points": number}
        batch["device_info"]["screen_height"] = "tall"
        batch["events"][0]["data"]["event_num"] = [1, 2]
        batch["events"][0]["data"]["ab_bucket"] = number
        yield json.dumps(batch).encode()


def _samples() -> Iterator[bytes]:
    for path in sample_paths():
        for batch in sample_batches(path):
            yield json.dumps(batch).encode() if isinstance(batch, dict) else batch
    for path in odd_paths():
        yield path.read_bytes()


class Walked:
    """
    What the walk makes of groups of payloads, each group a load.

    Attributes:
        tables: Its tables.
        offsets: Of each payload the offset that it got, None if it was refused.
        refused: Of each payload that was refused, the reason.
        dead: The other payloads that can't be forwarded.
        received_at: When all of them were received.
    """

    def __init__(
        self,
        composition: InMemory,
        groups: Sequence[Sequence[bytes]],
        router: Router | None,
    ) -> None:
        self.offsets: list[int | None] = []
        self.refused: list[str] = []
        self.received_at = composition.clock.now()
        with composition.forwarder(router=router) as forwarder:
            for group in groups:
                for payload in group:
                    self._submit(forwarder, payload)
                forwarder.flush()
            self.dead: list[DeadLetter] = list(forwarder.dead_letters())
            self.account = forwarder.status().account
        self.tables: Mapping[TableName, pa.Table] = composition.tables()

    def _submit(self, forwarder: Forwarder, payload: bytes) -> None:
        try:
            receipt = forwarder.submit(payload)
        except PayloadError as error:
            self.refused.append(str(error))
            self.offsets.append(None)
        else:
            assert receipt.offsets is not None
            self.offsets.append(receipt.offsets.first)

    @property
    def reasons(self) -> list[str]:
        """
        Why payloads can't be forwarded, sorted.
        """
        return sorted([*self.refused, *(letter.reason for letter in self.dead)])


def walked(
    groups: Sequence[Sequence[bytes]],
    folder: Path,
    router: Router | None = None,
    **settings: Any,
) -> Walked:
    """
    Walk *groups* of payloads, in memory.
    """
    return Walked(InMemory(folder, **settings), groups, router)


def compared(table: pa.Table) -> pa.Table:
    """
    Rows in the order of their offsets, without what names who brought them.
    """
    ordered = table.sort_by([("_offset", "ascending"), ("_position", "ascending")])
    return ordered.drop_columns(list(COMPARED_ELSEWHERE)).combine_chunks()


def as_source(
    payloads: Sequence[bytes | None],
    received_at: datetime | None = AT,
    offsets: Sequence[int | None] | None = None,
    *,
    zone: str = "UTC",
) -> pa.RecordBatch:
    """
    Payloads as Spark hands them over: with moments in the session's time zone.
    """
    return pa.RecordBatch.from_pydict(
        {
            "payload": pa.array(payloads, pa.binary()),
            "received_at": pa.array(
                [received_at] * len(payloads), pa.timestamp("us", zone)
            ),
            "offset": pa.array(
                range(len(payloads)) if offsets is None else offsets, pa.int64()
            ),
        }
    )


def read(
    payloads: Sequence[bytes | None],
    received_at: datetime | None = AT,
    offsets: Sequence[int | None] | None = None,
    **settings: Any,
) -> pa.Table:
    """
    Read payloads as an executor does.
    """
    reading = Reading(**{"max_payload_bytes": 8 * 2**20, **settings})
    source = as_source(payloads, received_at, offsets)
    return pa.Table.from_batches(reading.rows([source]), row_schema())
