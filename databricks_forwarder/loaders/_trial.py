"""
A loader tried by imitating real work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from databricks_forwarder._disk import disk_errors
from databricks_forwarder._parquet import write_table
from databricks_forwarder.errors import ForwarderError
from databricks_forwarder.model import Finding, LoadId, StagedFile, TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from databricks_forwarder.protocols import Loader

__all__ = ["trial"]


def trial(loader: Loader, folder: Path) -> Iterator[Finding]:
    """
    Try *loader* with a table of one row, up to the first thing that is wrong.

    Args:
        loader: It loads into a place that the caller takes away again.
        folder: Where a file may be staged for it.
    """
    table, load_id = TableName("check"), LoadId("check-0-0")
    rows = pa.table({"is_there": pa.array([True])})
    staged = folder / "check.parquet"
    file = StagedFile(
        load_id=load_id,
        table=table,
        uri=str(staged),
        row_count=len(rows),
        size_bytes=0,
    )
    steps: dict[str, Callable[[], object]] = {
        "writing a Parquet file": lambda: _write(rows, staged),
        "creating a table": lambda: loader.prepare(table, rows.schema),
        "loading rows": lambda: loader.load(load_id, table, [file]),
    }
    for subject, step in steps.items():
        try:
            step()
        except ForwarderError as error:
            yield Finding(subject, str(error))
            return
        yield Finding(subject)


def _write(rows: pa.Table, staged: Path) -> None:
    with disk_errors(f"writing {staged}"):
        write_table(rows, staged)
