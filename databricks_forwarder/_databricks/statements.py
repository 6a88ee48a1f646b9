"""
The SQL that is sent, as values: what is meant, and ``to_sql()`` how it is said.

Names and texts of customers come in here and go out quoted; no other module
writes SQL.

Sources: Databricks, "Identifiers", "STRING type", "Names", "CREATE TABLE",
"ALTER TABLE ... ADD COLUMN", "COPY INTO", "COLUMNS" of the information schema,
read 2026-11-23.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import attrs

from databricks_forwarder._databricks.types import to_sql_type

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pyarrow as pa

__all__ = [
    "MAX_COPY_FILES",
    "AddColumns",
    "CopyInto",
    "CountLoad",
    "CountRows",
    "CreateTable",
    "CreateVolume",
    "DropTable",
    "DropVolume",
    "Name",
    "SelectColumns",
    "SelectOne",
    "SelectSchema",
    "SelectVolume",
    "Statement",
    "identifier",
    "literal",
    "remark",
]

MAX_COPY_FILES = 1000
"""Most files that one COPY INTO may name."""


class Statement(Protocol):
    """
    One statement to be run.
    """

    def to_sql(self) -> str:
        """
        Its text, everything quoted.
        """


def identifier(name: str) -> str:
    """
    Quote *name* as an identifier; a back-tick is doubled.
    """
    return f"`{name.replace('`', '``')}`"


# NUL stays as it is: the digits after "\\0" would make it an octal number.
_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"})


def literal(text: str) -> str:
    """
    Quote *text* as a string; quotes and backslashes are escaped by backslashes.
    """
    return f"'{text.translate(_ESCAPES)}'"


def remark(load_id: str) -> str:
    """
    A comment that names the load, for the query history.
    """
    return f"/* databricks-forwarder load {re.sub(r'[^A-Za-z0-9_.-]', '?', load_id)} */"


@attrs.frozen
class Name:
    """
    Name of a table or volume, with its catalog and schema.
    """

    catalog: str
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(map(identifier, (self.catalog, self.schema, self.name)))

    @property
    def volume_path(self) -> str:
        """
        Where the files of a volume of this name are.
        """
        return f"/Volumes/{self.catalog}/{self.schema}/{self.name}"


@attrs.frozen
class SelectOne:
    """
    Ask nothing, to see whether anyone answers.
    """

    def to_sql(self) -> str:
        """
        Its text.
        """
        return "SELECT 1 AS one"


@attrs.frozen
class CreateVolume:
    """
    Have a managed volume, if there is none of this name.
    """

    volume: Name
    comment: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            f"CREATE VOLUME IF NOT EXISTS {self.volume} COMMENT {literal(self.comment)}"
        )


@attrs.frozen(kw_only=True)
class CreateTable:
    """
    Create a Delta table; one of its name that is there already is refused.

    So whoever creates at the same time learns that another came first, and
    can look at what it made.

    Attributes:
        columns: In their order, all nullable.
        comments: Column name → what it holds, for some of them.
        cluster_by: Name of the column that rows are clustered on, or None.
    """

    table: Name
    columns: pa.Schema
    comments: Mapping[str, str]
    comment: str
    cluster_by: str | None

    def to_sql(self) -> str:
        """
        Its text.
        """
        columns = ",\n  ".join(self._column(field) for field in self.columns)
        clustering = (
            f"\nCLUSTER BY ({identifier(self.cluster_by)})" if self.cluster_by else ""
        )
        return (
            f"CREATE TABLE {self.table} (\n  {columns}\n)"
            f"{clustering}\nCOMMENT {literal(self.comment)}"
        )

    def _column(self, field: pa.Field) -> str:
        comment = self.comments.get(field.name)
        said = "" if comment is None else f" COMMENT {literal(comment)}"
        return f"{identifier(field.name)} {to_sql_type(field.type)}{said}"


@attrs.frozen
class AddColumns:
    """
    Add columns, or fields inside structs, to a table.

    Attributes:
        columns: Path from the column down → type; parents come first.
    """

    table: Name
    columns: Mapping[tuple[str, ...], pa.DataType]

    def to_sql(self) -> str:
        """
        Its text.
        """
        columns = ", ".join(
            f"{'.'.join(map(identifier, path))} {to_sql_type(type_)}"
            for path, type_ in self.columns.items()
        )
        return f"ALTER TABLE {self.table} ADD COLUMNS ({columns})"


@attrs.frozen
class CopyInto:
    """
    Load files into a table; files that it was loaded with before are passed over.

    Attributes:
        folder: Path of their folder in a volume.
        files: Their names in it; at most `MAX_COPY_FILES`.
    """

    table: Name
    load_id: str
    folder: str
    files: Sequence[str]

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            f"{remark(self.load_id)}\nCOPY INTO {self.table}\n"
            f"FROM {literal(self.folder)}\nFILEFORMAT = PARQUET\n"
            f"FILES = ({', '.join(map(literal, self.files))})"
        )


@attrs.frozen
class CountLoad:
    """
    Count the rows of a load in a table: one row, one number.
    """

    table: Name
    load_id: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            f"{remark(self.load_id)}\nSELECT count(*) AS row_count FROM {self.table} "
            f"WHERE `_load_id` = {literal(self.load_id)}"
        )


@attrs.frozen
class CountRows:
    """
    Count a batcher's rows in a table: load id, rows, rows of a place of their own.

    Source: Databricks, "count aggregate function", "startswith function", read
    2026-11-25.

    Attributes:
        batcher_id: Its loads' ids begin with it and a hyphen.
    """

    table: Name
    batcher_id: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT `_load_id`, count(*) AS row_count,\n"
            "  count(DISTINCT `_offset`, `_position`) AS place_count\n"
            f"FROM {self.table}\n"
            f"WHERE startswith(`_load_id`, {literal(f'{self.batcher_id}-')})\n"
            "GROUP BY `_load_id`"
        )


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
class DropTable:
    """
    Drop a table, if it is there.
    """

    table: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"DROP TABLE IF EXISTS {self.table}"


@attrs.frozen
class DropVolume:
    """
    Drop a volume with its files, if it is there.
    """

    volume: Name

    def to_sql(self) -> str:
        """
        Its text.
        """
        return f"DROP VOLUME IF EXISTS {self.volume}"


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
