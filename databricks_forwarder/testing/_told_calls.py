"""
What a host hands its batcher, and how its calls are told.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from databricks_forwarder.model import Payload

if TYPE_CHECKING:
    from databricks_forwarder.model import OffsetRange
    from databricks_forwarder.testing.contracts._loads import HandedOut


__all__ = ["make_payload", "tell_lease", "tell_range"]


def make_payload(name: str, message_count: int, size: int) -> Payload:
    """
    Make a payload that is told from others by *name*: longer by *size*.
    """
    padding = "☃" * size
    return Payload(f'{{"name": "{name}",\n"x": "{padding}"}}'.encode(), message_count)


def tell_lease(lease: HandedOut) -> list[Any]:
    """
    Tell all that a lease has, of payloads how they begin and their CRC-32.
    """
    records = [
        [
            record.offset,
            record.received_at.isoformat(),
            record.message_count,
            _told_payload(getattr(record, "payload", b"damaged")),
        ]
        for record in lease.records
    ]
    return [
        *(lease.load_id, *tell_range(lease.offsets), lease.message_count),
        *(lease.attempt, dict(lease.notes), records),
    ]


def tell_range(offsets: OffsetRange | None) -> list[int]:
    """
    Tell the first and last of *offsets*; nothing of None.
    """
    return [] if offsets is None else [offsets.first, offsets.last]


def _told_payload(payload: bytes) -> str:
    return f"{payload[:20]!r}, CRC-32 {zlib.crc32(payload):08x}"
