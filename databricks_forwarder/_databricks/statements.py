"""
The SQL that is sent, as values: what is meant, and ``to_sql()`` how it is said.

Names and texts of customers come in and go out quoted, here and in the modules
beside this one; the rest of the library writes none.

Sources: Databricks, "Identifiers", "STRING type", "Names", "CREATE TABLE",
"ALTER TABLE ... ADD COLUMN", read 2026-11-23.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import attrs

from databricks_forwarder._databricks.types import to_sql_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

__all__ = [
    "AddColumns",
    "CreateTable",
    "CreateVolume",
    "DropTable",
    "DropVolume",
    "Name",
    "SelectOne",
    "Statement",
    "identifier",
    "literal",
    "remark",
]


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
