"""
What there is: catalogs, schemas, tables and volumes, their owners and grants.

One SQLite file, so that several engines, also in several processes, agree. A
table's columns and rows are not in it: they are its Delta log's. Power may be
lost at a test's expense, hence ``synchronous=OFF``.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.testing.workspace._types import fields_of_text, text_of_fields

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from databricks_forwarder.testing.workspace._names import Kind
    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["Catalog", "Grant", "Securable", "View"]

_TABLES = """
CREATE TABLE IF NOT EXISTS securables (
    kind TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT NULL,
    comment TEXT NOT NULL, folder TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS grants (
    kind TEXT NOT NULL, name TEXT NOT NULL, principal TEXT NOT NULL,
    privilege TEXT NOT NULL,
    PRIMARY KEY (kind, name, principal, privilege)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS views (
    name TEXT NOT NULL PRIMARY KEY, query TEXT NOT NULL, catalog TEXT NOT NULL,
    schema TEXT NOT NULL, fields TEXT NOT NULL
) WITHOUT ROWID;
"""


@attrs.frozen(kw_only=True)
class Securable:
    """
    One thing that has an owner.

    Attributes:
        name: Dotted, whole, in lower case.
        folder: Name of the folder of its files, never used twice; empty for
            what has none.
    """

    kind: Kind
    name: str
    owner: str
    comment: str = ""
    folder: str = ""

    @property
    def is_view(self) -> bool:
        """
        Whether it is a view: among the tables what has no files.
        """
        return self.kind == "TABLE" and not self.folder


@attrs.frozen(kw_only=True)
class View:
    """
    What a view shows.

    Attributes:
        name: As that of its securable.
        query: As it was written.
        catalog: Where names in the query without a catalog are looked up.
        schema: The same for those without a schema.
        fields: The columns.
    """

    name: str
    query: str
    catalog: str
    schema: str
    fields: Sequence[Field]


@attrs.frozen
class Grant:
    """
    One privilege that someone was given.
    """

    kind: Kind
    name: str
    principal: str
    privilege: str


class Catalog:
    """
    The list of securables and grants; any thread may use it.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(
            path, timeout=30, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        """
        Close the file.
        """
        with self._lock:
            self._database.close()

    def add(self, securable: Securable) -> bool:
        """
        List *securable*; False if there is one of its name already.
        """
        statement = "INSERT OR IGNORE INTO securables VALUES (?, ?, ?, ?, ?)"
        return bool(self._change(statement, *attrs.astuple(securable)))

    def add_view(self, securable: Securable, view: View) -> bool:
        """
        List a view; False if there is a view or table of its name already.
        """
        came_first = self.add(securable)
        if came_first:
            self.define(view)
        return came_first

    def define(self, view: View) -> None:
        """
        Note what a view shows; what it showed before is forgotten.
        """
        statement = "INSERT OR REPLACE INTO views VALUES (?, ?, ?, ?, ?)"
        fields = text_of_fields(view.fields)
        self._change(
            statement, view.name, view.query, view.catalog, view.schema, fields
        )

    def view(self, name: str) -> View | None:
        """
        What the view of this name shows; None for what is no view.
        """
        rows = self._rows("SELECT * FROM views WHERE name = ?", name)
        for _, query, catalog, schema, fields in rows:
            return View(
                name=name,
                query=query,
                catalog=catalog,
                schema=schema,
                fields=fields_of_text(fields),
            )
        return None

    def find(self, kind: Kind, name: str) -> Securable | None:
        """
        The securable of this name.
        """
        rows = self._rows(
            "SELECT * FROM securables WHERE kind = ? AND name = ?", kind, name
        )
        return _securable(rows[0]) if rows else None

    def within(self, kind: Kind, name: str) -> list[Securable]:
        """
        All of a kind under a dotted name, or of all names for an empty one.
        """
        rows = self._rows("SELECT * FROM securables WHERE kind = ? ORDER BY name", kind)
        under = f"{name}." if name else ""
        return [each for each in map(_securable, rows) if each.name.startswith(under)]

    def remove(self, securable: Securable) -> bool:
        """
        Take *securable* off the list, with its grants; False if it was gone.

        One that was made since under the same name stays.
        """
        statement = "DELETE FROM securables WHERE kind = ? AND name = ? AND folder = ?"
        kind, name = securable.kind, securable.name
        if not self._change(statement, kind, name, securable.folder):
            return False
        self._change("DELETE FROM grants WHERE kind = ? AND name = ?", kind, name)
        if securable.is_view:
            self._change("DELETE FROM views WHERE name = ?", name)
        return True

    def give(self, grant: Grant) -> None:
        """
        Note a grant; twice is once.
        """
        statement = "INSERT OR IGNORE INTO grants VALUES (?, ?, ?, ?)"
        self._change(statement, *attrs.astuple(grant))

    def take(self, grant: Grant) -> None:
        """
        Forget a grant; one that was never given is nothing.
        """
        self._change(
            "DELETE FROM grants WHERE kind = ? AND name = ? AND principal = ? "
            "AND privilege = ?",
            *attrs.astuple(grant),
        )

    def grants_on(self, kind: Kind, name: str) -> list[Grant]:
        """
        The grants on one securable itself.
        """
        rows = self._rows(
            "SELECT * FROM grants WHERE kind = ? AND name = ? "
            "ORDER BY principal, privilege",
            kind,
            name,
        )
        return [Grant(*row) for row in rows]

    def _rows(self, statement: str, *values: str) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def _change(self, statement: str, *values: str) -> int:
        with self._lock:
            return self._database.execute(statement, values).rowcount


def _securable(row: tuple[Any, ...]) -> Securable:
    kind, name, owner, comment, folder = row
    return Securable(kind=kind, name=name, owner=owner, comment=comment, folder=folder)
