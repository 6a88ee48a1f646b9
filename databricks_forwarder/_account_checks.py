"""
Whether an account adds up in itself, before any table is looked at: pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._differences import account_off

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder._books import Books
    from databricks_forwarder._differences import Difference
    from databricks_forwarder.model import Account, LoadReport

__all__ = ["account_differences"]


def account_differences(books: Books, *, is_whole: bool) -> Iterator[Difference]:
    """
    Name what does not add up in a batcher's totals, reports and dead letters.

    Args:
        books: What it tells.
        is_whole: Whether all its reports are kept.
    """
    for report in (*books.committed.values(), *books.parked.values()):
        yield from _of_report(report)
    for load_id, found in books.dead.items():
        told = books.committed.get(load_id)
        if told is not None and found > told.account.dead:
            yield account_off(
                f"{found} messages are dead letters of load {load_id}, its report "
                f"tells of {told.account.dead}",
                told.account.dead,
                found,
                load_id,
            )
    yield from _of_totals(books, is_whole=is_whole)


def _of_report(report: LoadReport) -> Iterator[Difference]:
    account, load_id = report.account, report.load_id
    if not account.is_balanced:
        yield account_off(
            f"the report of load {load_id} does not add up: {_sum(account)}",
            account.received,
            _told(account),
            load_id,
        )
    loaded = sum(each.row_count for each in report.tables if each.state == "loaded")
    if loaded != account.loaded:
        yield account_off(
            f"the report of load {load_id} tells of {account.loaded} loaded messages, "
            f"and of {loaded} rows in its tables",
            account.loaded,
            loaded,
            load_id,
        )
    dead = sum(letter.message_count for letter in report.dead)
    # Those of a parked load are pending.
    if not report.is_parked and dead != account.dead:
        yield account_off(
            f"the report of load {load_id} tells of {account.dead} dead messages, and "
            f"lists dead letters of {dead}",
            account.dead,
            dead,
            load_id,
        )


def _of_totals(books: Books, *, is_whole: bool) -> Iterator[Difference]:
    totals = books.account
    if not totals.is_balanced:
        yield account_off(
            f"the spool's account does not add up: {_sum(totals)}",
            totals.received,
            _told(totals),
        )
    if not books.is_settled:
        return
    dead = sum(books.dead.values())
    if dead != totals.dead:
        yield account_off(
            f"the spool counts {totals.dead} dead messages, its dead letters hold "
            f"{dead}",
            totals.dead,
            dead,
        )
    accounts = [
        report.account for report in (*books.committed.values(), *books.parked.values())
    ]
    for what in ("loaded", "dropped"):
        erased = books.erased.message_count if what == "dropped" else 0
        total = getattr(totals, what) - erased
        found = sum(getattr(account, what) for account in accounts)
        if found > total or (is_whole and found != total):
            yield account_off(
                f"the spool counts {total} {what} messages, its reports {found}",
                total,
                found,
            )


def _told(account: Account) -> int:
    return account.loaded + account.dead + account.dropped + account.pending


def _sum(account: Account) -> str:
    return (
        f"received {account.received} and loaded {account.loaded} + dead {account.dead}"
        f" + dropped {account.dropped} + pending {account.pending}"
    )
