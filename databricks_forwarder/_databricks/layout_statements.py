"""
The SQL that looks at how a table lies, and that puts it in order.

Sources: Databricks, "Review table details with describe detail", "DESCRIBE
TABLE", "Predictive optimization for Unity Catalog managed tables", "OPTIMIZE",
"VACUUM", "ALTER TABLE" and "CLUSTER BY clause (TABLE)", read 2026-11-26.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._databricks.statements import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from databricks_forwarder._databricks.statements import Name, Statement

__all__ = [
    "ClusterBy",
    "DescribeDetail",
    "DescribeTable",
    "Marked",
    "Optimize",
    "SetProperties",
    "Vacuum",
]


@attrs.frozen
class DescribeDetail:
    """
    Ask for files, bytes and properties of a table: one row, columns by name.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"DESCRIBE DETAIL {self.table}"


@attrs.frozen
class DescribeTable:
    """
    Ask for all that is known of a table: name, value, comment.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"DESCRIBE TABLE EXTENDED {self.table}"


@attrs.frozen
class Optimize:
    """
    Have fewer and larger files, and rows clustered if the table says on what.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"OPTIMIZE {self.table}"


@attrs.frozen
class ClusterBy:
    """
    Cluster rows on columns: those that come, and the others when optimized.
    """

    table: Name
    columns: Sequence[str]

    def to_sql(self) -> str:
        """
        Its text.
        """
        columns = ", ".join(map(identifier, self.columns))
        return f"ALTER TABLE {self.table} CLUSTER BY ({columns})"


@attrs.frozen
class SetProperties:
    """
    Set properties of a table.
    """

    table: Name
    properties: Mapping[str, str]

    def to_sql(self) -> str:
        """
        Its text.
        """
        pairs = ", ".join(
            f"{literal(name)} = {literal(value)}"
            for name, value in self.properties.items()
        )
        return f"ALTER TABLE {self.table} SET TBLPROPERTIES ({pairs})"


@attrs.frozen
class Vacuum:
    """
    Remove files that hold no row any more, once the table's own time is over.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"VACUUM {self.table}"


@attrs.frozen
class Marked:
    """
    A statement that can be found in the query history.

    Attributes:
        mark: By what; letters, digits and spaces.
    """

    statement: Statement
    mark: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"/* databricks-forwarder {self.mark} */\n{self.statement.to_sql()}"
