"""
Results as the Thrift service of a SQL warehouse sends them.

Source: databricks-sql-connector 4.9.0, its generated classes and what it reads
of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from databricks.sql.thrift_api.TCLIService import ttypes as generated

from databricks_forwarder.testing.workspace._cells import as_texts, type_word

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OK", "metadata", "page_of", "ttypes"]

ttypes: Any = generated
"""The connector's classes, which have no types of their own."""

OK = ttypes.TStatus(statusCode=ttypes.TStatusCode.SUCCESS_STATUS)

_TYPE_IDS = {
    "boolean": ttypes.TTypeId.BOOLEAN_TYPE,
    "tinyint": ttypes.TTypeId.TINYINT_TYPE,
    "smallint": ttypes.TTypeId.SMALLINT_TYPE,
    "int": ttypes.TTypeId.INT_TYPE,
    "bigint": ttypes.TTypeId.BIGINT_TYPE,
    "float": ttypes.TTypeId.FLOAT_TYPE,
    "double": ttypes.TTypeId.DOUBLE_TYPE,
    "timestamp": ttypes.TTypeId.TIMESTAMP_TYPE,
    "date": ttypes.TTypeId.DATE_TYPE,
    "binary": ttypes.TTypeId.BINARY_TYPE,
    "decimal": ttypes.TTypeId.DECIMAL_TYPE,
    "array": ttypes.TTypeId.ARRAY_TYPE,
    "map": ttypes.TTypeId.MAP_TYPE,
    "struct": ttypes.TTypeId.STRUCT_TYPE,
    "null": ttypes.TTypeId.NULL_TYPE,
}

# Word of the type → field of a column, its class, and what stands for null.
_COLUMNS: dict[str, tuple[str, Callable[..., Any], Any]] = {
    "boolean": ("boolVal", ttypes.TBoolColumn, False),
    "tinyint": ("byteVal", ttypes.TByteColumn, 0),
    "smallint": ("i16Val", ttypes.TI16Column, 0),
    "int": ("i32Val", ttypes.TI32Column, 0),
    "bigint": ("i64Val", ttypes.TI64Column, 0),
    "float": ("doubleVal", ttypes.TDoubleColumn, 0.0),
    "double": ("doubleVal", ttypes.TDoubleColumn, 0.0),
    "binary": ("binaryVal", ttypes.TBinaryColumn, b""),
}


# Word of the type → what a client asks for that wants it as Arrow's own type.
_WISHES = {
    "array": "complexTypesAsArrow",
    "map": "complexTypesAsArrow",
    "struct": "complexTypesAsArrow",
    "decimal": "decimalAsArrow",
    "timestamp": "timestampAsArrow",
}


def _is_arrow(asked: Any) -> bool:
    """
    Whether the client of a statement reads Arrow.
    """
    return bool(getattr(asked, "canReadArrowResult", False))


def _as_asked(table: pa.Table, asked: Any) -> pa.Table:
    """
    *table* with texts for what the client wants no Arrow types of.
    """
    native = asked.useArrowNativeTypes
    unwanted = {
        word for word, wish in _WISHES.items() if not getattr(native, wish, False)
    }
    for index, field in enumerate(table.schema):
        if type_word(field.type) in unwanted:
            texts = pa.array(as_texts(table.column(index)), pa.string())
            table = table.set_column(index, field.name, texts)
    return table


def metadata(table: pa.Table, asked: Any, *, is_transfer: bool) -> Any:
    """
    What is told of a result beside its rows.
    """
    rows = ttypes.TSparkRowSetType
    return ttypes.TGetResultSetMetadataResp(
        status=OK,
        schema=ttypes.TTableSchema(
            columns=[_column(*each) for each in enumerate(table.schema, 1)]
        ),
        resultFormat=rows.ARROW_BASED_SET
        if _is_arrow(asked)
        else rows.COLUMN_BASED_SET,
        lz4Compressed=False,
        arrowSchema=_sent_schema(table, asked),
        isStagingOperation=is_transfer,
    )


def page_of(table: pa.Table, asked: Any, first: int, count: int) -> Any:
    """
    Some rows of a result, as many as there are.
    """
    # A table without columns would be as long as it is asked to be.
    page = table.slice(first, min(count, max(0, table.num_rows - first)))
    if _is_arrow(asked):
        batches = [
            ttypes.TSparkArrowBatch(
                batch=batch.serialize().to_pybytes(), rowCount=batch.num_rows
            )
            for batch in _as_asked(page, asked).to_batches()
            if batch.num_rows
        ]
        return ttypes.TRowSet(startRowOffset=first, rows=[], arrowBatches=batches)
    columns = [_values(column) for column in page.columns]
    return ttypes.TRowSet(startRowOffset=first, rows=[], columns=columns)


def _sent_schema(table: pa.Table, asked: Any) -> bytes | None:
    if not _is_arrow(asked):
        return None
    schema: bytes = _as_asked(table.slice(0, 0), asked).schema.serialize().to_pybytes()
    return schema


def _column(position: int, field: pa.Field) -> Any:
    word = type_word(field.type)
    entry = ttypes.TPrimitiveTypeEntry(
        type=_TYPE_IDS.get(word, ttypes.TTypeId.STRING_TYPE)
    )
    if word == "decimal":
        entry.typeQualifiers = ttypes.TTypeQualifiers(
            qualifiers={
                "precision": ttypes.TTypeQualifierValue(i32Value=field.type.precision),
                "scale": ttypes.TTypeQualifierValue(i32Value=field.type.scale),
            }
        )
    return ttypes.TColumnDesc(
        columnName=field.name,
        typeDesc=ttypes.TTypeDesc(types=[ttypes.TTypeEntry(primitiveEntry=entry)]),
        position=position,
    )


def _values(column: pa.ChunkedArray) -> Any:
    name, kind, blank = _COLUMNS.get(
        type_word(column.type), ("stringVal", ttypes.TStringColumn, "")
    )
    values = as_texts(column) if name == "stringVal" else column.to_pylist()
    nulls = bytearray((len(values) + 7) // 8)
    for index, value in enumerate(values):
        if value is None:
            nulls[index >> 3] |= 1 << (index & 7)
    filled = [blank if value is None else value for value in values]
    return ttypes.TColumn(**{name: kind(values=filled, nulls=bytes(nulls))})
