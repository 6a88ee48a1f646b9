"""
The rules that all batchers share, as functions of plain values.

For the batchers of this room, and for yours: what is due, how far a load goes,
what it is called, what is refused and in which words, and reports as text.
None of it touches a storage.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import DamagedRecord, LoadId, LoadReport, Record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from databricks_forwarder.settings import UploadPolicy

__all__ = [
    "ERASED",
    "check_options",
    "checked",
    "checked_checkpoint",
    "is_due",
    "name_load",
    "report_of_text",
    "report_to_text",
    "say_changed",
    "say_full",
    "say_out",
    "take",
]

ERASED = -2
"""
In place of a record's CRC-32: it was erased, and keeps its place alone.

It has no bytes and no messages, and is in no lease.
"""


def check_options(lease_seconds: float, max_spool_bytes: int | None) -> None:
    """
    Refuse options that no batcher can keep.

    Raises:
        ConfigurationError: One of them is not above zero.
    """
    if not lease_seconds > 0:
        msg = f"lease_seconds must be above zero, not {lease_seconds!r}"
        raise ConfigurationError(msg)
    if max_spool_bytes is not None and max_spool_bytes < 1:
        msg = f"max_spool_bytes must be at least 1 or None, not {max_spool_bytes!r}"
        raise ConfigurationError(msg)


def checked_checkpoint(checkpoint: object) -> dict[str, str]:
    """
    Copy the checkpoint of an append, which must be text to text, or None.

    Raises:
        ConfigurationError: It can't be stored as it is.
    """
    if checkpoint is None:
        return {}
    if not isinstance(checkpoint, Mapping):
        msg = (
            "a checkpoint must be a mapping of text to text, not "
            f"{type(checkpoint).__name__}; nothing was stored"
        )
        raise ConfigurationError(msg)
    places = dict(checkpoint)
    for name, place in places.items():
        _require_text(name, "a checkpoint's name")
        _require_text(place, f"the place of checkpoint {name!r}")
    return places


def is_due(
    policy: UploadPolicy, /, *, oldest_at: datetime, messages: int, at: datetime
) -> bool:
    """
    Tell whether *messages*, the oldest received at *oldest_at*, are due.

    What seems to come from further ahead than a load may wait was received
    before the clock was turned back: how old it is nobody knows, so it is due.
    """
    return abs(at - oldest_at) >= policy.max_age or messages >= policy.max_messages


def take(waiting: Iterable[tuple[int, int]], max_messages: int) -> tuple[int, int]:
    """
    Choose how far a new load goes: the first record always, then what fits.

    Args:
        waiting: Offset and messages of each waiting record, by offset; at
            least one.
        max_messages: The most that fits, inclusive.

    Returns:
        The load's last offset and its messages.
    """
    rows = iter(waiting)
    last, messages = next(rows)
    for offset, message_count in rows:
        if messages + message_count > max_messages:
            break
        last, messages = offset, messages + message_count
    return last, messages


def name_load(batcher_id: str, first: int, last: int) -> LoadId:
    """
    Name the load of the records from *first* to *last*.
    """
    return LoadId(f"{batcher_id}-{first}-{last}")


def checked(record: Record, crc: int) -> Record | DamagedRecord:
    """
    Give *record* as it is, or what can be told of it when it is damaged.

    It is damaged when *crc*, the CRC-32 of the bytes that were stored, is not
    the one of its payload.
    """
    found = zlib.crc32(record.payload)
    if found == crc:
        return record
    return DamagedRecord(
        offset=record.offset,
        received_at=record.received_at,
        message_count=record.message_count,
        reason=say_changed(found, crc),
    )


def say_changed(found: int, stored: object) -> str:
    """
    Say that bytes are no longer what was stored, without the bytes.
    """
    was = f"{stored:08x}" if isinstance(stored, int) else "none"
    return f"the stored bytes changed: CRC-32 {found:08x} where {was} was stored"


def say_full(stored_bytes: int, size_bytes: int, max_spool_bytes: int) -> str:
    """
    Say why payloads of *size_bytes* were not stored, and what to do.
    """
    return (
        f"the upload queue is full: {stored_bytes} of {max_spool_bytes} bytes are kept "
        f"and {size_bytes} more were handed in; nothing of them was stored. Flush, "
        "or run carry from a shell: what is loaded makes room at once. Parked loads "
        "and dead letters take room until they are carried on or replayed. "
        "max_spool_bytes should hold at least the traffic of max_age"
    )


def say_out(load_id: str) -> str:
    """
    Say that nothing can be erased while a load is out.
    """
    return (
        f"load {load_id} is out with somebody else; nothing was erased. Erase again "
        "when it is settled"
    )


def report_to_text(report: LoadReport) -> str:
    """
    Spell a report as JSON, to be kept; the same for equal reports.
    """
    return to_text(report)


def report_of_text(text: str) -> LoadReport:
    """
    Read a report that `report_to_text` wrote, also one of an earlier version.

    Raises:
        BatcherError: The text is no report.
    """
    return from_text(text, LoadReport)


def _require_text(value: object, what: str) -> None:
    if not isinstance(value, str):
        msg = f"{what} must be a str, not {type(value).__name__}; nothing was stored"
        raise ConfigurationError(msg)
    try:
        value.encode()
    except UnicodeEncodeError:
        # Its own text, and the error that has it, stay out of the message.
        msg = f"{what} must be text that UTF-8 can say; nothing was stored"
        raise ConfigurationError(msg) from None
