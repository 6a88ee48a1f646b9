"""
A kind's earlier rows moved out of the common table of a schema into its own.

Rows are moved some loads at a time, by two statements: one copies them into the
kind's table, the next removes them from the common one. A load's rows of a
kind are in one of the two tables, as its routes were noted; so a load that has
rows of the kind in both is one that was copied and not yet removed, whoever
did it, and a repeat goes on from there.

What a death leaves at each point:

* before the copying commits: nothing; the next call copies;
* between: some loads' rows in both tables, where the views show them twice;
  the next call removes them from the common table;
* after the removing: what was moved so far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._databricks.fates import (
    MissingTableError,
    UnknownOutcomeError,
)
from databricks_forwarder._databricks.move_statements import (
    CopyKind,
    CountCopies,
    RemoveCopied,
    SelectKinds,
)
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder.errors import TransientError
from databricks_forwarder.loaders._copies import require_whole
from databricks_forwarder.loaders._said import kind_said

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Statement
    from databricks_forwarder.model import EventKind, TableName

__all__ = ["Move", "kinds_in"]

# Loads that one step moves: as long as it takes, the views show them twice.
_STEP_LOADS = 100


def kinds_in(client: DatabricksClient, common: TableName) -> Collection[EventKind]:
    """
    Ask which kinds have rows in the common table; none if it is not there.
    """
    sql = SelectKinds(client.table(common)).to_sql()
    try:
        rows = repeated(lambda: client.warehouse.run(sql), client.clock)
    except MissingTableError:
        return ()
    return {kind_said(*row) for row in rows}


@attrs.frozen(kw_only=True)
class Move:
    """
    A kind's rows on their way from one table to another.

    Attributes:
        common: The table that they are taken out of.
        own: The kind's own table, which has the fields of its type.
        held: The columns of *common*.
        columns: Those of *own*.
    """

    client: DatabricksClient
    kind: EventKind
    common: TableName
    own: TableName
    held: pa.Schema
    columns: pa.Schema

    def step(self) -> int | None:
        """
        Take one step: copy some loads' rows, or remove those that were copied.

        Returns:
            How many rows were removed from the common table; None when there
            is nothing left to do.
        """
        client = self.client
        common, own = client.table(self.common), client.table(self.own)
        counts = {
            load_id: (int(row_count), int(copy_count))
            for load_id, row_count, copy_count in self._run(
                CountCopies(common, own, self.kind)
            )
        }
        if not counts:
            return None
        waiting = [
            load_id for load_id, (rows, copies) in counts.items() if copies < rows
        ]
        copied = {each: counts[each] for each in counts if each not in waiting}
        if copied:
            require_whole(self.own, copied)
            removing = RemoveCopied(
                common=common, own=own, kind=self.kind, load_ids=copied
            )
            ((removed, *_),) = self._run(removing)
            return int(removed)
        self._run(
            CopyKind(
                common=common,
                own=own,
                kind=self.kind,
                load_ids=sorted(waiting)[:_STEP_LOADS],
                held=self.held,
                columns=self.columns,
            )
        )
        return 0

    def _run(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        return repeated(lambda: self._once(statement), self.client.clock)

    def _once(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        try:
            return self.client.warehouse.run(statement.to_sql())
        except UnknownOutcomeError as error:
            # It may be running still, and must not run twice at a time.
            msg = f"{error}; move the rows again in a quarter of an hour"
            raise TransientError(msg) from error
