"""
The SQL of the names that all hosts of a schema share.

One row of the table is changed by every write, the guard; see
`databricks_forwarder.counts.warehouse`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pyarrow as pa

from databricks_forwarder._databricks.merging import guarded, insert, merge, spelled
from databricks_forwarder._databricks.statements import CreateTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_forwarder._databricks.statements import Name

__all__ = [
    "NAMES",
    "GiveNames",
    "HaveNamesGuard",
    "SelectNames",
    "create_names",
]

NAMES = "_forwarder_tables"

_NAMES = {
    "owner": "Whose table it is: a kind of event, a feed, or a setting.",
    "table_name": "The table's name, given for ever.",
    "generation": "In which step it was given; steps are numbered from 1 on.",
}


def create_names(table: Name) -> CreateTable:
    """
    Create the table of the names given.
    """
    types = [pa.string(), pa.string(), pa.int64()]
    return CreateTable(
        table=table,
        columns=pa.schema(zip(_NAMES, types, strict=True)),
        comments=_NAMES,
        comment="Which kind of event has which table; databricks-forwarder's.",
        cluster_by=None,
    )


@attrs.frozen
class HaveNamesGuard:
    """
    Have the row that every write of names changes.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return guarded(self.table, _NAMES, ("", "", 0), ("owner",))


@attrs.frozen
class GiveNames:
    """
    Give names to owners, all or none; none if others were given meanwhile.

    Attributes:
        generation: The last step that the caller knows of.
        names: Owner → name: owners that have none, names that are nobody's,
            at that step.
    """

    table: Name
    generation: int
    names: Mapping[str, str]

    def to_sql(self) -> str:
        """
        Its text.
        """
        given = self.generation + 1
        rows = [(owner, name, given) for owner, name in self.names.items()]
        only_if = (
            f"(SELECT max(known.generation) FROM {self.table} AS known "  # noqa: S608
            f"WHERE known.owner = '') = {spelled(self.generation)}"
        )
        return (
            f"{merge(self.table, _NAMES, [('', '', given), *rows], only_if)}\n"
            "ON held.owner = new.owner\n"
            "WHEN MATCHED THEN UPDATE SET generation = new.generation\n"
            f"{insert(_NAMES)}"
        )


@attrs.frozen
class SelectNames:
    """
    Ask for names given after a step, and for the guard: owner, name, step.
    """

    table: Name
    after: int

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT owner, table_name, generation\n"
            f"FROM {self.table}\n"
            f"WHERE owner = '' OR generation > {spelled(self.after)}"
        )
