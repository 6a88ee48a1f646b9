"""
What must be true once a host was killed, went on, and has nothing pending.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs
from killed_ledger import DEAD_MESSAGES, WITHOUT_EVENTS, Kind, Told

from databricks_forwarder.model import Account, LoadId

Row = tuple[int, int | None]
"""Number of the batch, and place of the event in it; None for a batch without any."""


@attrs.frozen
class Violation:
    """
    Something that must not be.

    Attributes:
        kind: ``lost``, ``doubled``, ``split``, ``account``, ``counts``,
            ``unsettled`` or ``left behind``; ``broken`` for a host that hangs
            or ends otherwise than it should.
    """

    kind: str
    what: str


@attrs.define(kw_only=True)
class Found:
    """
    What is there in the end, looked at behind the library's back.

    Attributes:
        rows: Of all tables: each row with the id of its load.
        dead: Numbers of the dead letters.
        account: As the spools tell it together.
        loaded: Load id → messages loaded, as the reports tell it.
        unsettled: Loads that are open or parked.
        counted: Kind → messages, as the 30-day counts have it.
        left: Files that nobody needs.
    """

    rows: Sequence[tuple[Row, LoadId]]
    dead: list[int] = attrs.field(factory=list)
    account: Account = attrs.field(factory=Account)
    loaded: dict[LoadId, int] = attrs.field(factory=dict)
    unsettled: list[LoadId] = attrs.field(factory=list)
    counted: Mapping[Kind, int]
    left: list[Path] = attrs.field(factory=list)


def violations(found: Found, tried: Told, got: Told) -> list[Violation]:
    """
    Compare what is there with what the host tried and what it was told.
    """
    return [
        *_of_rows(Counter(row for row, _ in found.rows), tried, got),
        *_of_dead(Counter(found.dead), tried, got),
        *_of_the_account(found),
        *_of_counts(found, tried),
        *(Violation("unsettled", str(load_id)) for load_id in found.unsettled),
        *(Violation("left behind", str(path)) for path in found.left),
    ]


def _of_rows(rows: Counter[Row], tried: Told, got: Told) -> Iterator[Violation]:
    for row, count in rows.items():
        if count > 1:
            yield Violation("doubled", f"{row} is there {count} times")
    for number, kinds in tried.batches.items():
        expected: set[Row] = {(number, place) for place in range(len(kinds))}
        expected = expected or {(number, None)}
        missing = [row for row in expected if row not in rows]
        if missing and number in got.batches:
            yield Violation("lost", f"{missing} were acknowledged")
        elif missing and len(missing) < len(expected):
            yield Violation("split", f"{missing} are missing from a batch")
    for row in rows:
        if _kind(row, tried) is None:
            yield Violation("doubled", f"{row} was never handed in")


def _of_dead(dead: Counter[int], tried: Told, got: Told) -> Iterator[Violation]:
    for number, count in dead.items():
        if count > 1:
            yield Violation("doubled", f"dead letter {number} is there {count} times")
        if number not in tried.dead:
            yield Violation("doubled", f"dead letter {number} was never handed in")
    for number in got.dead - dead.keys():
        yield Violation("lost", f"dead letter {number} was acknowledged")


def _of_the_account(found: Found) -> Iterator[Violation]:
    loaded, dead = len(found.rows), DEAD_MESSAGES * len(found.dead)
    there = Account(received=loaded + dead, loaded=loaded, dead=dead)
    if found.account != there:
        yield Violation("account", f"{found.account} is told, {there} is there")
    by_load = Counter(load_id for _, load_id in found.rows)
    if +Counter(found.loaded) != by_load:
        yield Violation("account", f"{found.loaded} is told, {by_load} is there")


def _of_counts(found: Found, tried: Told) -> Iterator[Violation]:
    there = Counter(_kind(row, tried) for row, _ in found.rows)
    if +Counter(found.counted) != there:
        yield Violation("counts", f"{found.counted} is told, {there} is there")


def _kind(row: Row, tried: Told) -> Kind | None:
    """
    Tell the kind of a row; None for one that was never handed in.
    """
    number, place = row
    kinds = tried.batches.get(number)
    if kinds is None:
        return None
    if not kinds:
        return WITHOUT_EVENTS if place is None else None
    return kinds[place] if place is not None and place < len(kinds) else None
