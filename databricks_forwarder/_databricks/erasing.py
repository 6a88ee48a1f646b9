"""
The SQL that finds a person's rows, and takes them out again.

A table's history shows by what condition rows were deleted, a warehouse's what
was asked: so rows are deleted by where they are, and looked for by hashes with
a key that is made for one question.

Sources: Databricks, "DELETE FROM", "sha2 function", "Work with table history"
and "COLUMNS" of the information schema, read 2026-11-25.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._databricks.statements import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from databricks_forwarder._databricks.statements import Name
    from databricks_forwarder.model import LoadId
    from databricks_forwarder.mparticle.person import Person

__all__ = ["DeletePlaces", "SelectPlaces", "SelectTables"]


@attrs.frozen
class SelectTables:
    """
    Ask for the tables of a schema, and no views, that have all of some columns.
    """

    catalog: str
    schema: str
    columns: Collection[str]

    def to_sql(self) -> str:
        """
        Its text.
        """
        place = f"{identifier(self.catalog)}.information_schema"
        return (
            "SELECT c.table_name\n"
            f"FROM {place}.columns AS c\n"
            f"JOIN {place}.tables AS t\n"
            "ON t.table_schema = c.table_schema AND t.table_name = c.table_name\n"
            f"WHERE c.table_schema = {literal(self.schema)}\n"
            "AND t.table_type <> 'VIEW'\n"
            f"AND c.column_name IN ({', '.join(map(literal, self.columns))})\n"
            f"GROUP BY c.table_name HAVING count(*) = {len(self.columns)}\n"
            "ORDER BY c.table_name"
        )


@attrs.frozen
class SelectPlaces:
    """
    Ask where rows of a person are: load id, offset, rows.

    Attributes:
        salt: Key of the hashes: hexadecimal, and for this statement alone.
    """

    table: Name
    person: Person = attrs.field(repr=False)
    salt: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        tests = [
            self._test(f"`user_identities`[{literal(key)}].`identity`", values)
            for key, values in sorted(self.person.identities.items())
        ]
        if self.person.mpids:
            tests.insert(
                0, self._test("CAST(`mpid` AS STRING)", map(str, self.person.mpids))
            )
        return (
            "SELECT `_load_id`, `_offset`, count(*) AS row_count\n"
            f"FROM {self.table}\nWHERE {' OR '.join(tests)}\n"
            "GROUP BY `_load_id`, `_offset`"
        )

    def _test(self, expression: str, values: Iterable[str]) -> str:
        hashes = sorted(map(self._hash, values))
        return (
            f"sha2(concat({literal(self.salt)}, {expression}), 256)"
            f" IN ({', '.join(map(literal, hashes))})"
        )

    def _hash(self, value: str) -> str:
        return hashlib.sha256(f"{self.salt}{value}".encode()).hexdigest()


@attrs.frozen
class DeletePlaces:
    """
    Delete the rows of some offsets of loads.

    Attributes:
        mark: What the statement is found by in the query history.
    """

    table: Name
    offsets_by_load: Mapping[LoadId, Collection[int]]
    mark: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        places = " OR ".join(
            f"(`_load_id` = {literal(load_id)}"
            f" AND `_offset` IN ({', '.join(map(str, offsets))}))"
            for load_id, offsets in self.offsets_by_load.items()
        )
        return (
            f"/* databricks-forwarder {self.mark} */\n"
            f"DELETE FROM {self.table}\nWHERE {places}"
        )
