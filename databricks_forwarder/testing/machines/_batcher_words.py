"""
What the batchers' machine hands in, and what it makes of a lease.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.model import (
    Account,
    DamagedRecord,
    Lease,
    LoadReport,
    Payload,
)
from databricks_forwarder.testing.contracts._loads import NOON
from databricks_forwarder.testing.machines._queue import Load, Queue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime


__all__ = ["payload_of", "picked", "record_at", "refused", "report_of", "told"]


def payload_of(number: int, message_count: int) -> Payload:
    """
    Make a payload that its number tells from others.
    """
    # Over two lines, and not in ASCII alone, as JSON may be.
    return Payload(f'{{"number":\n{number}, "größe": "☃"}}'.encode(), message_count)


def record_at(offset: int) -> Any:
    """
    Make a record with an offset, as the queue would.
    """
    queue = Queue("", next_offset=offset)
    queue.append([payload_of(offset, 1)], NOON, {})
    return queue.waiting[0]


def picked(items: Sequence[Any], pick: int) -> Any:
    """
    Pick one of *items* by any number.
    """
    return items[pick % len(items)]


def told(lease: Lease) -> tuple[Any, ...]:
    """
    Spell a lease as values that can be compared; its records are read twice.
    """
    records, again = list(lease.records), list(lease.records)
    assert records == again
    return (
        lease.load_id,
        lease.offsets,
        lease.message_count,
        lease.attempt,
        dict(lease.notes),
        [_whole(record) for record in records],
    )


def _whole(record: Any) -> Any:
    """
    Spell a damaged record as a record whose payload says so.
    """
    if not isinstance(record, DamagedRecord):
        return record
    assert record.reason
    spelt = record_at(record.offset)
    return attrs.evolve(
        spelt,
        received_at=record.received_at,
        message_count=record.message_count,
        payload=b"damaged",
    )


def report_of(
    load: Load,
    *,
    at: datetime,
    dead: set[int] | None = None,
    dropped: int = 0,
    left: int | None = None,
) -> LoadReport:
    """
    Report on *load*: what is neither dead, dropped nor left is loaded.
    """
    letters = load.letters(dead or ())
    lost = sum(letter.message_count for letter in letters)
    rest = load.message_count - lost
    # Of a parked load, dead letters are pending too.
    is_parked = left is not None
    left = min(left or 0, rest)
    dropped = min(dropped, rest - left)
    return LoadReport(
        load_id=load.load_id,
        offsets=load.offsets,
        attempt=load.attempt,
        settled_at=at,
        account=Account(
            received=load.message_count,
            loaded=rest - left - dropped,
            dropped=dropped,
            dead=0 if is_parked else lost,
            pending=left + lost if is_parked else 0,
        ),
        dead=letters,
        reason="it was parked" if is_parked else None,
    )


def refused(error: type[Exception], call: Callable[[], object]) -> None:
    """
    See that *call* raises *error*.
    """
    with suppress(error):
        call()
        msg = f"{error.__name__} was to be raised"
        raise AssertionError(msg)
