"""
OPTIMIZE: small files into larger ones, and no row changed.

Files of less than what the platform aims at are written anew as one; how rows
lie in it is not imitated, clustered or not. Who appends meanwhile is in nobody's
way; of two that write the same file anew, or delete rows of it, one is refused.

Privileges are taken strictly here, for the pages name none: MODIFY, and SELECT,
without which MODIFY is of no use.

Sources: Databricks, "OPTIMIZE" and "Isolation levels and write conflicts"; Delta
Lake, ``OptimizeMetrics`` for the columns of the result; read 2026-11-26.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa

from databricks_forwarder.testing.workspace._names import full_name
from databricks_forwarder.testing.workspace._parts import unsupported
from databricks_forwarder.testing.workspace._removals import dated, removal
from databricks_forwarder.testing.workspace._results import Result
from databricks_forwarder.testing.workspace._tables import while_there
from databricks_forwarder.testing.workspace._types import to_arrow_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.testing.workspace._log import Action, Snapshot
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Session
    from databricks_forwarder.testing.workspace._tables import Table

__all__ = ["Optimizing", "optimize", "prepared"]

# What the platform aims at for tables below 2.56 TB.
_TARGET_BYTES = 256 * 2**20

_SIZES = pa.struct(
    [
        *((name, pa.int64()) for name in ("min", "max")),
        ("avg", pa.float64()),
        *((name, pa.int64()) for name in ("totalFiles", "totalSize")),
    ]
)
_METRICS = pa.struct(
    [
        ("numFilesAdded", pa.int64()),
        ("numFilesRemoved", pa.int64()),
        ("filesAdded", _SIZES),
        ("filesRemoved", _SIZES),
        ("partitionsOptimized", pa.int64()),
        ("numBatches", pa.int64()),
        ("totalConsideredFiles", pa.int64()),
        ("totalFilesSkipped", pa.int64()),
    ]
)


@attrs.frozen
class Optimizing:
    """
    An OPTIMIZE whose file is written and not committed yet.

    Attributes:
        removed: What it takes out of the table.
        added: What it puts into it, as one file or as none.
    """

    table: Table
    read: Snapshot
    removed: Sequence[Action]
    added: Sequence[Action]

    def commit(self, parts: Parts) -> Result:
        """
        Make the file the table's, in place of the others.
        """
        if self.added:
            old = [
                removal(each["add"]["path"], changes_rows=False)
                for each in self.removed
            ]
            actions = [*dated(old, parts.clock.now()), *self.added]
            with while_there(self.table):
                self.table.log.commit(self.read, actions, rows="merged")
        told = {"path": self.table.location, "metrics": self._metrics()}
        schema = pa.schema([("path", pa.string()), ("metrics", _METRICS)])
        return Result(pa.Table.from_pylist([told], schema=schema))

    def _metrics(self) -> dict[str, Any]:
        considered = len(self.read.files)
        return {
            "numFilesAdded": len(self.added),
            "numFilesRemoved": len(self.removed),
            "filesAdded": _sizes(self.added),
            "filesRemoved": _sizes(self.removed),
            "partitionsOptimized": 0,
            "numBatches": len(self.added),
            "totalConsideredFiles": considered,
            "totalFilesSkipped": considered - len(self.removed),
        }


def optimize(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows OPTIMIZE.
    """
    name = full_name(reader.name(), "TABLE", session)
    for clause in ("FULL", "WHERE", "ZORDER"):
        if reader.sees(clause):
            raise unsupported("OPTIMIZE with", clause)
    reader.end()
    return prepared(name, session, parts).commit(parts)


def prepared(name: str, session: Session, parts: Parts) -> Optimizing:
    """
    Write the rows of small files into one, uncommitted.
    """
    table = parts.tables.find(name, session.principal, "MODIFY", "SELECT")
    with while_there(table):
        snapshot = table.log.read()
        small = {
            path: action
            for path, action in snapshot.files.items()
            if action["add"]["size"] < _TARGET_BYTES
        }
        if len(small) < 2:
            return Optimizing(table, snapshot, [], [])
        rows = table.dataset(attrs.evolve(snapshot, files=small))
        schema = to_arrow_schema(snapshot.fields)
        written, _ = table.write(schema, rows.to_batches())
    added = {"add": {**written["add"], "dataChange": False}}
    return Optimizing(table, snapshot, list(small.values()), [added])


def _sizes(files: Sequence[Action]) -> dict[str, int | float | None]:
    sizes = [each["add"]["size"] for each in files]
    return {
        "min": min(sizes, default=None),
        "max": max(sizes, default=None),
        "avg": sum(sizes) / len(sizes) if sizes else 0.0,
        "totalFiles": len(sizes),
        "totalSize": sum(sizes),
    }
