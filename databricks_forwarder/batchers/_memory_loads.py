"""
Loads of a queue in memory: making them, and how the queue stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.batchers._memory_storage import KeptLoad
from databricks_forwarder.batchers.rules import is_due, name_load, take
from databricks_forwarder.model import BatcherStatus, Offset, OffsetRange

if TYPE_CHECKING:
    from datetime import datetime

    from databricks_forwarder.batchers._memory_storage import MemoryStorage
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["new_load", "status_of"]


def new_load(
    batcher_id: str,
    storage: MemoryStorage,
    policy: UploadPolicy,
    at: datetime,
    *,
    seal: bool,
) -> KeptLoad | None:
    """
    Make a load of the oldest waiting records, if it is due or sealed.
    """
    waiting = storage.waiting()
    if not waiting:
        return None
    oldest_at = min(record.received_at for record in waiting)
    messages = sum(record.message_count for record in waiting)
    if not seal and not is_due(policy, oldest_at=oldest_at, messages=messages, at=at):
        return None
    first = waiting[0].offset
    rows = ((record.offset, record.message_count) for record in waiting)
    last, messages = take(rows, policy.max_messages)
    load = KeptLoad(
        load_id=name_load(batcher_id, first, last),
        offsets=OffsetRange(first, Offset(last)),
        message_count=messages,
    )
    storage.loads[load.load_id] = load
    storage.next_waiting = last + 1
    return load


def status_of(storage: MemoryStorage) -> BatcherStatus:
    """
    How the queue stands.
    """
    waiting = storage.waiting()
    return BatcherStatus(
        account=attrs.evolve(storage.totals, pending=storage.pending()),
        waiting=sum(record.message_count for record in waiting),
        oldest_received_at=min(
            (record.received_at for record in waiting), default=None
        ),
        open_load_ids=tuple(
            load.load_id for load in storage.loads_by_offset() if load.report is None
        ),
        parked_load_ids=tuple(load.load_id for load, _ in storage.parked_loads()),
        stored_bytes=storage.stored_bytes(),
    )
