"""
Column types: as SQL spells them, as a Delta log keeps them, as Arrow has them.

The middle one, a `Type`, is what the workspace works with: a word such as
``long``, or a mapping for arrays, maps and structs.

Sources: Delta Lake, "Delta transaction log protocol", schema serialization
format; Databricks, "Data types", read 2026-11-23.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from databricks_forwarder.testing.workspace._parts import unsupported
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from databricks_forwarder.testing.workspace._reader import Reader

__all__ = [
    "Field",
    "Type",
    "catalog_string",
    "field",
    "fields_of_text",
    "from_arrow",
    "read_type",
    "text_of_fields",
    "to_arrow",
    "to_arrow_schema",
]

Type = str | dict[str, Any]
"""A word, or a mapping with ``type`` array, map or struct."""

Field = dict[str, Any]
"""A column or a field of a struct: name, type, nullable, metadata."""

_WORDS = {
    "BIGINT": "long",
    "LONG": "long",
    "INT": "integer",
    "INTEGER": "integer",
    "SMALLINT": "short",
    "SHORT": "short",
    "TINYINT": "byte",
    "BYTE": "byte",
    "DOUBLE": "double",
    "FLOAT": "float",
    "REAL": "float",
    "BOOLEAN": "boolean",
    "STRING": "string",
    "BINARY": "binary",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
}
# Source: Databricks, "Data types", read 2026-11-23.
_ELSEWHERE = {
    *("CHAR", "GEOGRAPHY", "GEOMETRY", "INTERVAL", "OBJECT", "TIMESTAMP_LTZ"),
    *("TIMESTAMP_NTZ", "VARCHAR", "VARIANT", "VOID"),
}
_CATALOG = {"long": "bigint", "integer": "int", "short": "smallint", "byte": "tinyint"}
_ARROW = {
    "long": pa.int64(),
    "integer": pa.int32(),
    "short": pa.int16(),
    "byte": pa.int8(),
    "double": pa.float64(),
    "float": pa.float32(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}
# Files may hold the same values in other layouts; unsigned integers are read
# into the next wider type, as Spark does.
_LAYOUTS = {arrow: word for word, arrow in _ARROW.items()} | {
    pa.large_string(): "string",
    pa.string_view(): "string",
    pa.large_binary(): "binary",
    pa.binary_view(): "binary",
    pa.uint8(): "short",
    pa.uint16(): "integer",
    pa.uint32(): "long",
    pa.uint64(): "decimal(20,0)",
}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_PLAIN = re.compile(r"[A-Za-z0-9_]+")


def field(
    name: str, type_: Type, *, nullable: bool = True, comment: str | None = None
) -> Field:
    """
    A column or field.
    """
    metadata = {} if comment is None else {"comment": comment}
    return {"name": name, "type": type_, "nullable": nullable, "metadata": metadata}


@lru_cache(maxsize=1024)
def fields_of_text(text: str) -> Sequence[Field]:
    """
    Read columns as a Delta log spells them; nobody changes what is given.
    """
    # A log is asked for them by each statement, and there are few of them.
    fields: Sequence[Field] = json.loads(text)["fields"]
    return fields


def text_of_fields(fields: Sequence[Field]) -> str:
    """
    Spell columns as a Delta log does.
    """
    return json.dumps({"type": "struct", "fields": fields})


def read_type(reader: Reader) -> Type:
    """
    Read a type.

    Raises:
        RefusedError: It is none, or none that the workspace has.
    """
    if reader.ahead.kind != "word" or reader.sees("NOT"):
        reader.refuse()
    name = reader.word()
    if name == "STRUCT":
        return _read_struct(reader)
    if name == "ARRAY":
        reader.expect("<")
        element = read_type(reader)
        reader.expect(">")
        return _array(element)
    if name == "MAP":
        reader.expect("<")
        key = read_type(reader)
        reader.expect(",")
        value = read_type(reader)
        reader.expect(">")
        return _map(key, value)
    if name in {"DECIMAL", "DEC", "NUMERIC"}:
        return _read_decimal(reader)
    if name in _ELSEWHERE:
        raise unsupported("the type", name)
    if name not in _WORDS:
        raise RefusedError(
            "UNSUPPORTED_DATATYPE",
            f'Unsupported data type "{name}".',
            sqlstate="0A000",
        )
    return _WORDS[name]


def catalog_string(type_: Type) -> str:
    """
    Spell a type as the information schema does: ``struct<a:bigint>``.

    Names of fields that are more than letters, digits and underscores are
    quoted here; what the platform does with them is not documented.
    """
    if isinstance(type_, str):
        return _CATALOG.get(type_, type_)
    if type_["type"] == "array":
        return f"array<{catalog_string(type_['elementType'])}>"
    if type_["type"] == "map":
        key, value = type_["keyType"], type_["valueType"]
        return f"map<{catalog_string(key)},{catalog_string(value)}>"
    inside = ",".join(
        f"{_quoted(each['name'])}:{catalog_string(each['type'])}"
        for each in type_["fields"]
    )
    return f"struct<{inside}>"


def to_arrow(type_: Type) -> pa.DataType:
    """
    The Arrow type of a type.

    Raises:
        RefusedError: It is that of a file, and no table's.
    """
    if isinstance(type_, str):
        decimal = _DECIMAL.fullmatch(type_)
        if decimal is not None:
            return pa.decimal128(int(decimal[1]), int(decimal[2]))
        if type_ not in _ARROW:
            raise unsupported("a column of type", type_)
        return _ARROW[type_]
    if type_["type"] == "array":
        return pa.list_(pa.field("element", to_arrow(type_["elementType"])))
    if type_["type"] == "map":
        return pa.map_(to_arrow(type_["keyType"]), to_arrow(type_["valueType"]))
    return pa.struct(_arrow_fields(type_["fields"]))


def to_arrow_schema(fields: Iterable[Field]) -> pa.Schema:
    """
    The Arrow schema of columns; all nullable, as readers see them.
    """
    return pa.schema(_arrow_fields(fields))


def from_arrow(type_: pa.DataType) -> Type:
    """
    The type of an Arrow column in a file; for what no table has, its Arrow name.
    """
    if pa.types.is_dictionary(type_):
        return from_arrow(type_.value_type)
    if pa.types.is_struct(type_):
        fields = [field(each.name, from_arrow(each.type)) for each in type_]
        return {"type": "struct", "fields": fields}
    if pa.types.is_map(type_):
        return _map(from_arrow(type_.key_type), from_arrow(type_.item_type))
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return _array(from_arrow(type_.value_type))
    return _leaf_from_arrow(type_)


def _leaf_from_arrow(type_: pa.DataType) -> Type:
    if pa.types.is_decimal(type_):
        return f"decimal({type_.precision},{type_.scale})"
    if pa.types.is_timestamp(type_) and type_.unit in {"us", "ms"}:
        return "timestamp" if type_.tz else "timestamp_ntz"
    return _LAYOUTS.get(type_, str(type_))


def _array(element: Type) -> Type:
    return {"type": "array", "elementType": element, "containsNull": True}


def _map(key: Type, value: Type) -> Type:
    return {
        "type": "map",
        "keyType": key,
        "valueType": value,
        "valueContainsNull": True,
    }


def _arrow_fields(fields: Iterable[Field]) -> Sequence[pa.Field]:
    return [pa.field(each["name"], to_arrow(each["type"])) for each in fields]


def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    return f"`{name.replace('`', '``')}`"


def _read_struct(reader: Reader) -> Type:
    reader.expect("<")
    fields = []
    if not reader.accept(">"):
        fields = reader.series(lambda: _read_field(reader))
        reader.expect(">")
    return {"type": "struct", "fields": fields}


def _read_field(reader: Reader) -> Field:
    name = reader.identifier()
    reader.accept(":")
    type_ = read_type(reader)
    nullable = not reader.accept("NOT", "NULL")
    comment = reader.string() if reader.accept("COMMENT") else None
    return field(name, type_, nullable=nullable, comment=comment)


def _read_decimal(reader: Reader) -> Type:
    precision, scale = 10, 0
    if reader.accept("("):
        precision = reader.number()
        scale = reader.number() if reader.accept(",") else 0
        reader.expect(")")
    if not 0 < precision <= 38 or scale > precision:
        raise RefusedError(
            "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
            f"Decimal precision {precision} and scale {scale} are not within 38.",
            sqlstate="22003",
        )
    return f"decimal({precision},{scale})"
