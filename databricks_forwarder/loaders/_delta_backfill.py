"""
A kind's earlier rows moved out of the common table of a lake into its own.

Rows are moved some loads at a time, by two commits: one adds them to the
kind's table, the next removes them from the common one. A load's rows of a
kind are in one of the two tables, as its routes were noted; so a load that has
rows of the kind in both is one that was copied and not yet removed, whoever
did it, and a repeat goes on from there.

Each step has a number, which both commits carry as a transaction: of two
processes that take the same step one is refused, and who reads both tables
sees by the numbers whether a step is half done, and by the names of its files
which rows are the copies.

What a death leaves at each point:

* before the first commit: a file in the table's folder that no commit names;
* between the commits: rows in both tables; the next call removes them from the
  common table, and until then `whole` shows them once;
* after the second: what was moved so far.
"""

from __future__ import annotations

import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import attrs
import pyarrow.compute as pc

from databricks_forwarder._databricks.kind_conditions import Dialect, kind_condition
from databricks_forwarder._disk import sync
from databricks_forwarder._parquet import FileWriter, read_footer
from databricks_forwarder.loaders._copies import require_whole
from databricks_forwarder.loaders._delta_files import RANGED, statistics, sync_log
from databricks_forwarder.loaders._kind_rows import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path
    from types import ModuleType

    import pyarrow.dataset as ds
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

    from databricks_forwarder.model import EventKind, TableName

__all__ = ["DATAFUSION", "Move", "copies"]

# Rows that a step moves, about, and holds; a load with more goes alone.
_STEP_ROWS = 100_000

_COPIED = "databricks-forwarder-backfill"

DATAFUSION = Dialect(
    field=lambda path: path[0] + "".join(f"['{name}']" for name in path[1:]),
    literal=lambda text: "'" + text.replace("'", "''") + "'",
    length="array_length",
)
"""That of the engine of the lake."""


def copies(
    own: DeltaTable, name: TableName, common: DeltaTable | None
) -> tuple[str, ...]:
    """
    How the names of files begin whose rows are in the common table as well.

    Args:
        own: A kind's table.
        name: Its name.
        common: The common table, as it was when, or before, the other was.
    """
    if common is None:
        return ()
    removed = _number(common, _removed(name))
    return tuple(map(_prefix, range(removed + 1, _number(own, _COPIED) + 1)))


@attrs.frozen(kw_only=True)
class Move:
    """
    A kind's rows on their way from one table to another.

    Attributes:
        engine: The engine of the lake.
        open: Opens a table as it is now.
        common: Folder of the table that they are taken out of.
        own: Folder of the kind's own table, which has the fields of its type.
        name: The kind's own table.
    """

    engine: ModuleType
    open: Callable[[Path], DeltaTable]
    common: Path
    own: Path
    name: TableName
    kind: EventKind

    def step(self) -> int | None:
        """
        Take one step: copy some rows, or remove those that were copied.

        Returns:
            How many rows were removed from the common table; None when there
            is nothing left to do.
        """
        common, own = self.open(self.common), self.open(self.own)
        loads = self._loads(common)
        if not loads:
            return None
        copied = self._loads_in(own, loads)
        if copied:
            counts = {each: (loads[each], copied[each]) for each in copied}
            require_whole(self.name, counts)
            return self._remove(common, _number(own, _COPIED), sorted(copied))
        self._copy(common, own, _some(loads))
        return 0

    def _loads(self, common: DeltaTable) -> Counter[str]:
        return _counted(common.to_pyarrow_dataset(), rows_of(self.kind))

    def _loads_in(self, own: DeltaTable, loads: Collection[str]) -> Counter[str]:
        of_them = pc.field("_load_id").isin(list(loads))
        return _counted(own.to_pyarrow_dataset(), of_them)

    def _copy(self, common: DeltaTable, own: DeltaTable, loads: list[str]) -> None:
        number = _number(own, _COPIED) + 1
        file = self.own / f"{_prefix(number)}{uuid.uuid4().hex}.parquet"
        self._write(common, own, loads, file)
        columns = own.metadata().configuration.get(RANGED, "")
        status = file.stat()
        actions: list[AddAction | RemoveAction] = [
            self.engine.transaction.AddAction(
                path=file.name,
                size=status.st_size,
                partition_values={},
                modification_time=int(status.st_mtime * 1000),
                data_change=True,
                stats=statistics(read_footer(file), columns),
            )
        ]
        own.create_write_transaction(
            actions,
            mode="append",
            schema=own.schema(),
            commit_properties=self._named(_COPIED, number),
        )
        sync_log(self.own)

    def _write(
        self, common: DeltaTable, own: DeltaTable, loads: list[str], file: Path
    ) -> None:
        import pyarrow.dataset as ds  # noqa: PLC0415  # brings pandas, where that is

        of_them = pc.field("_load_id").isin(loads)
        held = common.to_pyarrow_dataset()
        fragments = list(held.get_fragments())
        place = fragments[0].filesystem
        columns = own.to_pyarrow_dataset().schema
        # With the columns of the kind's own table they are read as it has them.
        rows = ds.FileSystemDataset(fragments, columns, ds.ParquetFileFormat(), place)
        found = rows.to_table(filter=rows_of(self.kind) & of_them)
        writer = FileWriter(file)
        for batch in found.combine_chunks().to_batches():
            writer.write(batch)
        writer.close()
        sync(file)
        sync(self.own)

    def _remove(self, common: DeltaTable, number: int, loads: Sequence[str]) -> int:
        texts = ", ".join(map(DATAFUSION.literal, loads))
        told: dict[str, Any] = common.delete(
            f"{kind_condition(self.kind, DATAFUSION)} AND _load_id IN ({texts})",
            # Ranges of texts would put people's data into the files' footers.
            writer_properties=self.engine.WriterProperties(
                compression="ZSTD",
                default_column_properties=self.engine.ColumnProperties(
                    statistics_enabled="NONE"
                ),
            ),
            commit_properties=self._named(_removed(self.name), number),
        )
        sync(self.common)
        sync_log(self.common)
        return int(told["num_deleted_rows"])

    def _named(self, transaction: str, number: int) -> CommitProperties:
        named = self.engine.Transaction(app_id=transaction, version=number)
        properties: CommitProperties = self.engine.CommitProperties(
            app_transactions=[named]
        )
        return properties


def _counted(rows: ds.Dataset, condition: pc.Expression) -> Counter[str]:
    counts: Counter[str] = Counter()
    for batch in rows.to_batches(columns=["_load_id"], filter=condition):
        for each in batch.column(0).value_counts().to_pylist():
            counts[each["values"]] += each["counts"]
    return counts


def _some(loads: Counter[str]) -> list[str]:
    """
    The first loads that have as many rows as a step moves, at least one.
    """
    some: list[str] = []
    row_count = 0
    for load_id in sorted(loads):
        if some and row_count + loads[load_id] > _STEP_ROWS:
            break
        some.append(load_id)
        row_count += loads[load_id]
    return some


def _number(table: DeltaTable, transaction: str) -> int:
    number = table.transaction_version(transaction)
    return -1 if number is None else int(number)


def _prefix(number: int) -> str:
    return f"backfill-{number}-"


def _removed(name: TableName) -> str:
    return f"{_COPIED}-{name}"
