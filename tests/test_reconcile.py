"""
The account and the tables compared: what agrees, and each kind of difference.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs
import pytest
from walking import InMemory, batch, custom

from databricks_forwarder import Forwarder, Reconciliation
from databricks_forwarder._books import Books, read_books
from databricks_forwarder._counting import count_each
from databricks_forwarder._reconcile import compare
from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.errors import (
    ConfigurationError,
    SchemaError,
    SetupError,
    TransientError,
)
from databricks_forwarder.loaders.memory import MemoryLoader
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    RowCount,
    TableName,
    TableReport,
)
from databricks_forwarder.testing.faults import Fail, faulty

AT = datetime(2026, 1, 1, tzinfo=timezone.utc)
T = TableName("t")
U = TableName("u")


def load_id(first: int, last: int) -> LoadId:
    """
    Name a load of the batcher ``b``.
    """
    return LoadId(f"b-{first}-{last}")


def report(first: int, last: int, rows: Mapping[TableName, int], **other: Any) -> Any:
    """
    Report a load with these rows in its tables.
    """
    count = sum(rows.values())
    return LoadReport(
        load_id=load_id(first, last),
        offsets=OffsetRange(Offset(first), Offset(last)),
        attempt=1,
        settled_at=AT,
        tables=tuple(
            TableReport(table=table, row_count=each, file_count=1, size_bytes=1)
            for table, each in rows.items()
        ),
        **{"account": Account(received=count, loaded=count), **other},
    )


def books(*committed: LoadReport, **other: Any) -> Books:
    """
    Make books of committed loads, with totals that fit.
    """
    accounts = [each.account for each in committed]
    totals = {
        name: sum(getattr(each, name) for each in accounts)
        for name in ("received", "loaded", "dead", "dropped", "pending")
    }
    return Books(
        **{
            "batcher_id": "b",
            "account": Account(**totals),
            "committed": {each.load_id: each for each in committed},
            "parked": {},
            "open_load_ids": (),
            "dead": {},
            "moving": {},
            **other,
        }
    )


def compared(
    told: Books,
    counts: Mapping[TableName, Mapping[LoadId, RowCount]],
    moving: Mapping[LoadId, Any] | None = None,
) -> list[tuple[str, str | None, str | None, int, int]]:
    """
    Compare, and give the differences without their sentences.
    """
    result = compare(told, counts, told.moving if moving is None else moving)
    return [attrs.astuple(each)[:-1] for each in result.differences]


def test_what_agrees_is_told_in_figures() -> None:
    """
    Loads, tables and rows are told when nothing differs.
    """
    told = books(report(0, 1, {T: 2, U: 1}), report(2, 2, {T: 4}))
    counts = {
        T: {load_id(0, 1): RowCount(2), load_id(2, 2): RowCount(4)},
        U: {load_id(0, 1): RowCount(1)},
    }

    assert Reconciliation(
        load_ids=[load_id(0, 1), load_id(2, 2)],
        tables=[T, U],
        expected_rows=7,
        found_rows=7,
        open_load_ids=(),
        uncompared_load_ids=[],
        are_totals_compared=True,
        differences=[],
    ) == compare(told, counts, {})
    assert compare(told, counts, {}).agrees


ONE = load_id(0, 1)

ROWS: dict[str, tuple[Mapping[LoadId, RowCount] | None, list[Any]]] = {
    "rows are missing": (
        {ONE: RowCount(1)},
        [("missing", ONE, T, 2, 1)],
    ),
    "all rows are missing": ({}, [("missing", ONE, T, 2, 0)]),
    "rows are doubled": (
        {ONE: RowCount(3, doubled=1)},
        [("doubled", ONE, T, 2, 3)],
    ),
    "as many are doubled as are missing": (
        {ONE: RowCount(2, doubled=1)},
        [("doubled", ONE, T, 2, 2)],
    ),
    "rows are there that nobody tells of": (
        {ONE: RowCount(5)},
        [("surplus", ONE, T, 2, 5)],
    ),
    "a load beyond the last is there": (
        {ONE: RowCount(2), load_id(2, 9): RowCount(3)},
        [("unknown load", load_id(2, 9), T, 0, 3)],
    ),
    "a load across a known one is there": (
        {ONE: RowCount(2), load_id(1, 5): RowCount(3)},
        [("unknown load", load_id(1, 5), T, 0, 3)],
    ),
    "a load with another kind of name is there": (
        {ONE: RowCount(2), LoadId("b-x"): RowCount(3)},
        [("unknown load", LoadId("b-x"), T, 0, 3)],
    ),
    "an unknown load is there, doubled": (
        {ONE: RowCount(2), load_id(2, 9): RowCount(4, doubled=3)},
        [("doubled", load_id(2, 9), T, 1, 4)],
    ),
    "the table is gone": (None, [("table gone", None, T, 2, 0)]),
}


@pytest.mark.parametrize("case", ROWS)
def test_each_difference_of_rows_has_its_kind(case: str) -> None:
    """
    What differs in a table is named with load, table and figures.
    """
    held, expected = ROWS[case]
    counts = {} if held is None else {T: held}

    assert expected == compared(books(report(0, 1, {T: 2})), counts)


def test_a_sentence_names_what_is_doubled_and_what_is_missing() -> None:
    """
    Doubled rows don't hide that others are missing.
    """
    told = books(report(0, 1, {T: 3}))
    (difference,) = compare(told, {T: {ONE: RowCount(3, 1)}}, {}).differences

    assert (
        "table t holds 3 rows of load b-0-1, 1 of them doubled, and 1 are missing; "
        "keep one row of each _offset and _position"
    ) == difference.sentence


def test_rows_in_a_table_that_the_report_does_not_name_are_surplus() -> None:
    """
    A known load has no rows in tables that its report does not tell of.
    """
    told = books(report(0, 1, {T: 2}), report(2, 3, {U: 2}))
    counts = {
        T: {ONE: RowCount(2)},
        U: {ONE: RowCount(1), load_id(2, 3): RowCount(2)},
    }

    assert [("surplus", ONE, U, 0, 1)] == compared(told, counts)


def test_a_load_whose_report_is_no_longer_kept_is_not_compared() -> None:
    """
    Rows of loads before, or between, those with a report are told apart.
    """
    told = books(report(4, 5, {T: 1}), report(8, 9, {T: 1}))
    old = {load_id(0, 3): RowCount(7), load_id(6, 7): RowCount(7)}
    counts = {T: {load_id(4, 5): RowCount(1), load_id(8, 9): RowCount(1), **old}}
    result = compare(told, counts, {})

    assert ([load_id(0, 3), load_id(6, 7)], 2, []) == (
        result.uncompared_load_ids,
        result.found_rows,
        result.differences,
    )


def test_doubled_rows_of_an_old_load_are_named() -> None:
    """
    Of a load without a report can still be seen that rows are doubled.
    """
    told = books(report(4, 5, {T: 1}))
    counts = {T: {load_id(4, 5): RowCount(1), load_id(0, 3): RowCount(4, doubled=1)}}

    assert [("doubled", load_id(0, 3), T, 3, 4)] == compared(told, counts)


@pytest.mark.parametrize("found", [0, 2])
def test_an_open_load_may_hold_all_its_rows_or_none(found: int) -> None:
    """
    A table of a load that is under way is loaded, or not yet.
    """
    told = books(open_load_ids=(ONE,), moving={ONE: {T: 2}})
    held = {ONE: RowCount(found)} if found else {}
    result = compare(told, {T: held}, told.moving)

    assert ([], [ONE], (0, 0), False) == (
        result.differences,
        list(result.open_load_ids),
        (result.expected_rows, result.found_rows),
        result.are_totals_compared,
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (RowCount(1), ("missing", ONE, T, 2, 1)),
        (RowCount(3), ("surplus", ONE, T, 2, 3)),
        (RowCount(4, doubled=2), ("doubled", ONE, T, 2, 4)),
    ],
)
def test_an_open_load_that_is_neither_is_a_difference(
    rows: RowCount, expected: Any
) -> None:
    """
    Part of the rows of an open load, or more than them, is named.
    """
    told = books(open_load_ids=(ONE,), moving={ONE: {T: 2}})

    assert [expected] == compared(told, {T: {ONE: rows}})


def test_an_open_load_of_unknown_size_may_hold_any_rows() -> None:
    """
    Where nobody can say what a load's whole is, only doubled rows are named.
    """
    told = books(open_load_ids=(ONE,), moving={ONE: None})

    assert [] == compared(told, {T: {ONE: RowCount(1)}})
    assert [("doubled", ONE, T, 1, 2)] == compared(told, {T: {ONE: RowCount(2, 1)}})


def test_a_parked_load_has_its_loaded_tables() -> None:
    """
    Of a parked load the loaded tables count; the parked one is whole or empty.
    """
    tables = (
        TableReport(table=T, row_count=2, file_count=1, size_bytes=1),
        TableReport(
            table=U, row_count=3, file_count=1, size_bytes=1, state="parked", reason="r"
        ),
    )
    parked = attrs.evolve(
        report(0, 1, {T: 2}),
        tables=tables,
        account=Account(received=5, loaded=2, pending=3),
    )
    told = books(
        parked={ONE: parked}, account=parked.account, moving={ONE: {T: 2, U: 3}}
    )

    assert [("missing", ONE, T, 2, 0)] == compared(told, {T: {}, U: {}})
    assert [] == compared(told, {T: {ONE: RowCount(2)}})
    assert [] == compared(told, {T: {ONE: RowCount(2)}, U: {ONE: RowCount(3)}})
    assert [("missing", ONE, U, 3, 1)] == compared(
        told, {T: {ONE: RowCount(2)}, U: {ONE: RowCount(1)}}
    )


def letter(offset: int, message_count: int) -> DeadLetter:
    """
    Tell of a dead letter of the first load.
    """
    return DeadLetter(
        offset=Offset(offset),
        received_at=AT,
        message_count=message_count,
        reason="r",
        load_id=ONE,
    )


DEAD = report(
    0,
    1,
    {T: 2},
    account=Account(received=6, loaded=2, dead=3, dropped=1),
    dead=(letter(1, 3),),
)

ACCOUNTS: dict[str, tuple[Books, list[Any]]] = {
    "a report does not add up": (
        books(attrs.evolve(DEAD, account=attrs.evolve(DEAD.account, received=7))),
        [(ONE, 7, 6), (None, 7, 6), (None, 3, 0)],
    ),
    "a report tells of other rows than its tables": (
        books(attrs.evolve(DEAD, account=Account(received=6, loaded=3, dead=3))),
        [(ONE, 3, 2), (None, 3, 0)],
    ),
    "a report tells of more dead than it lists": (
        books(attrs.evolve(DEAD, dead=())),
        [(ONE, 3, 0), (None, 3, 0)],
    ),
    "more letters are dead than the report tells": (
        books(DEAD, dead={ONE: 4}, account=attrs.evolve(DEAD.account, dead=4)),
        [(ONE, 3, 4), (None, 6, 7)],
    ),
    "the totals count more dead than there are letters": (
        books(DEAD, dead={ONE: 1}),
        [(None, 3, 1)],
    ),
    "the totals don't add up": (
        books(DEAD, dead={ONE: 3}, account=attrs.evolve(DEAD.account, pending=1)),
        [(None, 6, 7)],
    ),
    "the totals count more loaded than the reports": (
        books(
            DEAD,
            dead={ONE: 3},
            account=Account(received=7, loaded=3, dead=3, dropped=1),
        ),
        [(None, 3, 2)],
    ),
    "the totals count fewer dropped than the reports": (
        books(DEAD, dead={ONE: 3}, account=Account(received=5, loaded=2, dead=3)),
        [(None, 0, 1)],
    ),
}


@pytest.mark.parametrize("case", ACCOUNTS)
def test_an_account_that_does_not_add_up_is_named(case: str) -> None:
    """
    Totals, reports and dead letters are held against each other.
    """
    told, expected = ACCOUNTS[case]
    counts = {T: {ONE: RowCount(2)}}

    assert [("account", load, None, *rest) for load, *rest in expected] == (
        compared(told, counts)
    )


def test_totals_may_be_larger_than_the_reports_that_are_kept() -> None:
    """
    Where reports are no longer kept, the totals tell of more.
    """
    told = books(
        report(5, 5, {T: 2}), account=Account(received=100, loaded=90, dropped=10)
    )

    assert [] == compared(told, {T: {load_id(5, 5): RowCount(2)}})


def test_totals_are_not_compared_while_a_load_is_under_way() -> None:
    """
    What was told of a load before it was opened again is in no report.
    """
    told = books(
        account=Account(received=5, loaded=2, pending=3),
        open_load_ids=(ONE,),
        moving={ONE: {T: 2, U: 3}},
    )

    assert [] == compared(told, {T: {ONE: RowCount(2)}})


def test_dead_letters_of_an_unknown_load_are_named() -> None:
    """
    A dead letter belongs to a load that the spool knows, or has forgotten.
    """
    dead = {load_id(7, 8): 2, load_id(0, 3): 1}
    told = books(
        report(4, 5, {T: 2}),
        dead=dead,
        account=Account(received=5, loaded=2, dead=3),
    )

    assert [("unknown load", load_id(7, 8), None, 0, 2)] == compared(
        told, {T: {load_id(4, 5): RowCount(2)}}
    )


# -- tables that can't be counted ------------------------------------------


class Some(MemoryLoader):
    """
    A loader of which some tables are refused, and all others have one row.
    """

    def __init__(self, refused: Mapping[TableName, Exception]) -> None:
        super().__init__({})
        self.refused = refused
        self.calls = 0

    def count_rows(self, batcher_id: str, tables: Collection[TableName], /) -> Any:
        """
        Break off at the first table that is refused.
        """
        self.calls += 1
        for table in tables:
            if table in self.refused:
                raise self.refused[table]
        return {table: {ONE: RowCount(1)} for table in tables}


TABLES = [TableName(f"t{number}") for number in range(64)]


def test_all_tables_are_counted_but_those_that_cant_be() -> None:
    """
    One that was changed, and one that may not be read, hide no other.
    """
    foreign, locked = SchemaError("t3 has no column"), SetupError("t40: no SELECT")
    loader = Some({TABLES[3]: foreign, TABLES[40]: locked})
    counted = count_each(loader, "b", TABLES)

    assert {"t3": "t3 has no column", "t40": "t40: no SELECT"} == counted.refused
    assert {*TABLES} - {"t3", "t40"} == {*counted.rows}
    assert loader.calls < len(TABLES) / 2


def test_what_is_of_no_table_is_raised_soon() -> None:
    """
    A sign-in that is refused is not told of each table.
    """
    loader = Some(dict.fromkeys(TABLES, SetupError("the secret was refused")))
    with pytest.raises(SetupError, match="the secret was refused"):
        count_each(loader, "b", TABLES)
    with pytest.raises(SetupError, match="the secret was refused"):
        count_each(loader, "b", TABLES[:1])

    assert loader.calls < 12


def test_what_may_pass_is_raised() -> None:
    """
    A warehouse that is away refuses no table for good.
    """
    loader = Some({TABLES[9]: TransientError("away")})
    with pytest.raises(TransientError, match="away"):
        count_each(loader, "b", TABLES)


def test_a_table_that_cant_be_counted_is_a_difference() -> None:
    """
    It is named with the reason, is not called gone, and is in no other figure.
    """
    told = books(report(0, 1, {T: 2, U: 3}))
    counts = {T: {ONE: RowCount(2)}}
    result = compare(told, counts, {}, None, {U: "no column"})
    (difference,) = result.differences

    assert ("uncounted", None, U, 3, 0) == attrs.astuple(difference)[:-1]
    assert "table u can't be counted: no column" == difference.sentence
    assert (2, 2) == (result.expected_rows, result.found_rows)


# -- a whole forwarder -------------------------------------------------------


@pytest.fixture(name="memory")
def _memory(tmp_path: Path) -> Any:
    """
    Give every kind of event a table of its own.
    """
    memory = InMemory(tmp_path, events_threshold=1)
    yield memory
    memory.die()


def carry(forwarder: Forwarder, *names: str) -> LoadId:
    """
    Carry a load of an event of each name.
    """
    forwarder.submit(batch(*map(custom, names)))
    (carried,) = forwarder.flush()
    return carried.load_id


def test_what_was_carried_agrees(memory: InMemory) -> None:
    """
    After loads with dead and dropped messages, account and tables agree.
    """
    with memory.forwarder() as forwarder:
        carry(forwarder, "a", "a", "b")
        carry(forwarder, "a")
        forwarder.submit(batch(custom("waits")))
        result = forwarder.reconcile()

    assert (True, 2, 4, 4, True) == (
        result.agrees,
        len(result.load_ids),
        result.expected_rows,
        result.found_rows,
        result.are_totals_compared,
    )


def test_nothing_carried_agrees(memory: InMemory) -> None:
    """
    A fresh spool and no table have nothing to differ in.
    """
    with memory.forwarder() as forwarder:
        assert forwarder.reconcile().agrees


def test_a_load_that_is_loaded_in_part_agrees_until_rows_are_lost(
    memory: InMemory,
) -> None:
    """
    An open load's tables are known from what was noted of it.
    """
    table = TableName("event_navigation_a")
    broken = Fail(method="load", nth=2, error=TransientError("later"))
    with memory.forwarder(
        wrap=lambda name, part: faulty(part, broken) if name == "loader" else part
    ) as forwarder:
        forwarder.submit(batch(custom("a"), custom("a"), custom("b")))
        with pytest.raises(TransientError):
            forwarder.flush()
        result = forwarder.reconcile()
        (open_id,) = result.open_load_ids
        rows = memory.lake._tables[table].loads
        rows[open_id] = [rows[open_id][0].slice(1)]
        lost = forwarder.reconcile()

    assert result.agrees
    assert [("missing", open_id, table, 2, 1)] == [
        attrs.astuple(each)[:-1] for each in lost.differences
    ]


def wrapping(name: str, kind: Callable[[Any], Any]) -> Callable[[str, Any], Any]:
    """
    Put *kind* around the part of this name.
    """
    return lambda each, part: kind(part) if each == name else part


@attrs.define
class Interrupted:
    """
    A loader while whose counting something else happens.
    """

    loader: Any
    before: Callable[[], object]
    after: Callable[[], object] = lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def count_rows(self, batcher_id: str, tables: Collection[TableName], /) -> Any:
        """
        Count in between.
        """
        self.before()
        counts = self.loader.count_rows(batcher_id, tables)
        self.after()
        return counts


@pytest.mark.parametrize("count", [1, 20])
def test_loads_that_are_carried_while_rows_are_counted_are_no_difference(
    count: int, memory: InMemory
) -> None:
    """
    Whether their rows were there at that moment or not, they are known after.
    """
    with memory.forwarder() as other:

        def carry_some() -> None:
            for _ in range(count):
                carry(other, "a", "b")

        def interrupted(loader: Any) -> Interrupted:
            return Interrupted(loader, carry_some, carry_some)

        carry(other, "a", "b")
        with memory.forwarder(wrap=wrapping("loader", interrupted)) as forwarder:
            result = forwarder.reconcile()

    assert (True, 1, 2) == (result.agrees, len(result.load_ids), result.found_rows)


def test_a_load_committed_while_rows_are_counted_is_no_difference(
    memory: InMemory,
) -> None:
    """
    A load that was open before, and had no rows then, is no difference.
    """
    broken = Fail(method="load", error=TransientError("later"))
    with memory.forwarder(
        wrap=wrapping("loader", lambda part: faulty(part, broken))
    ) as other:
        other.submit(batch(custom("a"), custom("b")))
        with pytest.raises(TransientError):
            other.flush()

        def interrupted(loader: Any) -> Interrupted:
            return Interrupted(loader, other.flush)

        with memory.forwarder(wrap=wrapping("loader", interrupted)) as forwarder:
            result = forwarder.reconcile()

    assert (True, (0, 0)) == (
        result.agrees,
        (result.expected_rows, result.found_rows),
    )


@attrs.define
class Plain:
    """
    A part that has what its protocol asks and no more.
    """

    part: Any
    hidden: str

    def __getattr__(self, name: str) -> Any:
        if name == self.hidden:
            raise AttributeError(name)
        return getattr(self.part, name)


def test_a_batcher_that_recalls_nothing_can_be_compared(memory: InMemory) -> None:
    """
    Without the notes of its open loads, any rows of theirs are taken.
    """
    broken = Fail(method="load", nth=3, error=TransientError("later"))

    def wrap(name: str, part: Any) -> Any:
        if name == "batcher":
            return Plain(part, "notes")
        return faulty(part, broken) if name == "loader" else part

    with memory.forwarder(wrap=wrap) as forwarder:
        carried = carry(forwarder, "a")
        forwarder.submit(batch(custom("a"), custom("a"), custom("b")))
        with pytest.raises(TransientError):
            forwarder.flush()
        result = forwarder.reconcile()

    assert (True, [carried]) == (result.agrees, result.load_ids)


def test_a_loader_that_does_not_count_is_refused(memory: InMemory) -> None:
    """
    The sentence says what the loader lacks.
    """

    def plain(loader: Any) -> Plain:
        return Plain(loader, "count_rows")

    with (
        memory.forwarder(wrap=wrapping("loader", plain)) as forwarder,
        pytest.raises(ConfigurationError, match="Plain can't count its rows"),
    ):
        forwarder.reconcile()


class Restless(MemoryBatcher):
    """
    A batcher whose totals change each time it is read.
    """

    def dead_letters(self) -> Iterable[DeadLetter]:
        """
        Count one more.
        """
        self._storage.count(received=1, loaded=1)
        return super().dead_letters()


def test_what_never_stands_still_has_no_totals_compared() -> None:
    """
    When loads move on each time the account is read, totals are left out.
    """
    told = read_books(Restless(storage=MemoryStorage()))

    assert (False, 3) == (told.is_steady, told.account.loaded + 1)
    assert not compare(told, {}, {}).are_totals_compared
