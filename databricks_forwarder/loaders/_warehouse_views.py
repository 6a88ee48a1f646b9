"""
The views of a schema in a workspace, kept up to date as tables come and grow.

A view over all tables, and one for each kind that has a table of its own, over
that and its rows in the common table: so the name that an analyst's query has
stays right when a kind gets a table.

A view is made, or altered, when a table is there and before its first rows
are, so that no row is ever loaded out of sight. Another host may have done the
same meanwhile, from what it saw; who changes a view looks again after that,
and so the last one to change it has seen all tables. What a death leaves
undone between a table and its view is done by the next process that loads, or
by the next table that is made or widened.
"""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING

from databricks_forwarder._databricks.fates import (
    AlreadyThereError,
    ConflictError,
    UnknownOutcomeError,
)
from databricks_forwarder._databricks.kind_conditions import kind_condition
from databricks_forwarder._databricks.unions import all_rows, shown
from databricks_forwarder._databricks.view_statements import AlterView, CreateView
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.errors import ForwarderError, SetupError
from databricks_forwarder.loaders._schemas import widened
from databricks_forwarder.loaders._warehouse_relations import (
    LOOK_SECONDS,
    PLAIN,
    SHOWN,
    Relations,
)
from databricks_forwarder.model import Finding, TableName
from databricks_forwarder.mparticle.names import candidates, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pyarrow as pa

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Name
    from databricks_forwarder.loaders._warehouse_relations import Relation
    from databricks_forwarder.model import EventKind

    Give = Callable[[Mapping[str, Sequence[TableName]]], Mapping[str, TableName]]
    """Gives owners names of their own, as `EventCounts.give` does."""

    Tables = Mapping[TableName, pa.Schema]

__all__ = ["WarehouseViews"]

_log = logging.getLogger("databricks_forwarder")

_COMMENT = "Kept by databricks-forwarder; it changes when a table comes or grows."

# Each round but the last found that another host had been there meanwhile.
_ROUNDS = 3

# What another look settles: somebody else was there, or nobody knows.
_LOOK_AGAIN = (ConflictError, UnknownOutcomeError)


