"""
A load's commit to a Delta table: its files as they are, under the load's name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._disk import sync
from databricks_forwarder.loaders._delta_files import RANGED, placed, statistics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from deltalake import DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

    from databricks_forwarder._parquet import Footer
    from databricks_forwarder.model import LoadId

__all__ = ["commit"]


def commit(
    engine: ModuleType,
    found: DeltaTable,
    load_id: LoadId,
    folder: Path,
    files: Mapping[str, Footer],
) -> None:
    """
    Make staged files the table's own.

    Args:
        engine: ``deltalake``.
        found: The object that was asked for the transaction: the engine refuses
            a second one of the same name only to who looked before it.
        load_id: The transaction's name.
        folder: The table's.
        files: Staged file → what its footer says.
    """
    columns = found.metadata().configuration.get(RANGED, "")
    actions: list[AddAction | RemoveAction] = [
        _action(engine, placed(Path(uri), folder, load_id), statistics(footer, columns))
        for uri, footer in files.items()
    ]
    sync(folder)
    transaction = engine.Transaction(app_id=load_id, version=0)
    found.create_write_transaction(
        actions,
        mode="append",
        schema=found.schema(),
        commit_properties=engine.CommitProperties(app_transactions=[transaction]),
    )


def _action(engine: ModuleType, placed: Path, stats: str) -> AddAction:
    status = placed.stat()
    action: AddAction = engine.transaction.AddAction(
        path=placed.name,
        size=status.st_size,
        partition_values={},
        modification_time=int(status.st_mtime * 1000),
        data_change=True,
        stats=stats,
    )
    return action
