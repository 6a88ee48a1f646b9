"""
Views: what their queries name, and what is read from them.

Source: Databricks, "CREATE VIEW" and "Requirements for querying views", read
2026-11-25: a view is read with its owner's privileges; it has the columns that
it had when it was made, whatever a star in it stands for since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from databricks_forwarder.testing.workspace._names import full_name, parent, shown
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._results import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from databricks_forwarder.testing.workspace._catalog import View
    from databricks_forwarder.testing.workspace._parts import Parts

    Query = Callable[[str, Session, Parts], pa.Table]

__all__ = ["names_of", "refuse_views", "rows_of"]


def names_of(tree: exp.Expr, session: Session) -> set[str]:
    """
    The dotted names of what a query that is read already is about.
    """
    paths = ([part.name for part in each.parts] for each in tree.find_all(exp.Table))
    return {full_name(path, "TABLE", session) for path in paths if all(path)}


def rows_of(view: View, principal: str, parts: Parts, query: Query) -> pa.Table:
    """
    Answer a view's query, for someone who may read the view.

    Raises:
        RefusedError: A privilege is missing, the owner's ones included; or
            what it is about is no longer as it was.
    """
    parts.grants.enter(parent(view.name), principal)
    parts.grants.require("SELECT", "TABLE", view.name, principal)
    owner = parts.grants.found("TABLE", view.name).owner
    place = Session(principal=owner, catalog=view.catalog, schema=view.schema)
    rows = query(view.query, place, parts)
    names = [each["name"] for each in view.fields]
    missing = set(names) - set(rows.schema.names)
    if missing:
        raise RefusedError(
            "INCOMPATIBLE_VIEW_SCHEMA_CHANGE",
            f"The SQL query of view {shown(view.name)} has an incompatible schema "
            f"change and column {min(missing)} cannot be resolved.",
            sqlstate="51024",
        )
    return rows.select(names)


def refuse_views(name: str, *, is_view: bool) -> None:
    """
    See that what a statement about tables names is none.

    Raises:
        RefusedError: It is a view.
    """
    if is_view:
        raise RefusedError(
            "EXPECT_TABLE_NOT_VIEW.NO_ALTERNATIVE",
            f"The view {shown(name)} does not support the operation, which expects a "
            "table.",
            sqlstate="42809",
        )
