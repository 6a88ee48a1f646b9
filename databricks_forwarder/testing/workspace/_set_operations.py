"""
What may stand on the sides of UNION, beyond what a parser and DuckDB refuse.

Sources: Databricks, "Set operators", "SQL data type rules" and "Error
conditions", read 2026-11-25: both sides have as many columns, which go
together by their places and share a least common type; structs have one only
if they have the same fields. There is no BY NAME, as other engines have it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._tokens import syntax_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["refuse_by_name", "refuse_unlike"]


def refuse_by_name(tree: exp.Expr, text: str) -> None:
    """
    See that no set operator goes by names.

    Raises:
        RefusedError: One does.
    """
    if any(each.args.get("by_name") for each in tree.find_all(exp.Union)):
        raise syntax_error(text, max(text.upper().find("BY NAME"), 0), "BY")


def refuse_unlike(
    tree: exp.Expr, types_of: Callable[[exp.Expr], Sequence[Any] | None]
) -> None:
    """
    See that the sides of each UNION have columns that go together.

    Args:
        tree: A query, its names resolved.
        types_of: The types of the columns of a part of it; None for a part
            that means nothing by itself.

    Raises:
        RefusedError: One has more columns than another, or a struct that has
            other fields.
    """
    for union in tree.find_all(exp.Union):
        if isinstance(union.parent, exp.Union):
            continue
        sides = [types for side in _sides(union) if (types := types_of(side))]
        for types in sides[1:]:
            _refuse_unlike(sides[0], types)


def _sides(node: exp.Expr) -> Iterator[exp.Expr]:
    # Without recursion: there may be a side for each table.
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, exp.Union):
            waiting += [each.expression, each.this]
        else:
            yield each


def _refuse_unlike(first: Sequence[Any], other: Sequence[Any]) -> None:
    if len(first) != len(other):
        raise RefusedError(
            "NUM_COLUMNS_MISMATCH",
            "UNION can only be performed on inputs with the same number of columns, "
            f"but the first input has {len(first)} columns and another input has "
            f"{len(other)} columns.",
            sqlstate="42826",
        )
    for place, (here, there) in enumerate(zip(first, other, strict=True), 1):
        if not _go_together(here, there):
            raise RefusedError(
                "INCOMPATIBLE_COLUMN_TYPE",
                "UNION can only be performed on tables with compatible column types. "
                f"Column {place} of one of the tables has a struct of other fields.",
                sqlstate="42825",
            )


def _go_together(here: Any, there: Any) -> bool:
    if here.id != there.id or here.id not in {"struct", "list", "map"}:
        # What else does not fit the engine refuses itself.
        return True
    inner = list(zip(here.children, there.children, strict=False))
    return len(here.children) == len(there.children) and all(
        name.lower() == other.lower() and _go_together(type_, other_type)
        for (name, type_), (other, other_type) in inner
    )
