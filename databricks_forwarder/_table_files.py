"""
The Parquet files of one load, table by table.

Rows wait in memory until they are worth a row group: small tables until the
end, large ones until the waiting rows of all tables pass a limit. Memory is
bounded by that limit and by the number of open files, never by the load or by
the number of tables.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

import attrs
import pyarrow as pa

from databricks_forwarder._memory import POOL, nulls
from databricks_forwarder._parquet import FileWriter
from databricks_forwarder.model import ParquetFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from databricks_forwarder.model import LoadId, TableName

__all__ = ["TableFiles"]


# What a piece takes however few its rows, with 200 columns of buffers; observed
# with pyarrow 26.0.1.
_PIECE_BYTES = 16 * 2**10

# As many tables share the usual room; more get more of it, up to a bound.
_USUAL_TABLES = 200
_MOST_ROOM = 2.0

# Rows of a table that are worth a row group, and are copied for it.
_GROUP_BYTES = 16 * 2**20


@attrs.define
class _Waiting:
    """
    Rows of one table that are not in a file yet, in pieces of known size.
    """

    pieces: deque[tuple[pa.RecordBatch, int]] = attrs.field(factory=deque)
    size_bytes: int = 0

    def add(self, rows: pa.RecordBatch, size_bytes: int) -> None:
        """
        Have some more rows wait.
        """
        self.pieces.append((rows, size_bytes))
        self.size_bytes += size_bytes

    def take(self, at_least_bytes: int) -> pa.RecordBatch:
        """
        Take the first rows, as one piece, or all.

        A piece costs as much to write as a thousand rows, so they are copied
        into one; a few at a time, for the memory that takes.
        """
        taken = []
        size_bytes = 0
        while self.pieces and size_bytes < at_least_bytes:
            rows, piece_bytes = self.pieces.popleft()
            taken.append(rows)
            size_bytes += piece_bytes
        self.size_bytes -= size_bytes
        return _combined(taken)

    def combine(self) -> int:
        """
        Copy all into one piece, so that what they share with others can go.

        Returns:
            Bytes that this spares.
        """
        spared_bytes = _PIECE_BYTES * (len(self.pieces) - 1)
        size_bytes = self.size_bytes - spared_bytes
        self.add(self.take(self.size_bytes), size_bytes)
        return spared_bytes


@attrs.define
class _OpenFile:
    """
    A file being written.
    """

    part: int
    path: Path
    row_count: int = 0
    _writer: FileWriter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._writer = FileWriter(self.path)

    def write(self, rows: pa.RecordBatch) -> None:
        """
        Write *rows* as a row group.
        """
        self._writer.write(rows)
        self.row_count += len(rows)

    def close(self) -> None:
        """
        Write the footer.
        """
        self._writer.close()


class TableFiles:
    """
    Writes the rows of one load into Parquet files, by table.

    The same rows in the same order give the same files. A table has one file,
    or several if it is closed in between: because it has grown to
    *max_file_bytes*, or because more than *max_open_files* tables are large.

    Args:
        folder: Where the files are made; exists, and is empty.
        load_id: Whose files they are.
        max_waiting_bytes: Arrow bytes of all waiting rows, about; with more
            than 200 tables more, up to twice as much.
        max_open_files: Files being written at the same time.
        max_file_bytes: Written bytes after which a file is closed.
    """

    def __init__(
        self,
        folder: Path,
        load_id: LoadId,
        *,
        max_waiting_bytes: int = 48 * 2**20,
        max_open_files: int = 32,
        max_file_bytes: int = 128 * 2**20,
    ) -> None:
        self._folder = folder
        self._load_id = load_id
        self._max_waiting_bytes = max_waiting_bytes
        self._max_open_files = max_open_files
        self._max_file_bytes = max_file_bytes
        self._waiting: dict[TableName, _Waiting] = {}
        self._waiting_bytes = 0
        self._open: dict[TableName, _OpenFile] = {}
        self._parts: Counter[TableName] = Counter()
        self._closed: list[ParquetFile] = []

    def write(self, table: TableName, rows: pa.RecordBatch, size_bytes: int) -> None:
        """
        Take rows of *table*; all rows of a table have one schema.

        Args:
            table: Whose rows.
            rows: At least one.
            size_bytes: Memory that they take, about.
        """
        size_bytes += _PIECE_BYTES
        self._waiting.setdefault(table, _Waiting()).add(rows, size_bytes)
        self._waiting_bytes += size_bytes
        if self._waiting_bytes > self._room_bytes():
            self._make_room()

    def finish(self) -> Sequence[ParquetFile]:
        """
        Write what waits and close all files.

        Returns:
            The files by table name and part; each has at least one row.
        """
        for table in list(self._waiting):
            self._write_groups(table)
            self._close(table)
        for table in list(self._open):
            self._close(table)
        return sorted(self._closed, key=lambda file: (file.table, file.part))

    def close(self) -> None:
        """
        Close what is open still, to be thrown away.
        """
        for file in self._open.values():
            file.close()
        self._open.clear()

    def _room_bytes(self) -> int:
        """
        How much may wait: more for many tables, or their row groups are tiny.
        """
        by_tables = min(_MOST_ROOM, len(self._waiting) / _USUAL_TABLES)
        return int(self._max_waiting_bytes * max(1.0, by_tables))

    def _make_room(self) -> None:
        """
        Write the largest tables' rows until half the room is free.

        The rows of a chunk share its memory: what stays is copied, so that
        the chunk can go.
        """
        room_bytes = self._room_bytes()
        for table in sorted(self._waiting, key=self._size_of, reverse=True):
            if self._waiting_bytes <= room_bytes // 2:
                self._waiting_bytes -= self._waiting[table].combine()
            else:
                self._write_groups(table)
        POOL.release_unused()

    def _size_of(self, table: TableName) -> int:
        return self._waiting[table].size_bytes

    def _write_groups(self, table: TableName) -> None:
        """
        Write all that waits of *table*.
        """
        waiting = self._waiting.pop(table)
        self._waiting_bytes -= waiting.size_bytes
        file = self._file_of(table)
        while waiting.pieces:
            file.write(waiting.take(_GROUP_BYTES))
        if file.path.stat().st_size >= self._max_file_bytes:
            self._close(table)

    def _file_of(self, table: TableName) -> _OpenFile:
        # The table written last stands last: the first is the idlest.
        is_open = table in self._open
        file = self._open.pop(table) if is_open else self._next_of(table)
        self._open[table] = file
        return file

    def _next_of(self, table: TableName) -> _OpenFile:
        if len(self._open) >= self._max_open_files:
            self._close(next(iter(self._open)))
        part = self._parts[table]
        self._parts[table] += 1
        number = len(self._closed) + len(self._open)
        return _OpenFile(part, self._folder / f"{number:06d}.parquet")

    def _close(self, table: TableName) -> None:
        file = self._open.pop(table, None)
        if file is None:
            return
        file.close()
        self._closed.append(
            ParquetFile(
                load_id=self._load_id,
                table=table,
                part=file.part,
                path=file.path,
                row_count=file.row_count,
                size_bytes=file.path.stat().st_size,
            )
        )


def _combined(pieces: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """
    Copy *pieces* into one; what is all null takes no room.
    """
    schema = pieces[0].schema
    arrays = [
        _concatenated([piece.column(index) for piece in pieces])
        for index in range(len(schema))
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _concatenated(arrays: Sequence[pa.Array]) -> pa.Array:
    type_ = arrays[0].type
    length = sum(map(len, arrays))
    null_count = sum(array.null_count for array in arrays)
    if null_count == length:
        return nulls(type_, length)
    if not pa.types.is_struct(type_):
        return pa.concat_arrays(arrays, memory_pool=POOL)
    children = [
        _concatenated([array.field(index) for array in arrays])
        for index in range(type_.num_fields)
    ]
    mask = (
        pa.concat_arrays([array.is_null() for array in arrays]) if null_count else None
    )
    return pa.StructArray.from_arrays(children, fields=list(type_), mask=mask)
