"""
The sections on sizes and on the account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, joined, named, table, tag
from databricks_forwarder._report.pieces import pairs, scrolled, section
from databricks_forwarder._report.words import count, plural, size

if TYPE_CHECKING:
    from databricks_forwarder._report.facts import Facts
    from databricks_forwarder._report.lately import Lately

__all__ = ["account", "sizes"]

_SHOWN = 20


def sizes(lately: Lately) -> Html:
    """
    What the spool holds, and what tables got: files, bytes, bytes a row.
    """
    tables = lately.tables(lately.loads)
    rows = sum(each.row_count for each in tables)
    files = sum(each.file_count for each in tables)
    size_bytes = sum(each.size_bytes for each in tables)
    days = plural(lately.facts.days, "day")
    return section(
        "sizes",
        "How large it is",
        pairs(
            [
                (
                    "In the spool",
                    f"{size(lately.facts.status.stored_bytes)} of payloads",
                ),
                (f"Loaded in {days}", f"{size(size_bytes)} of Parquet"),
                ("Files", f"{count(files)} in {plural(len(lately.loads), 'load')}"),
                ("A row", size(size_bytes / rows) if rows else "none yet"),
            ]
        ),
        _by_table(lately) if tables else None,
    )


def _by_table(lately: Lately) -> Html:
    tables = lately.tables(lately.loads)
    rows = [
        (
            named(each.name),
            count(each.row_count),
            count(each.file_count),
            size(each.size_bytes),
            size(each.size_bytes / max(each.row_count, 1)),
            count(each.row_count / max(each.file_count, 1)),
        )
        for each in tables[:_SHOWN]
    ]
    headers = ("Table", "Rows", "Files", "Parquet", "A row", "Rows a file")
    left = len(tables) - _SHOWN
    more = tag("p", f"and {plural(left, 'table')} more", class_="muted")
    return joined(
        [
            scrolled(table(headers, rows, numbers=range(1, 6))),
            more if left > 0 else None,
        ]
    )


def account(facts: Facts) -> Html:
    """
    Where all messages are since the spool was made.
    """
    held = facts.status.account
    parts = (
        ("loaded", held.loaded, "s1"),
        ("dead", held.dead, "bad"),
        ("dropped by rule", held.dropped, "s4"),
        ("pending", held.pending, "odd"),
    )
    terms = [
        tag("span", tag("b", count(number)), f" {name}", class_=f"term {style}-edge")
        for name, number, style in parts
    ]
    signs = ["=", "+", "+", "+"]
    sum_ = joined(
        part
        for sign, term in zip(signs, terms, strict=True)
        for part in (f" {sign} ", term)
    )
    received = tag("span", tag("b", count(held.received)), " received", class_="term")
    return section(
        "account",
        "The account",
        tag("p", received, sum_, class_="sum"),
        tag("p", _adds_up(facts), class_="lead"),
    )


def _adds_up(facts: Facts) -> str:
    if facts.status.account.is_balanced:
        return "It adds up: each message that was received is in exactly one place."
    return "It does not add up: run reconcile, and keep a copy of the spool."
