"""
What the names in a query stand for: tables, views, and what a session knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from databricks_forwarder.testing.workspace._information import information
from databricks_forwarder.testing.workspace._names import full_name
from databricks_forwarder.testing.workspace._parts import unsupported
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._tables import while_there
from databricks_forwarder.testing.workspace._views import rows_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._results import Session
    from databricks_forwarder.testing.workspace._views import Query

__all__ = ["answer_of_session", "resolved"]


def resolved(
    tree: exp.Expr, session: Session, parts: Parts, query: Query
) -> dict[str, Any]:
    """
    Put a name of ours in the place of each table's; tell what each stands for.

    Args:
        tree: A query; its names are replaced.
        session: Who asks.
        parts: What is asked.
        query: Answers the query of a view.

    Raises:
        RefusedError: A name is of nothing, or of what may not be read.
    """
    own = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    rows: dict[str, Any] = {}
    paths: set[tuple[str, ...]] = set()
    for node in list(tree.find_all(exp.Table)):
        path = [part.name for part in node.parts]
        if len(path) == 1 and path[0].lower() in own:
            continue
        if isinstance(node.this, exp.Func):
            raise RefusedError(
                "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
                f"Could not resolve `{node.this.name or node.name}` to a table-valued "
                "function.",
                sqlstate="42883",
            )
        if node.args.get("version") or node.args.get("when"):
            raise unsupported("time travel")
        name = f"t{len(rows)}"
        rows[name] = _rows(path, session, parts, query)
        paths.add(tuple(part.lower() for part in path))
        alias = node.args.get("alias") or exp.TableAlias(
            this=exp.to_identifier(path[-1], quoted=True)
        )
        node.replace(exp.Table(this=exp.to_identifier(name), alias=alias))
    _forget_qualifiers(tree, paths)
    return rows


def _rows(path: list[str], session: Session, parts: Parts, query: Query) -> Any:
    if len(path) > 1 and path[-2].lower() == "information_schema":
        catalog = full_name(path[:-2], "CATALOG", session)
        return information(path[-1].lower(), catalog, session, parts)
    name = full_name(path, "TABLE", session)
    if view := parts.catalog.view(name):
        return rows_of(view, session.principal, parts, query)
    table = parts.tables.find(name, session.principal, "SELECT")
    with while_there(table):
        return table.dataset(table.log.read())


def _forget_qualifiers(tree: exp.Expr, paths: Collection[tuple[str, ...]]) -> None:
    """
    Make ``catalog.schema.table.column`` of these tables ``table.column``.
    """
    for column in tree.find_all(exp.Column):
        above = tuple(part.name.lower() for part in column.parts[:-1])
        if len(above) > 1 and above in paths:
            column.set("catalog", None)
            column.set("db", None)


def answer_of_session(tree: exp.Expr, session: Session, parts: Parts) -> None:
    """
    Put in what only the session and the clock know.
    """
    known: dict[str, exp.Expr] = {
        "current_user": exp.Literal.string(session.principal),
        "session_user": exp.Literal.string(session.principal),
        "current_catalog": exp.Literal.string(session.catalog),
        "current_schema": exp.Literal.string(session.schema),
        "current_database": exp.Literal.string(session.schema),
        "current_timestamp": exp.cast(
            exp.Literal.string(parts.clock.now().isoformat()),
            exp.DataType.Type.TIMESTAMPTZ,
        ),
    }
    for node in list(tree.find_all(exp.Func)):
        # Newer releases of the parser have classes for more of them.
        is_unknown = isinstance(node, exp.Anonymous)
        name = (node.name if is_unknown else node.sql_name()).lower()
        if name in known:
            _replace(node, f"{name}()", known[name].copy())


def _replace(node: exp.Expr, name: str, value: exp.Expr) -> None:
    # A column of the result is called what was asked for.
    if isinstance(node.parent, exp.Select) and node.arg_key == "expressions":
        value = exp.alias_(value, name, quoted=True)
    node.replace(value)
