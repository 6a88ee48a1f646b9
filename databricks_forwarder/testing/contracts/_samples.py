"""
Rows, files and threads that the contracts of destinations work with.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from databricks_forwarder.model import LoadId, ParquetFile, TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

NARROW = pa.schema(
    {
        "id": pa.int64(),
        "name": pa.string(),
        "_event_timestamp": pa.timestamp("us", "UTC"),
        "_load_id": pa.string(),
        "data": pa.struct(
            {
                "count": pa.int32(),
                "action": pa.struct({"name": pa.string()}),
                "products": pa.list_(pa.struct({"price": pa.float64()})),
            }
        ),
        "attributes": pa.map_(pa.string(), pa.string()),
        "integrations": pa.map_(pa.string(), pa.map_(pa.string(), pa.string())),
        "identities": pa.map_(pa.string(), pa.struct({"identity": pa.string()})),
    }
)
"""Columns of all shapes that a table has."""

_ACTION = pa.struct({"name": pa.string(), "is_new": pa.bool_()})
_PRODUCT = pa.struct({"price": pa.float64(), "quantity": pa.int64()})
_IDENTITY = pa.struct({"identity": pa.string(), "created": pa.bool_()})


def _with(fields: Iterable[pa.Field], *others: pa.Field) -> list[pa.Field]:
    """
    The same fields, *others* in the place of those of their names, or at the end.
    """
    named = {field.name: field for field in fields}
    return list((named | {field.name: field for field in others}).values())


WIDE = pa.schema(
    _with(
        NARROW,
        pa.field(
            "data",
            pa.struct(
                _with(
                    NARROW.field("data").type,
                    pa.field("action", _ACTION),
                    pa.field("more", pa.string()),
                )
            ),
        ),
        pa.field("extra", pa.string()),
    )
)
"""The same with more columns, inside structs too."""

DEEP = pa.schema(
    _with(
        WIDE,
        pa.field(
            "data",
            pa.struct(
                _with(
                    WIDE.field("data").type,
                    pa.field("products", pa.list_(_PRODUCT)),
                )
            ),
        ),
        pa.field("identities", pa.map_(pa.string(), _IDENTITY)),
    )
)
"""The same with more columns inside lists and maps, too."""

PLACED = pa.schema([*NARROW, ("_offset", pa.int64()), ("_position", pa.int32())])
"""The columns that rows are counted by, too."""

Row = dict[str, Any]

LOAD = LoadId("0123456789ab-0-9")
"""A load, the one that rows are of unless another is named."""

NEXT = LoadId("0123456789ab-10-19")
"""The load after it."""


def rows(
    first: int, count: int, schema: pa.Schema = NARROW, *, load_id: LoadId = LOAD
) -> list[Row]:
    """
    Rows with the ids from *first* on, as a file of *schema* gives them back.

    The last of them has nothing but its id and its load.
    """
    full = [_row(number) for number in range(first, first + count - 1)]
    content = [
        {**row, "_load_id": load_id} for row in (*full, {"id": first + count - 1})
    ]
    table = pa.Table.from_pylist(content, schema=schema)
    given_back: list[Row] = table.to_pylist()
    return given_back


def _row(number: int) -> Row:
    return {
        "id": number,
        "name": f"Käufer №{number} 漢字 🛒",
        "_event_timestamp": datetime(
            2026, 1, 1, 2, 3, 4, 567_891 + number, timezone.utc
        ),
        "data": {
            "count": -number,
            "action": {"name": "purchase", "is_new": True},
            "products": [
                {"price": 9.5, "quantity": 2**53 + 1},
                {"price": None},
                None,
            ],
            "more": '\'; drop table "x" --',
        },
        "attributes": [("größe", "42"), ("empty", ""), ("null", None)],
        "integrations": [("128", [("client", "ü")]), ("none", [])],
        "identities": [("email", {"identity": "a@example.com", "created": False})],
        "extra": "line\nbreak",
    }


def parquet_file(  # noqa: PLR0913 (what names a file, and what is in it)
    folder: Path,
    load_id: str,
    table: str,
    content: Sequence[Row],
    *,
    part: int = 0,
    schema: pa.Schema = NARROW,
) -> ParquetFile:
    """
    Write *content* as a file of one table of one load.
    """
    place = folder / "work" / load_id
    place.mkdir(parents=True, exist_ok=True)
    file = ParquetFile(
        load_id=LoadId(load_id),
        table=TableName(table),
        part=part,
        path=place / f"{len(list(place.iterdir()))}.parquet",
        row_count=len(content),
        size_bytes=0,
    )
    pq.write_table(pa.Table.from_pylist(content, schema=schema), file.path)
    return ParquetFile(
        load_id=file.load_id,
        table=file.table,
        part=part,
        path=file.path,
        row_count=file.row_count,
        size_bytes=file.path.stat().st_size,
    )


def at_once(*calls: Callable[[], object]) -> list[object]:
    """
    Make each call in a thread of its own, all from the same moment on.

    Returns:
        What they returned; the first that raised is raised here.
    """
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, c) for c in calls]]
