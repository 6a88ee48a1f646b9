"""
The files of a Delta table in a local folder, as far as no engine is needed.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import os
import re
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._disk import copy_file, sync
from databricks_forwarder._parquet import ColumnRange, is_ranged
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.mparticle.coerce import is_unicode

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pyarrow as pa

    from databricks_forwarder._parquet import Footer
    from databricks_forwarder.model import LoadId, TableName

__all__ = [
    "RANGED",
    "folder_name",
    "is_table",
    "local_folder",
    "log_of",
    "placed",
    "ranged_columns",
    "statistics",
    "sync_log",
]

_CHECKPOINT_HINT = "_last_checkpoint"

RANGED = "delta.dataSkippingStatsColumns"
"""The property of a table that says of which columns commits tell ranges."""


# Two letters at least: one is a drive.
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")


def local_folder(root: Path | str) -> Path:
    """
    The folder of a lake as an absolute path.

    Raises:
        ConfigurationError: It is no place on the local disk, or one that the
            engine can't name: it takes ``%`` for the beginning of an escape
            (observed with deltalake 1.6.6).
    """
    text = str(root)
    if not text or _ADDRESS.match(text):
        msg = f"a lake is a folder on the local disk, not {text!r}; name a folder"
        raise ConfigurationError(msg)
    folder = Path(root).absolute()
    if "%" in str(folder) or not is_unicode(str(folder)):
        msg = (
            f"the folder {str(folder)!r} can't hold a lake: its name has a percent "
            "sign or is not UTF-8; name another folder"
        )
        raise ConfigurationError(msg)
    return folder


def folder_name(table: TableName) -> str:
    """
    Name of a table's folder: the table's own where file systems and readers take it.

    Any other has a dot in it, which no table's own name that is taken has.
    None begins with an underscore, which readers of lakes take for hidden, and
    none ends in a character beyond ASCII, which DuckDB's reader of Delta tables
    leaves out (observed with duckdb 1.5.5).
    """
    is_plain = re.fullmatch(r"[^\W_][\w-]*", table) and table[-1].isascii()
    if is_plain and len(table.encode()) <= 200:
        return table
    words = re.sub(r"[^\w-]+", "-", table).strip("-_") or "table"
    readable = words.encode()[:100].decode(errors="ignore")
    return f"{readable}.{hashlib.sha256(table.encode()).hexdigest()[:16]}"


def log_of(folder: Path) -> Path:
    """
    The folder of a table's log.
    """
    return folder / "_delta_log"


def is_table(folder: Path) -> bool:
    """
    Whether there is a Delta table in *folder*.
    """
    return log_of(folder).is_dir()


def placed(source: Path, folder: Path, load_id: LoadId) -> Path:
    """
    See that *source* is in a table's folder, under a name of load and file.

    What an earlier try left there is taken up if it is the same.
    """
    target = folder / f"{load_id}-{source.name}"
    if target.exists() and filecmp.cmp(source, target, shallow=False):
        return target
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without links; what else may be wrong
        # the copy will say.
        copy_file(source, target)
    return target


def ranged_columns(schema: pa.Schema) -> str:
    """
    Spell the columns of which commits tell ranges: whole numbers and times.

    Text is not among them: a log is no place for a host's data.
    """
    return ",".join(
        field.name
        for field in schema
        if is_ranged(field.type) and re.fullmatch(r"\w+", field.name)
    )


def statistics(footer: Footer, columns: str = "") -> str:
    """
    What a commit says of a file: its rows, and the ranges of its columns.

    A reader may take a column that has no range among others that have one
    for a column without any value, and find nothing in it: so observed with
    deltalake 1.6.6. So ranges are told of all columns that the table's
    property names, or of none.

    Args:
        footer: What the file says of itself.
        columns: The value of the table's property `RANGED`.
    """
    null_counts = {
        name: each.null_count
        for name, each in footer.ranges.items()
        if each.null_count is not None
    }
    return json.dumps(
        {
            "numRecords": footer.row_count,
            **_extremes(footer, [name for name in columns.split(",") if name]),
            "nullCount": null_counts,
        }
    )


def _extremes(footer: Footer, names: Sequence[str]) -> dict[str, object]:
    """
    Smallest and largest values of all columns of *names*, or nothing.
    """
    found = {name: footer.ranges.get(name, _UNKNOWN) for name in names}
    ranged = {name: each for name, each in found.items() if each.is_known}
    are_told = ranged and all(
        each.is_known or each.null_count == footer.row_count for each in found.values()
    )
    if not are_told:
        return {}
    return {
        "minValues": {name: _spelled(each.low) for name, each in ranged.items()},
        "maxValues": {name: _spelled(each.high) for name, each in ranged.items()},
    }


_UNKNOWN = ColumnRange(None, None, None)


def _spelled(value: int | date | datetime | None) -> int | str | None:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    return value.isoformat() if isinstance(value, date) else value


def sync_log(folder: Path, known: Collection[str] = ()) -> frozenset[str]:
    """
    Make a table's log survive a loss of power; the engine doesn't.

    Args:
        folder: The table's folder.
        known: Names of log files that were seen to already; files of the log
            are never written again, but for the hint to its checkpoint.

    Returns:
        The names that are seen to now.
    """
    log = log_of(folder)
    names = frozenset(entry.name for entry in log.iterdir())
    for name in (names - set(known)) | {_CHECKPOINT_HINT}:
        # Another writer's unfinished file, or no checkpoint yet.
        with suppress(FileNotFoundError):
            sync(log / name)
    sync(log)
    return names
