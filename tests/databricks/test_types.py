"""
Column types, to SQL and back.
"""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databricks_forwarder._databricks.types import (
    from_sql_type,
    to_sql_type,
    told_type,
)
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.loaders._schemas import widened
from databricks_forwarder.model import TableName
from databricks_forwarder.mparticle.batch import BODIES

LEAVES = [
    (pa.bool_(), "BOOLEAN"),
    (pa.int8(), "TINYINT"),
    (pa.int16(), "SMALLINT"),
    (pa.int32(), "INT"),
    (pa.int64(), "BIGINT"),
    (pa.float32(), "FLOAT"),
    (pa.float64(), "DOUBLE"),
    (pa.string(), "STRING"),
    (pa.binary(), "BINARY"),
    (pa.date32(), "DATE"),
    (pa.timestamp("us", "UTC"), "TIMESTAMP"),
]


@pytest.mark.parametrize(("type_", "text"), LEAVES)
def test_a_leaf_has_one_spelling(type_: pa.DataType, text: str) -> None:
    """
    Each type of a leaf is spelled and read as the platform does, in any case.
    """
    assert (text, type_, type_) == (
        to_sql_type(type_),
        from_sql_type(text),
        from_sql_type(text.lower()),
    )


def test_nested_types_are_spelled_inside_out() -> None:
    """
    Structs, lists and maps hold one another; names are quoted.
    """
    type_ = pa.struct(
        {
            "a`b": pa.list_(pa.field("element", pa.int64())),
            "m": pa.map_(pa.string(), pa.struct({"x": pa.bool_()})),
        }
    )
    text = "STRUCT<`a``b`: ARRAY<BIGINT>, `m`: MAP<STRING, STRUCT<`x`: BOOLEAN>>>"

    assert (text, type_) == (to_sql_type(type_), from_sql_type(text))


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("struct<a:bigint,b:string>", pa.struct({"a": pa.int64(), "b": pa.string()})),
        ("struct<>", pa.struct([])),
        (
            "struct<a: INT NOT NULL COMMENT 'it\\'s, <b>: x'>",
            pa.struct({"a": pa.int32()}),
        ),
        ("decimal(10, 2)", pa.opaque(pa.null(), "DECIMAL(10,2)", "databricks")),
        ("string collate UTF8_LCASE", pa.string()),
        (
            "array<string collate UTF8_LCASE>",
            pa.list_(pa.field("element", pa.string())),
        ),
        ("variant", pa.opaque(pa.null(), "VARIANT", "databricks")),
    ],
)
def test_what_the_catalog_tells_is_read(text: str, type_: pa.DataType) -> None:
    """
    Catalog strings and definitions are read; what Arrow lacks is opaque.
    """
    assert type_ == from_sql_type(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "struct<",
        "struct<a",
        "struct<a:>",
        "array<int",
        "map<string>",
        "int int",
        "decimal(10",
        "'text'",
        "`a",
        "1",
        "struct<a:int b int>>",
    ],
)
def test_what_is_no_type_is_refused(text: str) -> None:
    """
    Text that is no type, or not to its end, is refused.
    """
    with pytest.raises(ValueError, match="is no column type"):
        from_sql_type(text)


@pytest.mark.parametrize("event_type", [None, *BODIES])
def test_every_column_of_every_table_comes_back(event_type: str | None) -> None:
    """
    M11: the types of all tables survive the way to SQL and back.
    """
    columns = widened(pa.schema([]), schema_of(event_type), TableName("t"))

    assert list(columns.types) == [
        from_sql_type(to_sql_type(type_)) for type_ in columns.types
    ]


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_field_name_comes_back(name: str) -> None:
    """
    Quoted names of fields are read as they were, whatever they hold.
    """
    type_ = pa.struct({name: pa.int64(), "after": pa.string()})

    assert type_ == from_sql_type(to_sql_type(type_))


def test_what_the_catalog_tells_is_taken_as_told() -> None:
    """
    A type that can't be read is a type of its own, and costs no other column.
    """
    assert pa.int64() == told_type("bigint")
    assert pa.opaque(pa.null(), "no <type", "databricks") == told_type("no <type")
