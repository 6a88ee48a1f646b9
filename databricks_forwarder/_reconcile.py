"""
The account compared with the tables: what a batcher tells, and what is there.

A load's rows are expected where its report says loaded. A load that is open or
parked may hold the rows of its other tables already, all of them or none. What
is there of a load that nobody tells of is told apart by its offsets: loads
follow each other without a gap, so a load that fits into one has a report that
is no longer kept, and any other is unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._account_checks import account_differences
from databricks_forwarder._books import moved_since, read_books
from databricks_forwarder._counting import count_each
from databricks_forwarder._differences import (
    Difference,
    doubled_rows,
    missing_rows,
    surplus_rows,
    table_gone,
    uncounted,
    unknown_dead,
    unknown_rows,
)
from databricks_forwarder._load_ranges import LoadRanges, offsets_in
from databricks_forwarder._moves import moves
from databricks_forwarder.abilities import CountingLoader
from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from databricks_forwarder._books import Books, Wholes
    from databricks_forwarder.model import LoadId, RowCount, TableName
    from databricks_forwarder.protocols import Batcher, Loader

    Counts = Mapping[TableName, Mapping[LoadId, RowCount]]

__all__ = ["Difference", "Reconciliation", "compare", "reconcile"]


@attrs.frozen(kw_only=True)
class Reconciliation:
    """
    How a spool's account and its tables compare.

    Attributes:
        load_ids: The loads that were compared, by offset: those with a report,
            committed or parked.
        tables: The tables that were looked at, sorted.
        expected_rows: Rows that the loads have in the tables, by the account,
            without those that were erased and those of a table that can't be
            counted.
        found_rows: Rows of them that are there, and those of unknown loads.
        moved_rows: Rows of them that left the common table for that of their kind
            since they were loaded.
        open_load_ids: Loads that were under way: what is there of them is not
            in the figures.
        uncompared_load_ids: Loads that have rows, and whose reports are no
            longer kept; only doubled rows of them are named.
        are_totals_compared: Whether the totals were compared with the reports:
            not while a load is under way.
        differences: What differs, by load and table, the account's own first.
    """

    load_ids: Sequence[LoadId] = attrs.field(repr=False)
    tables: Sequence[TableName] = attrs.field(repr=False)
    expected_rows: int
    found_rows: int
    moved_rows: int = 0
    open_load_ids: Sequence[LoadId]
    uncompared_load_ids: Sequence[LoadId] = attrs.field(repr=False)
    are_totals_compared: bool
    differences: Sequence[Difference]

    @property
    def agrees(self) -> bool:
        """
        Whether nothing differs.
        """
        return not self.differences


def reconcile(
    batcher: Batcher, loader: Loader, common: TableName | None = None
) -> Reconciliation:
    """
    Compare what *batcher* tells with the rows that *loader*'s tables hold.

    Args:
        batcher: Whose loads are compared.
        loader: Whose tables they went to.
        common: The table that rows may have been moved out of, into the tables
            of their kinds.

    Raises:
        ConfigurationError: The loader is none that counts.
        ForwarderError: The tables can't be counted now.
    """
    if not offers(loader, CountingLoader):
        msg = (
            f"{type(loader).__name__} can't count its rows; give it count_rows, as "
            "databricks_forwarder.abilities.CountingLoader says"
        )
        raise ConfigurationError(msg)
    books = read_books(batcher)
    counted = count_each(loader, books.batcher_id, books.tables)
    moving = moved_since(books, batcher)
    return compare(books, counted.rows, moving, common, counted.refused)


def compare(
    books: Books,
    counts: Counts,
    moving: Mapping[LoadId, Wholes | None],
    common: TableName | None = None,
    refused: Mapping[TableName, str] | None = None,
) -> Reconciliation:
    """
    Compare an account with what was counted.

    Args:
        books: The account, as it was before the tables were counted.
        counts: Rows by table and load; a table that is not there is left out.
        moving: Loads that were not settled, or have begun since: their rows by
            table when whole, or None if that is not known.
        common: The table that rows may have been moved out of.
        refused: Tables that can't be counted, each with the reason.
    """
    comparing = _Comparing.of(books, counts, moving)
    not_counted = list(uncounted(refused or {}, comparing.expected))
    moved_rows = 0 if common is None else comparing.allow_moves(common)
    differences = [
        *account_differences(books, is_whole=comparing.ranges.are_whole),
        *comparing.of_dead(),
        *not_counted,
        *comparing.of_tables_gone(),
        *comparing.of_rows(),
    ]
    return Reconciliation(
        load_ids=sorted({*books.committed, *books.parked}, key=offsets_in),
        tables=books.tables,
        expected_rows=comparing.expected_rows(),
        found_rows=comparing.found_rows(),
        moved_rows=moved_rows,
        open_load_ids=books.open_load_ids,
        uncompared_load_ids=comparing.uncompared(),
        are_totals_compared=books.is_settled,
        differences=differences,
    )


@attrs.frozen(kw_only=True)
class _Comparing:
    """
    Strictly private.

    Attributes:
        expected: Table → load → rows that must be there.
        ranges: Of the loads that are told of.
    """

    books: Books
    counts: Counts
    moving: Mapping[LoadId, Wholes | None]
    expected: dict[TableName, dict[LoadId, int]]
    ranges: LoadRanges

    @classmethod
    def of(
        cls, books: Books, counts: Counts, moving: Mapping[LoadId, Wholes | None]
    ) -> _Comparing:
        expected: dict[TableName, dict[LoadId, int]] = {
            table: {} for table in books.tables
        }
        for report in (*books.committed.values(), *books.parked.values()):
            for table in report.tables:
                if table.state == "loaded":
                    expected[table.table][report.load_id] = table.row_count
        ranges = LoadRanges.of({*books.committed, *books.parked, *moving})
        return cls(
            books=books, counts=counts, moving=moving, expected=expected, ranges=ranges
        )

    def allow_moves(self, common: TableName) -> int:
        """
        Expect rows where they were moved to, out of the common table; how many.
        """
        load_ids = {*self.books.committed, *self.books.parked, *self.moving}
        moved = 0
        for load_id, table, more in moves(common, load_ids, self.counts, self._whole):
            wanted = self._whole(table, load_id) + more
            self.expected.setdefault(table, {})[load_id] = wanted
            moved += max(more, 0)
        return moved

    def _whole(self, table: TableName, load_id: LoadId) -> int:
        """
        Rows that a load has in a table when it is whole; 0 if that is not known.
        """
        told = self.expected.get(table, {}).get(load_id)
        if told is not None:
            return told
        return (self.moving.get(load_id) or {}).get(table, 0)

    def of_dead(self) -> Iterator[Difference]:
        """
        Name the dead letters of loads that nobody tells of.
        """
        for load_id, found in self.books.dead.items():
            if self._is_unknown(load_id):
                yield unknown_dead(load_id, found)

    def of_tables_gone(self) -> Iterator[Difference]:
        """
        Name the tables that should have rows and are not there.
        """
        for table, loads in self.expected.items():
            if loads and table not in self.counts:
                yield table_gone(table, loads)

    def of_rows(self) -> Iterator[Difference]:
        """
        Name what differs in the tables that are there.
        """
        for table in sorted(self.counts):
            held, expected = self.counts[table], self.expected.get(table, {})
            for load_id in sorted({*held, *expected}, key=offsets_in):
                rows = held.get(load_id)
                found, doubled = (rows.row_count, rows.doubled) if rows else (0, 0)
                wanted = self._wanted(table, load_id, found)
                if doubled:
                    yield doubled_rows(load_id, table, wanted, found, doubled)
                elif wanted is None and self._is_unknown(load_id):
                    yield unknown_rows(load_id, table, found)
                elif wanted is not None and found < wanted:
                    yield missing_rows(load_id, table, wanted, found)
                elif wanted is not None and found > wanted:
                    yield surplus_rows(load_id, table, wanted, found)

    def expected_rows(self) -> int:
        """
        Rows that should be there, by the account.
        """
        return sum(
            self._wanted(table, load_id, self._found(table, load_id)) or 0
            for table, loads in self.expected.items()
            for load_id in loads
        )

    def found_rows(self) -> int:
        """
        Rows of loads that are settled, or that nobody knows.
        """
        return sum(
            rows.row_count
            for table, held in self.counts.items()
            for load_id, rows in held.items()
            if load_id in self.expected.get(table, ())
            or load_id in self.books.committed
            or self._is_unknown(load_id)
        )

    def uncompared(self) -> Sequence[LoadId]:
        """
        The loads with rows whose reports are no longer kept, by offset.
        """
        held = {load_id for loads in self.counts.values() for load_id in loads}
        old = (each for each in held if self.ranges.have_a_gap_for(each))
        return sorted((each for each in old if not self._is_told(each)), key=offsets_in)

    def _found(self, table: TableName, load_id: LoadId) -> int:
        rows = self.counts.get(table, {}).get(load_id)
        return rows.row_count if rows else 0

    def _wanted(self, table: TableName, load_id: LoadId, found: int) -> int | None:
        """
        How many rows should be there; None if that can't be said.
        """
        told = self.expected.get(table, {}).get(load_id)
        if told is not None:
            return self.books.erased.left(table, load_id, told, found)
        if load_id in self.moving:
            wholes = self.moving[load_id]
            if wholes is None:
                return None
            return wholes.get(table, 0) if found else 0
        return 0 if load_id in self.books.committed else None

    def _is_told(self, load_id: LoadId) -> bool:
        return load_id in self.books.committed or load_id in self.moving

    def _is_unknown(self, load_id: LoadId) -> bool:
        return not self._is_told(load_id) and not self.ranges.have_a_gap_for(load_id)
