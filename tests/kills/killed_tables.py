"""
A destination and a spool, looked at behind the library's back.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import attrs
from deltalake import DeltaTable
from killed_host import LAKE, SPOOL
from killed_ledger import Kind, number_of_dead
from killed_truth import Found, Row

from databricks_forwarder.batchers.sqlite import SqliteBatcher
from databricks_forwarder.model import Account, LoadId
from databricks_forwarder.testing.workspace import RefusedError, Workspace

_ALL_LOADS = 1_000_000


def look(folder: Path, workspace: Workspace | None) -> Found:
    """
    See what there is in the end.
    """
    return look_at([folder], folder, workspace)


def look_at(spools: Iterable[Path], folder: Path, workspace: Workspace | None) -> Found:
    """
    See what there is of some hosts, which meet in one destination.

    Args:
        spools: Folders of the spools.
        folder: Folder of the lake, and of the counts.
        workspace: Where the tables are; None for a lake.
    """
    found = Found(
        rows=[row for rows in tables_in(folder, workspace).values() for row in rows],
        counted=_counted(folder, workspace),
    )
    for each in spools:
        with closing(SqliteBatcher(each / SPOOL)) as spool:
            _add_spool(found, spool)
        found.left += _left(each, workspace)
    return found


def _add_spool(found: Found, spool: SqliteBatcher) -> None:
    status = spool.status()
    found.dead += [number_of_dead(each.payload or b"") for each in spool.dead_letters()]
    accounts = map(attrs.asdict, (found.account, status.account))
    found.account = Account(**sum(map(Counter, accounts), Counter()))
    for each in spool.loads(_ALL_LOADS):
        found.loaded[each.load_id] = each.account.loaded
    found.unsettled += [*status.open_load_ids, *status.parked_load_ids]


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
        if name.startswith("_forwarder_"):
            continue
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


def _counted(folder: Path, workspace: Workspace | None) -> Counter[Kind]:
    counted: Counter[Kind] = Counter()
    for text, messages in _days(folder, workspace):
        event_type, custom_event_type, event_name = json.loads(text)
        counted[event_type, custom_event_type, event_name] += messages
    return counted


def _days(folder: Path, workspace: Workspace | None) -> list[tuple[str, int]]:
    if workspace is None:
        with closing(sqlite3.connect(folder / LAKE / "_forwarder/counts.db")) as counts:
            return counts.execute("SELECT kind, messages FROM buckets").fetchall()
    days = workspace.query(
        "SELECT kind, messages FROM _forwarder_event_counts WHERE kind <> ''"
    )
    return [(row["kind"], row["messages"]) for row in days.to_pylist()]


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
