"""
CREATE, ALTER and DROP VIEW.

A view is read with its owner's privileges, so who makes one must hold them.
Replacing a view forgets what was granted on it; altering it does not.

Sources: Databricks, "CREATE VIEW", "ALTER VIEW", "DROP VIEW" and "Create and
manage views", read 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._catalog import Securable, View
from databricks_forwarder.testing.workspace._grants import ADMIN, not_the_owner
from databricks_forwarder.testing.workspace._names import full_name, parent, shown
from databricks_forwarder.testing.workspace._parts import nothing, unsupported
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._select import columns_of, parsed_query
from databricks_forwarder.testing.workspace._tables import already_there
from databricks_forwarder.testing.workspace._types import field, from_arrow
from databricks_forwarder.testing.workspace._views import names_of

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Result, Session

__all__ = ["alter_view", "create_view", "drop_view", "replace_view"]

# What the platform knows of a view and this workspace does not.
_ELSEWHERE = ("(", "WITH", "TBLPROPERTIES", "LANGUAGE")


def create_view(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows CREATE VIEW.
    """
    if_absent = reader.accept("IF", "NOT", "EXISTS")
    view, comment = _read(reader, session, parts)
    is_new = parts.catalog.add_view(_securable(view, session, comment), view)
    if not is_new and not if_absent:
        raise already_there(view.name)
    return nothing()


def replace_view(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows CREATE OR REPLACE VIEW.
    """
    view, comment = _read(reader, session, parts)
    made = _securable(view, session, comment)
    if not parts.catalog.add_view(made, view):
        parts.catalog.remove(_owned(view.name, session, parts))
        parts.catalog.add_view(made, view)
    return nothing()


def alter_view(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows ALTER VIEW.
    """
    name = full_name(reader.name(), "TABLE", session)
    if not reader.accept("AS"):
        raise unsupported("ALTER VIEW but for AS")
    parts.grants.enter(parent(name), session.principal)
    _owned(name, session, parts)
    parts.catalog.define(_queried(reader, name, session, parts))
    return nothing()


def drop_view(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows DROP VIEW.
    """
    if_there = reader.accept("IF", "EXISTS")
    name = full_name(reader.name(), "TABLE", session)
    reader.end()
    parts.grants.enter(parent(name), session.principal)
    if if_there and parts.catalog.find("TABLE", name) is None:
        return nothing()
    parts.grants.require_owner("TABLE", name, session.principal)
    parts.catalog.remove(_view(name, parts))
    return nothing()


def _read(reader: Reader, session: Session, parts: Parts) -> tuple[View, str]:
    name = full_name(reader.name(), "TABLE", session)
    for clause in _ELSEWHERE:
        if reader.sees(clause):
            raise unsupported("a view with", clause)
    comment = reader.string() if reader.accept("COMMENT") else ""
    reader.expect("AS")
    parts.grants.enter(parent(name), session.principal)
    parts.grants.require("CREATE TABLE", "SCHEMA", parent(name), session.principal)
    return _queried(reader, name, session, parts), comment


def _queried(reader: Reader, name: str, session: Session, parts: Parts) -> View:
    """
    The view that the rest of the statement defines; its query is answered once.
    """
    text = reader.sql[reader.ahead.at :].rstrip().removesuffix(";").rstrip()
    tree = parsed_query(reader.rest())
    if name in names_of(tree, session):
        raise RefusedError(
            "RECURSIVE_VIEW",
            f"Recursive view {shown(name)} detected (cycle: {shown(name)} -> "
            f"{shown(name)}).",
            sqlstate="42K0H",
        )
    columns = columns_of(tree, session, parts)
    if len({column.lower() for column in columns.names}) < len(columns):
        raise RefusedError(
            "COLUMN_ALREADY_EXISTS",
            "A column of the view is there twice. Choose another name or rename the "
            "existing column.",
            sqlstate="42711",
        )
    return View(
        name=name,
        query=text,
        catalog=session.catalog,
        schema=session.schema,
        fields=[field(each.name, from_arrow(each.type)) for each in columns],
    )


def _securable(view: View, session: Session, comment: str) -> Securable:
    owner = session.principal
    return Securable(kind="TABLE", name=view.name, owner=owner, comment=comment)


def _owned(name: str, session: Session, parts: Parts) -> Securable:
    """
    The view of this name, for its owner: to manage it is not enough.
    """
    found = _view(name, parts)
    if session.principal not in {ADMIN, found.owner}:
        raise not_the_owner("TABLE", name)
    return found


def _view(name: str, parts: Parts) -> Securable:
    found = parts.grants.found("TABLE", name)
    if not found.is_view:
        raise RefusedError(
            "EXPECT_VIEW_NOT_TABLE.NO_ALTERNATIVE",
            f"The table {shown(name)} does not support the operation, which expects a "
            "view.",
            sqlstate="42809",
        )
    return found
