"""
What differs between an account and the tables, each thing in a sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from databricks_forwarder._answer_texts import amount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from databricks_forwarder.model import LoadId, TableName

__all__ = [
    "Difference",
    "account_off",
    "doubled_rows",
    "missing_rows",
    "surplus_rows",
    "table_gone",
    "uncounted",
    "unknown_dead",
    "unknown_rows",
]


@attrs.frozen(kw_only=True)
class Difference:
    """
    One thing in which the account and the tables, or the account itself, differ.

    Attributes:
        kind: ``missing``: rows are not there; ``doubled``: rows are there more
            than once; ``surplus``: rows are there that the account does not
            know; ``unknown load``: so are those of a load that it does not
            know; ``table gone``: a table is not there; ``uncounted``: a
            table's rows can't be counted; ``account``: the account does not add
            up.
        load_id: The load; None for several, or the spool as a whole.
        table: The table; None for the account.
        expected: Rows that should be there; of ``account``, messages.
        found: Rows, or messages, that are.
        sentence: All of it in words, and what to look at first.
    """

    kind: Literal[
        "account",
        "doubled",
        "missing",
        "surplus",
        "table gone",
        "uncounted",
        "unknown load",
    ]
    load_id: LoadId | None = None
    table: TableName | None = None
    expected: int
    found: int
    sentence: str


def account_off(
    sentence: str, expected: int, found: int, load_id: LoadId | None = None
) -> Difference:
    """
    The account does not add up.
    """
    return Difference(
        kind="account",
        load_id=load_id,
        expected=expected,
        found=found,
        sentence=sentence,
    )


def table_gone(table: TableName, rows_by_load: Mapping[LoadId, int]) -> Difference:
    """
    A table is not there.
    """
    expected = sum(rows_by_load.values())
    return Difference(
        kind="table gone",
        table=table,
        expected=expected,
        found=0,
        sentence=(
            f"table {table} is gone, with {amount(expected, 'row')} of "
            f"{amount(len(rows_by_load), 'load')}; restore it, and look for who "
            "dropped or renamed it"
        ),
    )


def uncounted(
    refused: Mapping[TableName, str], expected: dict[TableName, dict[LoadId, int]]
) -> Iterator[Difference]:
    """
    Name tables that can't be counted; of them nothing is expected any more.
    """
    for table, reason in refused.items():
        yield Difference(
            kind="uncounted",
            table=table,
            expected=sum(expected.pop(table, {}).values()),
            found=0,
            sentence=f"table {table} can't be counted: {reason}",
        )


def doubled_rows(
    load_id: LoadId, table: TableName, wanted: int | None, found: int, doubled: int
) -> Difference:
    """
    Rows are there more than once; *wanted* is None where that can't be said.
    """
    once = found - doubled
    expected = once if wanted is None else wanted
    missing = f", and {expected - once} are missing" if once < expected else ""
    return Difference(
        kind="doubled",
        load_id=load_id,
        table=table,
        expected=expected,
        found=found,
        sentence=(
            f"table {table} holds {amount(found, 'row')} of load {load_id}, {doubled} "
            f"of them doubled{missing}; keep one row of each _offset and _position"
        ),
    )


def missing_rows(
    load_id: LoadId, table: TableName, wanted: int, found: int
) -> Difference:
    """
    Rows are not there.
    """
    return Difference(
        kind="missing",
        load_id=load_id,
        table=table,
        expected=wanted,
        found=found,
        sentence=(
            f"table {table} holds {found} of {wanted} rows of load {load_id}, "
            f"{wanted - found} are missing; look in the table's history for who "
            "removed them"
        ),
    )


def surplus_rows(
    load_id: LoadId, table: TableName, wanted: int, found: int
) -> Difference:
    """
    Rows are there that nobody tells of, and none is doubled.
    """
    return Difference(
        kind="surplus",
        load_id=load_id,
        table=table,
        expected=wanted,
        found=found,
        sentence=(
            f"table {table} holds {amount(found, 'row')} of load {load_id}, the "
            f"account tells of {wanted}; look in the table's history for who added them"
        ),
    )


def unknown_rows(load_id: LoadId, table: TableName, found: int) -> Difference:
    """
    Rows are there of a load that the spool does not know.
    """
    return Difference(
        kind="unknown load",
        load_id=load_id,
        table=table,
        expected=0,
        found=found,
        sentence=(
            f"table {table} holds {amount(found, 'row')} of load {load_id}, which the "
            "spool does not know; was the spool restored from a backup, or copied?"
        ),
    )


def unknown_dead(load_id: LoadId, found: int) -> Difference:
    """
    Dead letters are there of a load that the spool does not know.
    """
    return Difference(
        kind="unknown load",
        load_id=load_id,
        expected=0,
        found=found,
        sentence=(
            f"{found} messages are dead letters of load {load_id}, which the spool "
            "does not know; its file was changed by somebody else"
        ),
    )
