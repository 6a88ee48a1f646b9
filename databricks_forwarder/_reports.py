"""
What is told of a load when it is settled, from what was noted of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._backoff import sentence
from databricks_forwarder._progress import Progress, Staging, TableStaging
from databricks_forwarder.model import Account, LoadReport, TableReport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from databricks_forwarder.model import Lease, TableName

__all__ = ["broken_off_report", "carried_report"]


def carried_report(
    lease: Lease, staging: Staging, parked: Mapping[TableName, str], *, at: datetime
) -> LoadReport:
    """
    Tell of a load whose tables were all tried.

    Args:
        lease: Its lease.
        staging: What was staged of it.
        parked: The tables that are set aside, with the reasons; all others
            are loaded.
        at: When it is settled.
    """
    tables = [_table_report(table, parked.get(table.name)) for table in staging.tables]
    waiting = sum(each.row_count for each in tables if each.state == "parked")
    dead = sum(letter.message_count for letter in staging.dead)
    return LoadReport(
        load_id=lease.load_id,
        offsets=lease.offsets,
        attempt=lease.attempt,
        settled_at=at,
        account=Account(
            received=lease.message_count,
            loaded=sum(each.row_count for each in tables if each.state == "loaded"),
            # They die when the load is committed: until then they are its own.
            dead=0 if waiting else dead,
            dropped=staging.dropped,
            pending=waiting + dead if waiting else 0,
        ),
        tables=tuple(sorted(tables, key=lambda table: table.table)),
        dead=staging.dead,
        rescued_row_count=staging.rescued_row_count,
        rescues=staging.rescues,
        oldest_received_at=staging.oldest_received_at,
        newest_received_at=staging.newest_received_at,
        begun_at=staging.begun_at,
    )


def broken_off_report(
    lease: Lease, progress: Progress, error: Exception, *, at: datetime
) -> LoadReport:
    """
    Tell of a load that is set aside as a whole, and what of it is loaded.
    """
    # Of what was staged before some of it was erased, nobody knows the rest.
    known = None if progress.is_outdated else progress.staging
    staging = known or Staging()
    tables = [table for table in staging.tables if progress.loaded(table.name)]
    loaded = sum(table.row_count for table in tables)
    return LoadReport(
        load_id=lease.load_id,
        offsets=lease.offsets,
        attempt=lease.attempt,
        settled_at=at,
        account=Account(
            received=lease.message_count,
            loaded=loaded,
            dropped=staging.dropped,
            pending=lease.message_count - loaded - staging.dropped,
        ),
        tables=tuple(_table_report(table) for table in tables),
        reason=sentence(error),
        oldest_received_at=staging.oldest_received_at,
        newest_received_at=staging.newest_received_at,
        begun_at=staging.begun_at,
    )


def _table_report(table: TableStaging, reason: str | None = None) -> TableReport:
    return TableReport(
        table=table.name,
        row_count=table.row_count,
        file_count=len(table.files),
        size_bytes=sum(file.size_bytes for file in table.files),
        state="loaded" if reason is None else "parked",
        reason=reason,
    )
