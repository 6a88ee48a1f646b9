"""
Parquet files, one by one: the only door to ``pyarrow.parquet``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date, datetime
    from pathlib import Path

__all__ = [
    "ColumnRange",
    "FileWriter",
    "Footer",
    "is_ranged",
    "read_footer",
    "read_table",
    "write_table",
]


@attrs.frozen
class ColumnRange:
    """
    What a file's footer says of one column's values.

    Attributes:
        low: Smallest value that is not null; None when it is not known.
        high: Largest value that is not null; None when it is not known.
        null_count: Number of nulls; None when it is not known.
    """

    low: int | date | datetime | None
    high: int | date | datetime | None
    null_count: int | None

    @property
    def is_known(self) -> bool:
        """
        Whether the smallest and the largest value are known.
        """
        return self.low is not None


@attrs.frozen(kw_only=True)
class Footer:
    """
    What a file says of itself, without its rows.

    Attributes:
        ranges: Of the columns of whole numbers, days and moments; nested
            ones and text are left out.
    """

    schema: pa.Schema
    row_count: int
    ranges: Mapping[str, ColumnRange]


def _filled_columns(rows: pa.RecordBatch) -> list[str]:
    """
    Paths of the Parquet columns in which not all is null.
    """
    return [
        path
        for name, column in zip(rows.schema.names, rows.columns, strict=True)
        for path in _filled_leaves(name, column)
    ]


def _filled_leaves(path: str, array: pa.Array) -> Iterator[str]:
    if array.null_count == len(array):
        return
    if pa.types.is_struct(array.type):
        for index, field in enumerate(array.type):
            yield from _filled_leaves(f"{path}.{field.name}", array.field(index))
    elif pa.types.is_map(array.type):
        yield from _filled_leaves(f"{path}.key_value.key", array.keys)
        yield from _filled_leaves(f"{path}.key_value.value", array.items)
    elif pa.types.is_list(array.type):
        yield from _filled_leaves(f"{path}.list.element", array.values)
    else:
        yield path


class FileWriter:
    """
    Writes one file, a row group at a time; all have the first one's columns.

    Args:
        path: Of the file; it is made with its first rows.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, rows: pa.RecordBatch) -> None:
        """
        Write *rows* as a row group.

        Raises:
            OSError: It can't be written.
        """
        if self._writer is None:
            self._writer = _writer(self._path, rows)
        self._writer.write_table(
            pa.Table.from_batches([rows]), row_group_size=len(rows)
        )

    def close(self) -> None:
        """
        Write the footer, if there is a file.
        """
        if self._writer is not None:
            self._writer.close()


def _writer(path: Path, rows: pa.RecordBatch) -> pq.ParquetWriter:
    # Most columns of most tables hold nothing but nulls: a compressor for
    # each would take half of the time that a small table takes. And after
    # zstd a file without dictionaries is the smaller one, and sooner made.
    filled = _filled_columns(rows)
    return pq.ParquetWriter(
        str(path),
        rows.schema,
        compression=dict.fromkeys(filled, "zstd"),
        compression_level=dict.fromkeys(filled, 1),
        use_dictionary=False,
        # Ranges of texts would put people's data into the file's footer.
        write_statistics=[field.name for field in rows.schema if is_ranged(field.type)],
    )


def read_table(source: str | Path | bytes) -> pa.Table:
    """
    Read a whole file, from its place or from its bytes.

    Raises:
        pa.ArrowInvalid: It is no Parquet file.
        OSError: It can't be read.
    """
    with _opened(source) as file:
        return file.read()


def read_footer(source: str | Path | bytes) -> Footer:
    """
    Read what a file says of itself.

    Raises:
        pa.ArrowInvalid: It is no Parquet file.
        OSError: It can't be read.
    """
    with _opened(source) as file:
        schema = file.schema_arrow
        return Footer(
            schema=schema,
            row_count=file.metadata.num_rows,
            ranges=_ranges(file.metadata, schema),
        )


def write_table(rows: pa.Table, path: Path) -> None:
    """
    Write a small table as one file.

    Raises:
        OSError: It can't be written.
    """
    pq.write_table(rows, path)


def _opened(source: str | Path | bytes) -> pq.ParquetFile:
    # A path is opened as a file: a reader of datasets would take "a=b" in it
    # for a column.
    if isinstance(source, bytes):
        return pq.ParquetFile(pa.BufferReader(source))
    return pq.ParquetFile(str(source))


def _ranges(metadata: Any, schema: pa.Schema) -> dict[str, ColumnRange]:
    ranged = {field.name for field in schema if is_ranged(field.type)}
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    paths = [
        metadata.schema.column(index).path for index in range(metadata.num_columns)
    ]
    return {
        path: _range([group.column(index).statistics for group in groups])
        for index, path in enumerate(paths)
        if path in ranged
    }


def is_ranged(type_: pa.DataType) -> bool:
    """
    Whether a file's footer tells the range of such a column.
    """
    return bool(
        pa.types.is_integer(type_)
        or pa.types.is_date(type_)
        or pa.types.is_timestamp(type_)
    )


def _range(groups: list[Any]) -> ColumnRange:
    if not all(group is not None and group.has_null_count for group in groups):
        return ColumnRange(None, None, None)
    null_count = sum(group.null_count for group in groups)
    # A group of nothing but nulls has no smallest value, and needs none.
    filled = [group for group in groups if group.num_values]
    if not filled or not all(group.has_min_max for group in filled):
        return ColumnRange(None, None, null_count)
    try:
        low = min(group.min for group in filled)
        high = max(group.max for group in filled)
    except OverflowError:
        # A moment beyond the year 9999 has no Python value.
        return ColumnRange(None, None, null_count)
    return ColumnRange(low, high, null_count)
