"""
The SQL of views, as values: making them, and looking at what there is.

A view that is there is altered and not replaced: "Replacing an existing view
does not preserve privileges granted on the original view."

Sources: Databricks, "CREATE VIEW", "ALTER VIEW", "DROP VIEW", "TABLES", "VIEWS"
and "COLUMNS" of the information schema, "array_join function", "collect_list
aggregate function", read 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._databricks.statements import identifier, literal

if TYPE_CHECKING:
    from databricks_forwarder._databricks.statements import Name

__all__ = [
    "SEPARATOR",
    "AlterView",
    "CreateView",
    "DropView",
    "SelectRelations",
    "SelectTypes",
]

SEPARATOR = "/"
"""What stands between names of tables told in one text; no name has it."""


@attrs.frozen
class CreateView:
    """
    Create a view; one of its name, or a table, that is there already is refused.

    Attributes:
        query: What it shows.
    """

    view: Name
    query: str
    comment: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            f"CREATE VIEW {self.view} COMMENT {literal(self.comment)} AS\n{self.query}"
        )


@attrs.frozen
class AlterView:
    """
    Have a view show something else; what was granted on it stays.
    """

    view: Name
    query: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"ALTER VIEW {self.view} AS\n{self.query}"


@attrs.frozen
class DropView:
    """
    Drop a view, if it is there.
    """

    view: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"DROP VIEW IF EXISTS {self.view}"


@attrs.frozen
class SelectRelations:
    """
    Ask for a schema's tables and views: name, type, owner, comment, definition.

    The definition is null for a table, and for a view that somebody else owns.
    """

    catalog: str
    schema: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        place = f"{identifier(self.catalog)}.information_schema"
        return (
            "SELECT t.table_name, t.table_type, t.table_owner, t.comment,\n"
            "  v.view_definition\n"
            f"FROM {place}.tables AS t\n"
            f"LEFT JOIN {place}.views AS v\n"
            "ON v.table_schema = t.table_schema AND v.table_name = t.table_name\n"
            f"WHERE t.table_schema = {literal(self.schema)}\n"
            "ORDER BY t.table_name"
        )


@attrs.frozen
class SelectTypes:
    """
    Ask for the columns of all tables of a schema: column, type, tables that have it.

    Most tables have most columns alike, and a type may be long: each is told
    once, with the tables' names in one text, `SEPARATOR` between them.
    """

    catalog: str
    schema: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT column_name, full_data_type,\n"
            f"  array_join(collect_list(table_name), {literal(SEPARATOR)}) AS tables\n"
            f"FROM {identifier(self.catalog)}.information_schema.columns\n"
            f"WHERE table_schema = {literal(self.schema)}\n"
            "GROUP BY column_name, full_data_type\n"
            "ORDER BY min(ordinal_position), column_name"
        )
