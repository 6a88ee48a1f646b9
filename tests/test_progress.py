"""
The notes of a load.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone

import pytest

from databricks_forwarder._progress import (
    Progress,
    Routes,
    Staging,
    TableStaging,
    loaded_note,
    routes_note,
    staging_note,
)
from databricks_forwarder._tally import Tally
from databricks_forwarder.model import (
    DeadLetter,
    EventKey,
    LoadId,
    LoadResult,
    Offset,
    StagedFile,
    Table,
    TableName,
)

LOAD = LoadId("0123456789ab-0-9")
OWN = Table(TableName("own"), "custom_event")
COMMON = Table(TableName("commön"))
KEY = EventKey(
    "custom_event",
    event_name="a\0 \N{GRINNING FACE}",
    custom_event_type="other",
    feed="f",
    environment="production",
    group="g",
)
ROUTES: Routes = {KEY: OWN, EventKey(""): COMMON, EventKey(None): None}
LETTER = DeadLetter(
    offset=Offset(3),
    received_at=datetime(2026, 1, 1, 12, 30, 1, 5, tzinfo=timezone.utc),
    message_count=2,
    reason="no JSON",
    load_id=LOAD,
)


def staged(table: str, uri: str, row_count: int) -> StagedFile:
    """
    Make a staged file.
    """
    return StagedFile(
        load_id=LOAD,
        table=TableName(table),
        uri=uri,
        row_count=row_count,
        size_bytes=100,
    )


STAGING = Staging.of(
    Tally(
        counts=Counter({KEY: 3, EventKey(""): 2}),
        dead=[LETTER],
        dropped=4,
        rescued_row_count=1,
    ),
    [staged("own", "1", 2), staged("commön", "2", 2), staged("own", "3", 1)],
    ROUTES,
)


def test_a_new_load_has_no_progress() -> None:
    """
    Without notes nothing is routed, staged or loaded.
    """
    progress = Progress({})

    assert (None, None, None) == (
        progress.routes,
        progress.staging,
        progress.loaded(OWN.name),
    )


def test_routes_come_back_as_they_were() -> None:
    """
    Noted routes are read with every part of their keys, dropped ones included.
    """
    progress = Progress(dict([routes_note(ROUTES)]))

    assert ROUTES == progress.routes
    assert progress.staging is None


def test_no_routes_are_not_the_same_as_none_noted() -> None:
    """
    A load of nothing but dead payloads is routed too.
    """
    assert {} == Progress(dict([routes_note({})])).routes


def test_staging_puts_a_table_s_files_together() -> None:
    """
    Staged files are kept by table, sorted by name, with the table's columns.
    """
    assert [("commön", None, 2), ("own", "custom_event", 3)] == [
        (table.name, table.event_type, table.row_count) for table in STAGING.tables
    ]
    assert ["1", "3"] == [file.uri for file in STAGING.tables[1].files]


def test_staging_comes_back_as_it_was() -> None:
    """
    What was noted as staged is read again to the last value.
    """
    assert STAGING == Progress(dict([staging_note(STAGING)])).staging


def test_an_empty_staging_comes_back() -> None:
    """
    A load without a single row is staged too.
    """
    empty = Staging()

    assert empty == Progress(dict([staging_note(empty)])).staging


@pytest.mark.parametrize("result", [LoadResult(3), LoadResult(0, was_repeat=True)])
def test_a_loaded_table_comes_back(result: LoadResult) -> None:
    """
    Each table has a note of its own.
    """
    progress = Progress(dict([loaded_note(COMMON.name, result)]))

    assert result == progress.loaded(COMMON.name)
    assert progress.loaded(OWN.name) is None


def test_a_note_that_is_kept_is_read() -> None:
    """
    Progress follows what is noted.
    """
    progress = Progress({})
    progress.keep(loaded_note(OWN.name, LoadResult(1)))

    assert LoadResult(1) == progress.loaded(OWN.name)


def test_a_table_s_rows_are_those_of_its_files() -> None:
    """
    A table without files has no rows.
    """
    assert 0 == TableStaging(OWN.name, None, ()).row_count
