"""
What was moved is told from what is missing.
"""

from __future__ import annotations

from databricks_forwarder._moves import moves
from databricks_forwarder.model import LoadId, RowCount, TableName

LOAD, OTHER = LoadId("0123456789ab-0-9"), LoadId("0123456789ab-10-19")
COMMON, OWN, ELSE = TableName("common"), TableName("own"), TableName("else")
WHOLE = {(COMMON, LOAD): 5, (OWN, OTHER): 3, (ELSE, LOAD): 2}


def moved(
    counts: dict[TableName, dict[LoadId, RowCount]],
) -> set[tuple[LoadId, TableName, int]]:
    """
    What was moved where 5 rows of a load were in the common table.
    """
    return set(
        moves(COMMON, [LOAD, OTHER], counts, lambda *each: WHOLE.get(each[:2], 0))
    )


def test_rows_that_are_elsewhere_were_moved() -> None:
    """
    As many rows more as the common table lacks were moved out of it.
    """
    counts = {
        COMMON: {LOAD: RowCount(2)},
        OWN: {LOAD: RowCount(2), OTHER: RowCount(3)},
        ELSE: {LOAD: RowCount(3)},
    }

    assert {(LOAD, COMMON, -3), (LOAD, OWN, 2), (LOAD, ELSE, 1)} == moved(counts)


def test_all_rows_may_have_been_moved() -> None:
    """
    A load that has no row left in the common table is no exception.
    """
    counts = {COMMON: {}, OWN: {LOAD: RowCount(5)}, ELSE: {LOAD: RowCount(2)}}

    assert {(LOAD, COMMON, -5), (LOAD, OWN, 5)} == moved(counts)


def test_rows_that_are_nowhere_are_not_moved() -> None:
    """
    A load that lacks more than is elsewhere is compared as it is.
    """
    counts = {COMMON: {LOAD: RowCount(2)}, OWN: {LOAD: RowCount(2)}}

    assert set() == moved(counts)


def test_doubled_rows_make_good_for_nothing() -> None:
    """
    A row that is there twice is no row that was moved.
    """
    counts = {COMMON: {LOAD: RowCount(3)}, OWN: {LOAD: RowCount(2, doubled=1)}}

    assert set() == moved(counts)


def test_a_table_that_is_gone_has_moved_nothing() -> None:
    """
    Where the common table is not there, nothing is said of what left it.
    """
    assert set() == moved({OWN: {LOAD: RowCount(5)}})
