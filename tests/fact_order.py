"""
What must be true of the facts of one forwarder, whatever happened to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import attrs

from databricks_forwarder import facts as known
from databricks_forwarder.facts import Fact, LoadFact

_ENDS = (known.LoadCommitted, known.LoadParked, known.LoadFailed)
_TABLE_ENDS = (known.TableLoaded, known.TableFailed)

# The order of the walk; what has no rank may come at any time of a try.
_RANKS: dict[type[Fact], int] = {
    known.LoadLeased: 0,
    known.LoadRouted: 1,
    known.BatchDied: 2,
    known.FileWritten: 3,
    known.LoadWritten: 4,
    known.FileStaged: 5,
    known.TableBegun: 6,
    known.TablePrepared: 6,
    known.TableLoaded: 6,
    known.TableFailed: 6,
    known.LoadCounted: 7,
    known.TableParked: 7,
    known.BatchesDied: 7,
    **dict.fromkeys(_ENDS, 8),
}

# These are told of a load before it is carried, or after.
_BESIDE = (
    known.FilesDiscarded,
    known.FilesLeft,
    known.LeftoversFound,
)


@attrs.define
class _Try:
    """
    A load that is carried.
    """

    load_id: str
    rank: int = 0
    written: set[str] = attrs.field(factory=set)
    begun: set[str] = attrs.field(factory=set)


def problems(facts: Iterable[Fact], *, is_one_thread: bool = True) -> list[str]:
    """
    Tell what can't be so, in words; nothing if all is well.

    Args:
        facts: In the order in which they were told, from the first on.
        is_one_thread: Whether none was told from beside another.
    """
    order = _Order(is_one_thread=is_one_thread)
    found = [problem for fact in facts for problem in order.told(fact)]
    return found if order.tried is None else [*found, f"{order.tried.load_id} goes on"]


class _Order:
    """
    What was told so far.

    Attributes:
        tried: The load that is carried.
    """

    def __init__(self, *, is_one_thread: bool) -> None:
        self.tried: _Try | None = None
        self._is_one_thread = is_one_thread
        self._is_lost = False
        self._at: datetime | None = None

    def told(self, fact: Fact) -> Iterator[str]:
        """
        Tell what is wrong with the next one.
        """
        if self._is_one_thread and self._at is not None and fact.at < self._at:
            yield f"{type(fact).__name__} is told as earlier than the fact before it"
        self._at = fact.at
        if isinstance(fact, (known.DestinationLost, known.DestinationFound)):
            yield from self._destination(fact)
        elif isinstance(fact, known.LoadLeased):
            if self.tried is not None:
                yield f"{fact.load_id} begins while {self.tried.load_id} goes on"
            self.tried = _Try(fact.load_id)
        elif isinstance(fact, LoadFact) and not isinstance(fact, _BESIDE):
            yield from self._load(fact)

    def _destination(self, fact: Fact) -> Iterator[str]:
        if self._is_lost == isinstance(fact, known.DestinationLost):
            yield f"{type(fact).__name__} is told twice"
        self._is_lost = not self._is_lost

    def _load(self, fact: LoadFact) -> Iterator[str]:
        if self.tried is None or self.tried.load_id != fact.load_id:
            yield f"{type(fact).__name__} of {fact.load_id}, which is not carried"
            return
        yield from _within(self.tried, fact)
        if isinstance(fact, _ENDS):
            self.tried = None


def _within(tried: _Try, fact: Any) -> Iterator[str]:
    name = type(fact).__name__
    rank = _RANKS.get(type(fact), tried.rank)
    if rank < tried.rank:
        yield f"{name} comes too late"
    tried.rank = max(rank, tried.rank)
    if isinstance(fact, known.FileWritten):
        tried.written.add(fact.file)
    if isinstance(fact, known.FileStaged) and fact.file not in tried.written:
        yield f"{fact.file} is staged and was not written"
    if isinstance(fact, known.LoadWritten) and fact.file_count != len(tried.written):
        yield f"{fact.file_count} files are not the {len(tried.written)} told"
    yield from _of_table(tried, fact)
    if isinstance(fact, _ENDS) and tried.begun:
        yield f"{sorted(tried.begun)} have no end"
    if isinstance(fact, known.LoadCommitted):
        yield from _adding_up(fact)


def _of_table(tried: _Try, fact: Any) -> Iterator[str]:
    if isinstance(fact, known.TableBegun):
        if fact.table in tried.begun:
            yield f"{fact.table} begins twice"
        tried.begun.add(fact.table)
    elif isinstance(fact, (known.TablePrepared, *_TABLE_ENDS)):
        if fact.table not in tried.begun:
            yield f"{type(fact).__name__} of {fact.table}, which was not begun"
        if isinstance(fact, _TABLE_ENDS):
            tried.begun.discard(fact.table)


def _adding_up(fact: known.LoadCommitted) -> Iterator[str]:
    total = fact.loaded + fact.dead + fact.dropped
    if fact.received != total:
        yield f"{total} messages are not the {fact.received} received"
