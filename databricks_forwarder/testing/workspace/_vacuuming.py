"""
VACUUM: files that hold no row of a table any more, off the disk.

A file that was taken out of the table is removed when it has been out for as
long as the table keeps it; one that no commit names, which somebody may be about
to commit, when it is as old as that. LITE leaves the latter alone.

The page names no privileges, nor the class of a refusal: MODIFY and SELECT are
taken strictly here, and the sentence is Delta Lake's.

Sources: Databricks, "VACUUM" and "Remove unused data files with vacuum"; Delta
Lake, ``VacuumCommand``; read 2026-11-26.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._names import full_name
from databricks_forwarder.testing.workspace._parts import texts
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._tables import while_there

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from databricks_forwarder.testing.workspace._log import Snapshot
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Result, Session
    from databricks_forwarder.testing.workspace._tables import Table

__all__ = ["vacuum"]

_KEPT = "delta.deletedFileRetentionDuration"
_MOST_TOLD = 1000


def vacuum(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows VACUUM.
    """
    name = full_name(reader.name(), "TABLE", session)
    is_lite = reader.accept("LITE")
    if not is_lite:
        reader.accept("FULL")
    asked = timedelta(hours=reader.number()) if reader.accept("RETAIN") else None
    if asked is not None:
        reader.expect("HOURS")
    is_dry = reader.accept("DRY", "RUN")
    reader.end()
    table = parts.tables.find(name, session.principal, "MODIFY", "SELECT")
    with while_there(table):
        snapshot = table.log.read()
    kept = _kept(snapshot.properties)
    if asked is not None and asked < kept:
        raise _too_short()
    before = parts.clock.now() - (kept if asked is None else asked)
    unused = sorted(_unused(table, snapshot, before, is_lite=is_lite))
    if is_dry:
        told = [(f"{table.location}/{each}",) for each in unused[:_MOST_TOLD]]
        return texts(("path",), told)
    for each in unused:
        table.folder.joinpath(each).unlink(missing_ok=True)
    return texts(("path",), [(table.location,)])


def _unused(
    table: Table, snapshot: Snapshot, before: datetime, *, is_lite: bool
) -> Iterator[str]:
    end = before.timestamp()
    for path in table.folder.glob("*.parquet"):
        if path.name in snapshot.files or (
            is_lite and path.name not in snapshot.removed
        ):
            continue
        removed_at = snapshot.removed.get(path.name)
        since = path.stat().st_mtime if removed_at is None else removed_at / 1000
        if since <= end:
            yield path.name


def _kept(properties: Mapping[str, str]) -> timedelta:
    said = properties.get(_KEPT, "interval 7 days")
    found = re.fullmatch(
        r"(?:interval )?(\d+) (second|minute|hour|day|week)s?", said.lower()
    )
    if found is None:
        raise RefusedError(
            "INVALID_PARAMETER_VALUE",
            f"{_KEPT} must be an interval, not {said!r}.",
            sqlstate="22023",
        )
    return timedelta(**{f"{found[2]}s": int(found[1])})


def _too_short() -> RefusedError:
    return RefusedError(
        "INVALID_PARAMETER_VALUE",
        "requirement failed: Are you sure you would like to vacuum files with such a "
        "low retention period? If you have writers that are currently writing to this "
        "table, there is a risk that you may corrupt the state of your Delta table. "
        "If you are not sure, please use a value not less than 168 hours.",
        sqlstate="22023",
    )
