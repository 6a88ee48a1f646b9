"""
The SQL that asks what a schema has: the information schema.

Source: Databricks, "COLUMNS" of the information schema, read 2026-11-23.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._databricks.statements import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Collection

    from databricks_forwarder._databricks.statements import Name

__all__ = ["SelectColumns", "SelectSchema", "SelectVolume"]


@attrs.frozen
class SelectColumns:
    """
    Ask for the columns of tables: table, column, type; in the columns' order.

    Attributes:
        tables: Names of tables of the schema; those that are not there have
            no rows.
    """

    catalog: str
    schema: str
    tables: Collection[str]

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT table_name, column_name, full_data_type\n"
            f"FROM {identifier(self.catalog)}.information_schema.columns\n"
            f"WHERE table_schema = {literal(self.schema)}\n"
            f"AND table_name IN ({', '.join(map(literal, sorted(self.tables)))})\n"
            "ORDER BY table_name, ordinal_position"
        )


@attrs.frozen
class SelectSchema:
    """
    Ask whether a schema is there to be used: one row, or none.
    """

    catalog: str
    schema: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT schema_name\n"
            f"FROM {identifier(self.catalog)}.information_schema.schemata\n"
            f"WHERE schema_name = {literal(self.schema)}"
        )


@attrs.frozen
class SelectVolume:
    """
    Ask whether a volume is there: one row, or none.
    """

    volume: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT volume_name\n"
            f"FROM {identifier(self.volume.catalog)}.information_schema.volumes\n"
            f"WHERE volume_schema = {literal(self.volume.schema)}\n"
            f"AND volume_name = {literal(self.volume.name)}"
        )
