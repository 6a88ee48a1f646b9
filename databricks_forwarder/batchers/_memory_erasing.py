"""
Erasing from a queue in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.batchers.rules import ERASED
from databricks_forwarder.erasure import SpoolErasure
from databricks_forwarder.model import Account, LoadId

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.batchers._memory_storage import (
        KeptLoad,
        KeptRecord,
        MemoryStorage,
    )
    from databricks_forwarder.model import Offset

    IsTheirs = Callable[[bytes], bool | None]

__all__ = ["erase"]


def erase(
    storage: MemoryStorage, is_theirs: IsTheirs, mark: tuple[str, str]
) -> SpoolErasure:
    """
    Erase the payloads that *is_theirs* says, and count them as dropped.
    """
    living = [kept for kept in storage.records.values() if kept.crc != ERASED]
    dead = [kept for kept, _ in storage.dead.values()]
    verdicts = {
        kept.record.offset: is_theirs(kept.record.payload) for kept in (*living, *dead)
    }
    theirs = [kept for kept in living if verdicts[kept.record.offset]]
    theirs_dead = [kept for kept in dead if verdicts[kept.record.offset]]
    opened = _open(storage, {kept.record.offset for kept in theirs}, mark)
    waiting = sum(kept.record.offset >= storage.next_waiting for kept in theirs)
    messages = [_take(storage, kept) for kept in theirs]
    dead_messages = [_take_dead(storage, kept) for kept in theirs_dead]
    return SpoolErasure(
        waiting=waiting,
        in_loads=len(theirs) - waiting,
        dead=len(theirs_dead),
        message_count=sum(messages) + sum(dead_messages),
        unread=sum(verdict is None for verdict in verdicts.values()),
        opened_load_ids=tuple(opened),
    )


def _open(
    storage: MemoryStorage, offsets: set[Offset], mark: tuple[str, str]
) -> list[LoadId]:
    """
    Open the loads of *offsets*: all that is left of them is pending.
    """
    opened = []
    for load in storage.loads_by_offset():
        load.holder = None
        gone = [each for each in storage.of(load) if each.record.offset in offsets]
        if gone:
            load.message_count -= sum(each.record.message_count for each in gone)
            _reopen(storage, load, mark)
            opened.append(load.load_id)
    return opened


def _reopen(storage: MemoryStorage, load: KeptLoad, mark: tuple[str, str]) -> None:
    storage.tell(load, Account())
    load.report = None
    load.attempt = 0
    key, text = mark
    load.notes[key] = text


def _take(storage: MemoryStorage, kept: KeptRecord) -> int:
    record = kept.record
    empty = attrs.evolve(record, payload=b"", message_count=0)
    storage.records[record.offset] = attrs.evolve(kept, record=empty, crc=ERASED)
    storage.count(dropped=record.message_count)
    return record.message_count


def _take_dead(storage: MemoryStorage, kept: KeptRecord) -> int:
    record = kept.record
    del storage.dead[record.offset]
    storage.count(dead=-record.message_count, dropped=record.message_count)
    return record.message_count
