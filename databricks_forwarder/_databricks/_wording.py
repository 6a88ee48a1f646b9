"""
How a warehouse and its statements are told of in errors.
"""

from __future__ import annotations

__all__ = ["excerpt", "no_such"]

_EXCERPT = 80


def no_such(warehouse_id: str, doing: str) -> str:
    """
    Say that there is no such warehouse, and what to do.
    """
    return (
        f"{doing} failed: there is no SQL warehouse {warehouse_id} in this workspace; "
        "correct warehouse_id"
    )


def excerpt(sql: str) -> str:
    """
    The beginning of a statement, without the remark before it.
    """
    text = " ".join(sql.split("*/\n", 1)[-1].split())
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"
