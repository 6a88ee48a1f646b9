"""
A destination and a spool, looked at behind the library's back.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from deltalake import DeltaTable
from killed_host import LAKE, SPOOL
from killed_ledger import Kind, number_of_dead
from killed_truth import Found, Row

from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import LoadId
from databricks_forwarder.testing.workspace import RefusedError, Workspace

_ALL_LOADS = 1_000_000


def look(folder: Path, workspace: Workspace | None) -> Found:
    """
    See what there is in the end.
    """
    tables = tables_in(folder, workspace)
    with closing(SqliteBatcher(folder / SPOOL)) as spool:
        status = spool.status()
        return Found(
            rows=[row for rows in tables.values() for row in rows],
            dead=[number_of_dead(each.payload or b"") for each in spool.dead_letters()],
            account=status.account,
            loaded={
                each.load_id: each.account.loaded for each in spool.loads(_ALL_LOADS)
            },
            unsettled=[*status.open_load_ids, *status.parked_load_ids],
            counted=_counted(_counts_file(folder, workspace)),
            left=_left(folder, workspace),
        )


def tables_in(
    folder: Path, workspace: Workspace | None
) -> Mapping[str, list[tuple[Row, LoadId]]]:
    """
    Read all tables, each row with the id of its load.
    """
    if workspace is None:
        return dict(_lake_rows(folder / LAKE))
    return dict(_workspace_rows(workspace))


def _lake_rows(lake: Path) -> Iterator[tuple[str, list[tuple[Row, LoadId]]]]:
    for log in lake.glob("*/_delta_log"):
        rows = (
            DeltaTable(str(log.parent))
            .to_pyarrow_dataset()
            .to_table(columns=["batch_id", "data", "_load_id"])
            .to_pylist(maps_as_pydicts="strict")
        )
        yield (
            log.parent.name,
            [
                _row(
                    row["batch_id"],
                    row["data"] and row["data"]["custom_attributes"]["place"],
                    row["_load_id"],
                )
                for row in rows
            ],
        )


def _workspace_rows(
    workspace: Workspace,
) -> Iterator[tuple[str, list[tuple[Row, LoadId]]]]:
    names = workspace.query(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = current_schema() AND table_type <> 'VIEW'"
    )
    for name in names.column("table_name").to_pylist():
        rows = workspace.query(
            "SELECT batch_id, data.custom_attributes['place'] AS place, _load_id "
            f"FROM `{name}`"
        ).to_pylist()
        yield (
            name,
            [_row(row["batch_id"], row["place"], row["_load_id"]) for row in rows],
        )


def _row(batch: int, place: str | None, load_id: str) -> tuple[Row, LoadId]:
    return (batch, None if place is None else int(place)), LoadId(load_id)


def _counts_file(folder: Path, workspace: Workspace | None) -> Path:
    if workspace is None:
        return folder / LAKE / "_forwarder" / "counts.db"
    return folder / f"{SPOOL}.counts"


def _counted(file: Path) -> dict[Kind, int]:
    with closing(sqlite3.connect(file)) as counts:
        kinds = counts.execute(
            "SELECT kind, sum(messages) FROM buckets GROUP BY kind"
        ).fetchall()
    counted: dict[Kind, int] = {}
    for text, messages in kinds:
        event_type, custom_event_type, event_name = json.loads(text)
        counted[event_type, custom_event_type, event_name] = messages
    return counted


def _left(folder: Path, workspace: Workspace | None) -> list[Path]:
    own = folder / LAKE / "_forwarder"
    left = [*own.glob("staging/*"), *own.glob("work/*/*")]
    left += (folder / f"{SPOOL}.work").glob("*")
    if workspace is not None:
        left += _staged(workspace)
    return left


def _staged(workspace: Workspace) -> list[Path]:
    """
    List the files in the staging volume, past the wire.
    """
    catalog, schema = workspace.settings.catalog_name, workspace.settings.schema_name
    volume = f"/Volumes/{catalog}/{schema}/mparticle_staging"
    try:
        folder = workspace._engine.volumes.path_of(volume, "admin", write=False)
    except RefusedError:
        return []
    return sorted(path for path in folder.rglob("*") if path.is_file())
