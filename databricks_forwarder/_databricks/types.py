"""
Column types, between Arrow and the platform's SQL.

Sources: Databricks, "Data types" and "COLUMNS" of the information schema,
read 2026-11-23; Apache Spark, the catalog string of a data type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["from_sql_type", "to_sql_type", "told_type"]

_LEAVES = {
    "BOOLEAN": pa.bool_(),
    "TINYINT": pa.int8(),
    "SMALLINT": pa.int16(),
    "INT": pa.int32(),
    "BIGINT": pa.int64(),
    "FLOAT": pa.float32(),
    "DOUBLE": pa.float64(),
    "STRING": pa.string(),
    "BINARY": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
}
_SPELLINGS = {type_: name for name, type_ in _LEAVES.items()}


def to_sql_type(type_: pa.DataType) -> str:
    """
    Spell an Arrow type as a column type.

    Raises:
        KeyError: No table has this type.
    """
    if pa.types.is_struct(type_):
        fields = ", ".join(
            f"`{field.name.replace('`', '``')}`: {to_sql_type(field.type)}"
            for field in type_
        )
        return f"STRUCT<{fields}>"
    if pa.types.is_list(type_):
        return f"ARRAY<{to_sql_type(type_.value_type)}>"
    if pa.types.is_map(type_):
        return f"MAP<{to_sql_type(type_.key_type)}, {to_sql_type(type_.item_type)}>"
    return _SPELLINGS[type_]


def from_sql_type(text: str) -> pa.DataType:
    """
    Read a column type; what Arrow has no type for is an opaque one.

    Args:
        text: As the information schema tells it: ``struct<a:bigint>``, or as a
            column definition spells it.

    Raises:
        ValueError: It is no type.
    """
    reader = _Reader(text)
    type_ = reader.type()
    reader.expect("")
    return type_


def told_type(text: str) -> pa.DataType:
    """
    Read a column type as the catalog tells it, whatever it says.

    What can't be read is opaque: it fails its own table, when the rows want
    that column, and no other.
    """
    try:
        return from_sql_type(text)
    except ValueError:
        return pa.opaque(pa.null(), text, "databricks")


_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>`(?:[^`]|``)*`)|(?P<text>'(?:[^'\\]|\\.)*')"
    r"|(?P<word>[^\s<>(),:`']+)|(?P<mark>[<>(),:]))",
    re.DOTALL,
)


class _Reader:
    """
    Reads a type from the left, one token ahead.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ahead = ""
        self._advance()

    def type(self) -> pa.DataType:
        """
        Read a type of any kind.
        """
        name = self._take().upper()
        nested: dict[str, Callable[[], pa.DataType]] = {
            "STRUCT": self._struct,
            "ARRAY": self._array,
            "MAP": self._map,
        }
        if name in nested:
            self.expect("<")
            type_ = nested[name]()
            self.expect(">")
            return type_
        if name in _LEAVES:
            if self._ahead.upper() == "COLLATE":
                # How text is compared changes nothing of what it is.
                self._advance()
                self._take()
            return _LEAVES[name]
        if not re.fullmatch(r"[A-Z][A-Z_]*", name):
            self._refuse()
        return pa.opaque(pa.null(), name + self._arguments(), "databricks")

    def expect(self, mark: str) -> None:
        """
        Read *mark*; an empty one is the end.
        """
        if self._ahead != mark:
            self._refuse()
        self._advance()

    def _struct(self) -> pa.DataType:
        fields: list[pa.Field] = []
        while self._ahead != ">":
            if fields:
                self.expect(",")
            fields.append(self._field())
        return pa.struct(fields)

    def _field(self) -> pa.Field:
        name = self._take()
        if name.startswith("`"):
            name = name[1:-1].replace("``", "`")
        if self._ahead == ":":
            self._advance()
        type_ = self.type()
        # NOT NULL and COMMENT '…' change nothing of the type.
        while self._ahead not in {",", ">", ""}:
            self._advance()
        return pa.field(name, type_)

    def _array(self) -> pa.DataType:
        return pa.list_(pa.field("element", self.type()))

    def _map(self) -> pa.DataType:
        key = self.type()
        self.expect(",")
        return pa.map_(key, self.type())

    def _arguments(self) -> str:
        if self._ahead != "(":
            return ""
        tokens = []
        while self._ahead != ")":
            tokens.append(self._take())
        self._advance()
        return f"{''.join(tokens)})"

    def _take(self) -> str:
        token = self._ahead
        if not token:
            self._refuse()
        self._advance()
        return token

    def _advance(self) -> None:
        rest = self._text[self._at :]
        found = _TOKEN.match(rest)
        if found is None and rest.strip():
            self._refuse()
        self._ahead = found.group().strip() if found else ""
        self._at += found.end() if found else len(rest)

    def _refuse(self) -> NoReturn:
        msg = f"{self._text!r} is no column type"
        raise ValueError(msg)
