"""
How the columns of a query's result are called.
"""

from __future__ import annotations

from sqlglot import exp

__all__ = ["name_columns"]


def name_columns(tree: exp.Expr) -> exp.Expr:
    """
    Give the columns of the result the names that the platform gives them.
    """
    first = tree
    while isinstance(first, exp.Query) and not isinstance(first, exp.Select):
        first = first.this
    if isinstance(first, exp.Select):
        first.set("expressions", [_named(each) for each in first.expressions])
    if not isinstance(tree, exp.Values):
        return tree
    width = len(tree.expressions[0].expressions)
    columns = [exp.to_identifier(f"col{place + 1}") for place in range(width)]
    alias = exp.TableAlias(this=exp.to_identifier("v"), columns=columns)
    tree.set("alias", alias)
    return exp.select("*").from_(tree)


def _named(each: exp.Expr) -> exp.Expr:
    if isinstance(each, exp.Alias | exp.Explode) or each.is_star:
        return each
    name = each.name if isinstance(each, exp.Column | exp.Dot) else _spelled(each)
    return exp.alias_(each, name, quoted=True)


def _spelled(each: exp.Expr) -> str:
    if isinstance(each, exp.Count) and isinstance(each.this, exp.Star):
        return "count(1)"
    if isinstance(each, exp.Literal):
        return str(each.this)
    return each.sql(dialect="databricks", normalize_functions="lower")
