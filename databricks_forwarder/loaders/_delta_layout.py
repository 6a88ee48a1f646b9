"""
How Delta tables on the local disk lie, and what puts them in order.

Files are written anew as loads and erasures write them: what a footer or a log
says of them has no text of a host's. The engine does not see to it that they
survive a loss of power before it commits; that is done right after. Until then
the files that they replace are there as well, and only a vacuum removes those.

A vacuum here takes only files that the log names as removed, for longer than
the table keeps them. A file that a load has placed and not committed is in no
log: it is never taken, however old it is. Observed with deltalake 1.6.6, which
takes such files too when it is asked for a "full" one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from databricks_forwarder._disk import sync
from databricks_forwarder.errors import PermanentError
from databricks_forwarder.loaders._delta_files import RANGED, is_table
from databricks_forwarder.loaders._intervals import interval, spelled
from databricks_forwarder.loaders._places import PLACED
from databricks_forwarder.loaders._vacuums import refuse_hasty
from databricks_forwarder.maintenance import (
    DEFAULT_KEPT,
    SMALL_BYTES,
    Done,
    TableLayout,
)

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from deltalake import DeltaTable

    from databricks_forwarder.maintenance import Work
    from databricks_forwarder.model import TableName

__all__ = ["call_of", "done_to", "layout_of"]

_KEPT = "delta.deletedFileRetentionDuration"
_LOG_KEPT = "delta.logRetentionDuration"


def layout_of(engine: ModuleType, folder: Path, table: TableName) -> TableLayout | None:
    """
    Look at a table; None if it is not there, or none of this library's.
    """
    if not is_table(folder):
        return None
    found: DeltaTable = engine.DeltaTable(str(folder))
    if not {field.name for field in found.schema().fields}.issuperset(PLACED):
        return None
    sizes = list(_sizes(found).values())
    properties = found.metadata().configuration
    return TableLayout(
        table=table,
        file_count=len(sizes),
        size_bytes=sum(sizes),
        small_file_count=sum(size < SMALL_BYTES for size in sizes),
        kept=interval(properties.get(_KEPT)),
        log_kept=interval(properties.get(_LOG_KEPT)),
        is_tended=False,
        unused_file_count=len(found.vacuum(dry_run=True)),
    )


def call_of(folder: Path, work: Work) -> str | None:
    """
    Spell what does *work* as a call of ``deltalake``; None if nothing does.
    """
    calls = {
        "compact": "optimize.compact()",
        "retain": f"alter.set_table_properties({_default()!r})",
        "vacuum": "vacuum(dry_run=False)",
    }
    call = calls.get(work)
    return None if call is None else f"DeltaTable({str(folder)!r}).{call}"


def done_to(
    found: DeltaTable, engine: ModuleType, folder: Path, table: TableName, work: Work
) -> Done:
    """
    Do *work* to a table, and see that what is written is on disk.

    Raises:
        SetupError: It is a vacuum, of a table that keeps files for too short.
        PermanentError: Nothing does that on a lake.
    """
    if work == "compact":
        return _compacted(found, engine, folder)
    before = found.version()
    metrics = {}
    if work == "retain":
        found.alter.set_table_properties(_default())
    elif work == "vacuum":
        kept = interval(found.metadata().configuration.get(_KEPT))
        refuse_hasty(table, kept)
        metrics = {"numFilesDeleted": len(found.vacuum(dry_run=False))}
    else:
        msg = f"table {table} lies in a lake, where rows can't be clustered"
        raise PermanentError(msg)
    return Done(statement_id=_version(found, before), metrics=metrics)


def _compacted(found: DeltaTable, engine: ModuleType, folder: Path) -> Done:
    before, known = found.version(), set(_sizes(found))
    told = found.optimize.compact(writer_properties=_properties(found, engine))
    for name in set(_sizes(found)) - known:
        sync(folder / name)
    sync(folder)
    return Done(statement_id=_version(found, before), metrics=_counts(told))


def _sizes(found: DeltaTable) -> dict[str, int]:
    """
    The table's files and their bytes, as its log tells them.
    """
    actions = pa.table(found.get_add_actions())
    names, sizes = (actions[each].to_pylist() for each in ("path", "size_bytes"))
    return dict(zip(names, sizes, strict=True))


def _properties(found: DeltaTable, engine: ModuleType) -> Any:
    """
    Files as loads write them: ranges of numbers and times, of no text.
    """
    names = found.metadata().configuration.get(RANGED, "").split(",")
    ranged = engine.ColumnProperties(
        dictionary_enabled=False, statistics_enabled="CHUNK"
    )
    return engine.WriterProperties(
        compression="ZSTD",
        default_column_properties=engine.ColumnProperties(
            dictionary_enabled=False, statistics_enabled="NONE"
        ),
        column_properties={name: ranged for name in names if name},
    )


def _counts(told: dict[str, Any]) -> dict[str, int]:
    return {name: told[name] for name in ("numFilesAdded", "numFilesRemoved")}


def _default() -> dict[str, str]:
    return {_KEPT: spelled(DEFAULT_KEPT)}


def _version(found: DeltaTable, before: int) -> str:
    now = found.version()
    return "" if now == before else f"version {now}"
