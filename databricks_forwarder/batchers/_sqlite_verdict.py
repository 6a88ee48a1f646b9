"""
What a damaged spool was: which loads, which offsets, and whose word is taken.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._codec import from_text
from databricks_forwarder.batchers._sqlite_salvage import offsets_in
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import LoadId, LoadReport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder.batchers._sqlite_salvage import Salvage

__all__ = ["FoundLoad", "Verdict", "judge"]

_ID = re.compile("[0-9a-f]{12}")

# More records than any load has, and more than are lost between two others.
_LONGEST_LOAD = 10_000_000
_LONGEST_GAP = 100_000


@attrs.frozen
class FoundLoad:
    """
    A load that is not committed.

    Attributes:
        is_rebuilt: Whether only its name, or half of its row, was read.
    """

    load_id: LoadId
    first: int
    last: int
    attempt: int = 1
    loaded: int = 0
    dropped: int = 0
    report: str | None = None
    is_rebuilt: bool = False


@attrs.frozen(kw_only=True)
class Verdict:
    """
    What holds of the spool.

    Attributes:
        totals: Messages received, loaded, dead and dropped by the spool's own
            word; None when it can't be taken.
        moved: Offset → where the record is that belongs there.
    """

    id: str
    next_offset: int
    next_waiting: int
    loads: list[FoundLoad]
    totals: tuple[int, int, int, int] | None
    moved: dict[int, int]

    def offsets(self) -> Iterator[int]:
        """
        Give each offset that waits or is in a load, in order.
        """
        for load in self.loads:
            yield from range(load.first, load.last + 1)
        yield from range(self.next_waiting, self.next_offset)

    def has(self, offset: int) -> bool:
        """
        Tell whether *offset* waits or is in a load.
        """
        return self.next_waiting <= offset < self.next_offset or any(
            load.first <= offset <= load.last for load in self.loads
        )


def judge(read: Salvage) -> Verdict:
    """
    Decide from all that was read.
    """
    loads = list(_apart(_loads(read)))
    return _by_its_own_word(read, loads) or _by_what_is_there(read, loads)


def _loads(read: Salvage) -> Iterator[FoundLoad]:
    """
    Give the loads by their rows, and those that are only named somewhere.
    """
    named = {offsets_in(name): name for name in read.load_ids}
    for load_id, row in read.loads.items():
        first, last, _, _, attempt, _, _, _, loaded, dropped, report = row
        # Its index and its notes have its name, too.
        is_known = load_id in read.load_ids or (first, last) not in named
        name = load_id if is_known else named[first, last]
        is_whole = report is None or _is_report(report)
        yield FoundLoad(
            LoadId(name),
            first,
            last,
            max(attempt, 0),
            loaded,
            dropped,
            report if is_whole else None,
            is_rebuilt=not is_whole,
        )
    committed = read.committed_ids()
    for span, name in named.items():
        if span is not None and name not in committed and _has_any(read, *span):
            yield FoundLoad(LoadId(name), *span, is_rebuilt=True)


def _has_any(read: Salvage, first: int, last: int) -> bool:
    return last - first < _LONGEST_LOAD and any(
        first <= offset <= last for offset in [*read.records, *read.sizes]
    )


def _apart(loads: Iterator[FoundLoad]) -> Iterator[FoundLoad]:
    """
    Leave out loads that overlap a better known one: loads never do.
    """
    beyond = 0
    for load in sorted(loads, key=lambda load: (load.first, load.is_rebuilt)):
        if load.first >= beyond:
            yield load
            beyond = load.last + 1


def _is_report(text: str) -> bool:
    try:
        from_text(text, LoadReport)
    except (BatcherError, OverflowError):
        return False
    return True


def _by_its_own_word(read: Salvage, loads: list[FoundLoad]) -> Verdict | None:
    """
    Take the spool's own row, unless something else contradicts it.
    """
    if read.spool is None or not _ID.fullmatch(read.spool[1]):
        return None
    _, spool_id, next_offset, next_waiting, *totals, _ = read.spool
    used = [*read.dead, next_waiting - 1, *(load.last for load in loads)]
    is_ahead = all(load.last < next_waiting for load in loads)
    if not is_ahead or max(used, default=-1) >= next_offset:
        return None
    verdict = Verdict(
        id=spool_id,
        next_offset=next_offset,
        next_waiting=next_waiting,
        loads=loads,
        totals=_four(totals),
        moved={},
    )
    return _with_strays(read, verdict)


def _with_strays(read: Salvage, verdict: Verdict) -> Verdict | None:
    """
    Put records that stand where none was given into the places that lack one.

    Returns:
        None when there are more of them than places, or more places than
        messages: then the spool's own word is wrong.
    """
    strays = sorted(offset for offset in read.records if offset >= verdict.next_offset)
    spans = sum(load.last - load.first + 1 for load in verdict.loads)
    missing = verdict.next_offset - verdict.next_waiting + spans
    missing -= sum(map(verdict.has, read.records))
    if len(strays) > missing or 0 < missing > _unaccounted(read, verdict):
        return None
    # Where nothing is missing, all offsets need not be looked at.
    gaps = (
        offset
        for offset in (verdict.offsets() if strays else ())
        if offset not in read.records
    )
    return attrs.evolve(verdict, moved=dict(zip(gaps, strays, strict=False)))


def _unaccounted(read: Salvage, verdict: Verdict) -> int:
    """
    Count the messages that the totals have and no record does.
    """
    received, loaded, dead, dropped = verdict.totals or (0, 0, 0, 0)
    told = sum(load.loaded + load.dropped for load in verdict.loads)
    there = sum(
        read.sizes.get(offset, (row.message_count,))[0]
        for offset, row in read.records.items()
        if verdict.has(offset)
    )
    return received - (loaded + dead + dropped - told) - there


def _by_what_is_there(read: Salvage, loads: list[FoundLoad]) -> Verdict:
    """
    Begin a spool under a new id with what there is.
    """
    lasts = [load.last for load in loads]
    lasts += [last for _, last in read.committed_spans()]
    lasts += read.dead
    next_waiting = 1 + max(lasts, default=-1)
    waiting = sorted(
        offset for offset in {*read.records, *read.sizes} if offset >= next_waiting
    )
    next_offset = next_waiting
    strays = []
    for offset in waiting:
        if offset - next_offset > _LONGEST_GAP:
            strays.append(offset)
        else:
            next_offset = offset + 1
    moved = dict(enumerate(strays, next_offset))
    return Verdict(
        id=secrets.token_hex(6),
        next_offset=next_offset + len(strays),
        next_waiting=next_waiting,
        loads=loads,
        totals=None,
        moved=moved,
    )


def _four(numbers: list[Any]) -> tuple[int, int, int, int]:
    one, two, three, four = numbers
    return one, two, three, four
