"""
The two tables that all hosts of a schema share, made when they are needed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from databricks_forwarder._databricks.count_statements import COUNTS, create_counts
from databricks_forwarder._databricks.fates import AlreadyThereError, MissingTableError
from databricks_forwarder._databricks.name_statements import NAMES, create_names
from databricks_forwarder._databricks.repeats import repeated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.count_statements import CountStatement
    from databricks_forwarder._databricks.statements import Statement

__all__ = ["SharedTables"]


class SharedTables:
    """
    The tables of one schema.

    Args:
        client: The workspace.

    Attributes:
        counts: Name of the table of counts.
        names: Name of the table of names given.
    """

    def __init__(self, client: DatabricksClient) -> None:
        self._client = client
        self.counts = client.table(COUNTS)
        self.names = client.table(NAMES)

    def run(self, statement: CountStatement) -> Sequence[tuple[Any, ...]]:
        """
        Run one that may be repeated; its table is made if it is absent.
        """
        try:
            return self._repeated(statement)
        except MissingTableError:
            create = create_counts if statement.table == self.counts else create_names
            self._repeated(create(statement.table))
        return self._repeated(statement)

    def look(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """
        Run one that only asks; a table that is absent has no rows, and stays so.
        """
        try:
            return self._repeated(statement)
        except MissingTableError:
            return []

    def _repeated(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        def step() -> Sequence[tuple[Any, ...]]:
            # Another host may create it at the same moment; then it is there.
            with suppress(AlreadyThereError):
                return self._client.warehouse.run(statement.to_sql())
            return []

        return repeated(step, self._client.clock)