class WarehouseViews:
    """
    The views of one schema; any thread may call.

    Nothing that goes wrong with a view is raised: the rows must not wait for
    it. It is told by `problems`, and tried again with the next load.

    Args:
        client: The workspace.
        give: Where views get names that no table gets.
        maintain: Whether there are to be views; None for those of a schema
            whose tables were all made since there are views.
    """

    def __init__(
        self, client: DatabricksClient, give: Give, *, maintain: bool | None = None
    ) -> None:
        self._client = client
        self._give = give
        self._maintains = maintain
        self._lock = threading.Lock()
        self._relations = Relations(client)
        self._names: dict[str, TableName] = {}
        self._common: TableName | None = None
        self._kinds: dict[TableName, EventKind] = {}
        self._shown: Tables = {}
        self._is_current = False
        self._problems: dict[str, str] = {}

    @property
    def is_off(self) -> bool:
        """
        Whether it is known that there are to be none.
        """
        return self._maintains is False

    def table_comment(self) -> str:
        """
        What a table that is made now says of itself.

        Raises:
            ForwarderError: The catalog can't be asked now.
        """
        if self._maintains is None:
            with self._lock:
                self._are_wanted()
        return SHOWN if self._maintains else PLAIN

    def foreseen_comment(self) -> str:
        """
        The same, as far as is known without asking: else that views show it.
        """
        return PLAIN if self.is_off else SHOWN

    def expect(
        self,
        common: TableName,
        own: Mapping[TableName, EventKind],
        made: Tables,
    ) -> None:
        """
        Take note of what tables are for, and see to the views if they need it.

        Args:
            common: The table of kinds that have none of their own.
            own: Some of the others, each with the kind that it is for.
            made: Tables that are new.
        """
        with self._lock:
            for table, schema in made.items():
                self._relations.know(table, schema)
                self._is_current = False
            new = {table: kind for table, kind in own.items() if kind.event_type}
            if common != self._common or not new.items() <= self._kinds.items():
                self._common = common
                self._kinds.update(new)
                self._is_current = False
            self._refresh()

    def grown(self, table: TableName, schema: pa.Schema) -> None:
        """
        See to the views: *table* is new, or has columns that it had not.
        """
        self._relations.know(table, schema)
        with self._lock:
            # Another table's thread may have seen to it while this one waited:
            # of tables that come side by side, one sees to the views for all.
            if self._shown.get(table) != schema:
                self._is_current = False
                self._refresh()

    def have(self, name: TableName) -> bool:
        """
        Whether a view was given this name.
        """
        return not self.is_off and name in self._names.values()

    def problems(self) -> Sequence[Finding]:
        """
        What of the views could not be done when it was last tried.
        """
        with self._lock:
            return [Finding(*each) for each in sorted(self._problems.items())]

    def _refresh(self) -> None:
        if self._is_current or self.is_off:
            return
        self._problems = {}
        try:
            if self._are_wanted():
                self._see_to_all()
        except ForwarderError as error:
            self._problems["views of the tables"] = str(error)
        self._is_current = not self._problems
        for subject, problem in self._problems.items():
            _log.warning("%s: %s; rows are loaded all the same", subject, problem)

    def _are_wanted(self) -> bool:
        if self._maintains is None:
            found = self._relations.look()
            self._maintains = not any(each.comment == PLAIN for each in found.values())
        return self._maintains

    def _see_to_all(self) -> None:
        self._shown = {}
        for _ in range(_ROUNDS):
            found = self._relations.look()
            tables = self._relations.tables_of_events(found)
            self._problems = {}
            changed = [
                self._see_to(name, query, found.get(name))
                for name, query in self._queries(tables).items()
            ]
            if not any(changed):
                self._shown = {} if self._problems else tables
                return

    def _queries(self, tables: Tables) -> Mapping[TableName, Callable[[], str]]:
        """
        The views that should be there, with what makes their queries.
        """
        queries: dict[tuple[str, str], Callable[[], str]] = {}
        if tables:
            queries["events", "view:events"] = partial(self._all, tables)
        for table, kind in self._kinds.items():
            if table in tables:
                named = f"{table}_all", f"view:{owner_of(kind)}"
                queries[named] = partial(self._whole, table, kind, tables)
        self._name(queries)
        return {self._names[owner]: each for (_, owner), each in queries.items()}

    def _see_to(
        self, name: TableName, query: Callable[[], str], there: Relation | None
    ) -> bool:
        """
        Have one view show what it should; whether another look is due.

        What goes wrong with it must not keep others from theirs.
        """
        try:
            sql = self._statement(name, query(), there)
            if sql is None:
                return False
            self._client.warehouse.run(sql, seconds=LOOK_SECONDS)
        except AlreadyThereError:
            self._problems[f"view {name}"] = _taken(self._client.table(name))
            return True
        except ForwarderError as error:
            self._problems[f"view {name}"] = str(error)
            return isinstance(error, _LOOK_AGAIN)
        return True

    def _statement(
        self, name: TableName, query: str, there: Relation | None
    ) -> str | None:
        view = self._client.table(name)
        if there is None:
            return CreateView(view, query, _COMMENT).to_sql()
        if not there.is_view:
            raise SetupError(_taken(view))
        if _words(there.definition) == _words(query):
            return None
        return AlterView(view, query).to_sql()

    def _all(self, tables: Tables) -> str:
        columns = schema_of(None)
        for table, held in tables.items():
            columns = widened(columns, held, table)
        named = {self._client.table(table): held for table, held in tables.items()}
        return all_rows(named, columns)

    def _whole(self, table: TableName, kind: EventKind, tables: Tables) -> str:
        columns = tables[table]
        query = shown(str(self._client.table(table)), columns, columns)
        if self._common is not None and self._common in tables:
            rows = f"{self._client.table(self._common)}\nWHERE {kind_condition(kind)}"
            query += f"\nUNION ALL\n{shown(rows, tables[self._common], columns)}"
        return query

    def _name(self, wanted: Collection[tuple[str, str]]) -> None:
        """
        Get names for the owners that have none yet, each after its text.
        """
        if new := {
            owner: candidates(text, owner)
            for text, owner in wanted
            if owner not in self._names
        }:
            self._names.update(self._give(new))


def _taken(view: Name) -> str:
    return (
        f"something else is called {view}, so that no view can be; rename it, or say "
        "maintain_views=False"
    )


def _words(text: str | None) -> list[str]:
    return (text or "").split()
