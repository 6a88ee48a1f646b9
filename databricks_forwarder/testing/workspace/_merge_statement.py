"""
MERGE INTO, read: in the forms UPDATE SET, INSERT (…) VALUES (…) and DELETE.

Sources: Databricks, "MERGE INTO"; Apache Spark's and Delta Lake's lists of error
conditions; read 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from sqlglot import exp

from databricks_forwarder.testing.workspace._parts import unsupported
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._select import parsed
from databricks_forwarder.testing.workspace._tokens import syntax_error

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Merge", "When", "read_merge"]

# What one of ours has; newer releases of the parser call the clauses whens.
_KNOWN = {"this", "using", "on", "whens", "expressions"}


@attrs.frozen
class When:
    """
    A clause, read.

    Attributes:
        way: Which rows it is for.
        condition: Which of them; None for all that are left.
        values: Column → what it is set to; None where the row is deleted.
    """

    way: str
    condition: exp.Expr | None
    values: dict[str, exp.Expr] | None


@attrs.frozen
class Merge:
    """
    The statement, read.
    """

    target: str
    source: str
    query: exp.Expr
    on: exp.Expr
    whens: Sequence[When]


def read_merge(text: str, name: str) -> Merge:
    """
    Read a whole statement into the table of a dotted name.

    Raises:
        RefusedError: It is none, or of a form that the workspace has not.
    """
    tree = parsed(text)
    if not isinstance(tree, exp.Merge) or not tree.args.get("on"):
        raise syntax_error(text, len(text), "")
    odd = {each for each, value in tree.args.items() if value} - _KNOWN
    if odd:
        raise unsupported("MERGE INTO with", *sorted(odd))
    using = tree.args["using"]
    for aliased in (tree.this, using):
        alias = aliased.args.get("alias")
        if alias is not None and alias.args.get("columns"):
            raise syntax_error(text, len(text), "")
    is_query = isinstance(using, exp.Subquery)
    whens = [_when(each) for each in tree.find_all(exp.When)]
    _refuse_unreachable(whens)
    merge = Merge(
        target=tree.this.alias or name.rpartition(".")[2],
        source=using.alias_or_name,
        query=using.this if is_query else exp.select("*").from_(_bare(using)),
        on=tree.args["on"],
        whens=whens,
    )
    _refuse_subqueries(merge)
    return merge


def _bare(table: exp.Expr) -> exp.Expr:
    bare = table.copy()
    bare.set("alias", None)
    return bare


def _when(each: exp.Expr) -> When:
    is_matched, by_source = each.args["matched"], each.args.get("source")
    way = "MATCHED" if is_matched else "NOT MATCHED BY TARGET"
    if by_source:
        way = "NOT MATCHED BY SOURCE"
    return When(way, each.args.get("condition"), _values(way, each.args["then"]))


def _values(way: str, then: exp.Expr) -> dict[str, exp.Expr] | None:
    if isinstance(then, exp.Update) and way != "NOT MATCHED BY TARGET":
        sets = then.expressions
        if not sets or not all(isinstance(each, exp.EQ) for each in sets):
            raise unsupported("MERGE INTO with UPDATE SET *")
        return {each.this.name: each.expression for each in sets}
    if isinstance(then, exp.Insert) and way == "NOT MATCHED BY TARGET":
        names, values = then.this, then.expression
        if not isinstance(names, exp.Tuple) or not isinstance(values, exp.Tuple):
            raise unsupported("MERGE INTO with INSERT *")
        if len(names.expressions) != len(values.expressions):
            raise RefusedError(
                "PARSE_SYNTAX_ERROR",
                "The number of columns of INSERT and that of its VALUES differ.",
                sqlstate="42601",
            )
        return {
            each.name: value
            for each, value in zip(names.expressions, values.expressions, strict=True)
        }
    if then.name.upper() == "DELETE" and way != "NOT MATCHED BY TARGET":
        return None
    raise RefusedError(
        "PARSE_SYNTAX_ERROR", f"No such action WHEN {way}.", sqlstate="42601"
    )


def _refuse_unreachable(whens: Sequence[When]) -> None:
    ended: set[str] = set()
    for when in whens:
        if when.way in ended:
            words = when.way.replace(" ", "_")
            error_class = f"NON_LAST_{words}_CLAUSE_OMIT_CONDITION"
            raise RefusedError(
                error_class,
                f"When there are more than one {when.way} clauses in a MERGE "
                f"statement, only the last {when.way} clause can omit the condition.",
                sqlstate="42613",
            )
        if when.condition is None:
            ended.add(when.way)


def _refuse_subqueries(merge: Merge) -> None:
    for when in merge.whens:
        values = (when.values or {}).values()
        for each in (merge.on, when.condition, *values):
            if each is not None and each.find(exp.Query):
                raise RefusedError(
                    "DELTA_UNSUPPORTED_SUBQUERY",
                    "Subqueries are not supported in the MERGE (condition = "
                    f"{each.sql(dialect='databricks')}).",
                    sqlstate="0AKDC",
                )
