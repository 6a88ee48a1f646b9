"""
The tables of a local lake: found, made, widened, and committed to.

What a death leaves at each point is told in `databricks_forwarder.loaders.delta`.
"""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from databricks_forwarder._delta_fates import crossed
from databricks_forwarder._disk import make_folder, sync
from databricks_forwarder._parquet import read_footer
from databricks_forwarder.errors import ForwarderError, SetupError, TransientError
from databricks_forwarder.loaders._delta_commit import commit
from databricks_forwarder.loaders._delta_describing import new_columns
from databricks_forwarder.loaders._delta_erasing import delete_places
from databricks_forwarder.loaders._delta_files import (
    RANGED,
    folder_name,
    is_table,
    ranged_columns,
    sync_log,
)
from databricks_forwarder.loaders._delta_foreign import refuse_foreign
from databricks_forwarder.loaders._delta_layout import done_to, layout_of
from databricks_forwarder.loaders._schemas import covers, widened
from databricks_forwarder.maintenance import Done, TableLayout
from databricks_forwarder.model import LoadId, StagedFile, TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from types import ModuleType

    from deltalake import DeltaTable

    from databricks_forwarder.erasure import Place
    from databricks_forwarder.maintenance import Work

__all__ = ["DeltaTables"]

_T = TypeVar("_T")

# Each try but the last lost against a writer that got on: more of them are
# not met by chance.
_TRIES = 10


class DeltaTables:
    """
    The tables in a folder.

    Args:
        engine: The engine of the lake.
        root: Where they are; made when needed.
    """

    def __init__(self, engine: ModuleType, root: Path) -> None:
        self._engine = engine
        self._root = root
        # As last seen; a table only ever gets more columns, so what was
        # covered stays covered. `load` looks at the table itself.
        self._schemas: dict[TableName, pa.Schema] = {}
        self._synced: dict[TableName, frozenset[str]] = {}

    def path(self, table: TableName) -> Path:
        """
        The folder of *table*, whether it is there or not.
        """
        return self._root / folder_name(table)

    def names(self) -> Sequence[TableName]:
        """
        The names of the tables that are there, sorted.
        """
        with self.crossing(f"listing the tables in {self._root}"):
            if not self._root.exists():
                return []
            return sorted(
                self._name(folder)
                for folder in self._root.iterdir()
                if is_table(folder) and not folder.name.startswith(".")
            )

    def opened(self, table: TableName) -> DeltaTable:
        """
        A table that is there, as it is now.
        """
        found: DeltaTable = self._engine.DeltaTable(str(self.path(table)))
        return found

    def prepare(self, table: TableName, schema: pa.Schema) -> None:
        """
        See that *table* is there and has at least the fields of *schema*.
        """
        held = self._schemas.get(table)
        if held is None or not covers(held, schema, table):
            doing = f"preparing table {table} in {self.path(table)}"
            self.retried(doing, lambda: self._widen(table, schema))

    def held(self, table: TableName) -> pa.Schema | None:
        """
        The columns of *table*, as its log has them now; None if it is not there.
        """
        with self.crossing(f"looking at table {table} in {self.path(table)}"):
            found = self._found(table)
            return None if found is None else _schema_of(found)

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile]
    ) -> bool:
        """
        Make *files* the table's own in one commit; whether they were before.
        """
        doing = f"loading {load_id} into table {table} in {self.path(table)}"
        return self.retried(doing, lambda: self._load(load_id, table, files))

    def erase(self, table: TableName, places: Sequence[Place]) -> Sequence[str]:
        """
        Delete the rows at *places*; the versions that the engine made of it.
        """
        doing = f"erasing rows of table {table} in {self.path(table)}"
        return self.retried(doing, lambda: self._erase(table, places))

    def layout(self, table: TableName) -> TableLayout | None:
        """
        How a table lies; None if it is not there, or none of this library's.
        """
        path = self.path(table)
        try:
            with self.crossing(f"looking at table {table} in {path}"):
                return layout_of(self._engine, path, table)
        except ForwarderError as error:
            return TableLayout(table=table, problem=str(error))

    def maintain(self, table: TableName, work: Work) -> Done:
        """
        Do *work* to a table, if it is there.
        """
        doing = f"maintaining table {table} in {self.path(table)}: {work}"
        return self.retried(doing, lambda: self._maintain(table, work))

    def retried(self, doing: str, step: Callable[[], _T]) -> _T:
        """
        Take a step, again while other writers come first.

        Raises:
            TransientError: They came first too often.
        """
        with self.crossing(doing):
            for _ in range(_TRIES):
                with suppress(
                    _OutdatedError, self._engine.exceptions.CommitFailedError
                ):
                    return step()
        msg = f"{doing} failed: other writers came first {_TRIES} times; try again"
        raise TransientError(msg)

    @contextmanager
    def crossing(self, doing: str) -> Iterator[None]:
        """
        Give what goes wrong in the engine a fate of ours.
        """
        try:
            yield
        except ForwarderError:
            raise
        except Exception as error:
            raise crossed(error, doing) from error

    def _name(self, folder: Path) -> TableName:
        if folder_name(TableName(folder.name)) == folder.name:
            return TableName(folder.name)
        named = self._engine.DeltaTable(str(folder)).metadata().name
        return TableName(named or folder.name)

    def _found(self, table: TableName) -> DeltaTable | None:
        path = self.path(table)
        if is_table(path):
            found = self.opened(table)
            refuse_foreign(found, table)
            return found
        if path.exists() and any(path.iterdir()):
            msg = f"{path} is no Delta table, and in the way of table {table}; move it"
            raise SetupError(msg)
        return None

    def _widen(self, table: TableName, schema: pa.Schema) -> None:
        found = self._found(table)
        held = pa.schema([]) if found is None else _schema_of(found)
        grown = widened(held, schema, table)
        if found is None:
            self._create(table, grown)
        elif not grown.equals(held):
            added = new_columns(held, grown)
            found.alter.add_columns(self._engine.Schema.from_arrow(added).fields)
        # Most tables have one schema, which is large: one is enough to keep.
        self._schemas[table] = schema if grown.equals(schema) else grown

    def _create(self, table: TableName, schema: pa.Schema) -> None:
        # Two creators at once would both commit: the rename lets one in.
        make_folder(self._root)
        unfinished = self._root / f".{secrets.token_hex(8)}"
        try:
            said = "Events forwarded from mParticle, one row each."
            self._engine.DeltaTable.create(
                str(unfinished),
                schema,
                name=table,
                description=said,
                configuration={RANGED: ranged_columns(schema)},
            )
            sync_log(unfinished)
            sync(unfinished)
            self._name_table(unfinished, table)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        sync(self._root)

    def _name_table(self, unfinished: Path, table: TableName) -> None:
        try:
            unfinished.rename(self.path(table))
        except OSError as error:
            if not is_table(self.path(table)):
                raise
            raise _OutdatedError from error

    def _load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile]
    ) -> bool:
        found = self._found(table)
        was_repeat = (
            found is not None and found.transaction_version(load_id) is not None
        )
        if not was_repeat:
            footers = {file.uri: read_footer(file.uri) for file in files}
            if found is None or not all(
                covers(_schema_of(found), footer.schema, table)
                for footer in footers.values()
            ):
                for footer in footers.values():
                    self._widen(table, footer.schema)
                raise _OutdatedError
            commit(self._engine, found, load_id, self.path(table), footers)
        self._synced[table] = sync_log(self.path(table), self._synced.get(table, ()))
        return was_repeat

    def _erase(self, table: TableName, places: Sequence[Place]) -> Sequence[str]:
        folder = self.path(table)
        found = self._found(table)
        if found is None or not places:
            return ()
        versions = delete_places(found, self._engine, folder, places)
        self._synced[table] = sync_log(folder, self._synced.get(table, ()))
        return versions

    def _maintain(self, table: TableName, work: Work) -> Done:
        folder = self.path(table)
        found = self._found(table)
        if found is None:
            return Done()
        done = done_to(found, self._engine, folder, table, work)
        self._synced[table] = sync_log(folder, self._synced.get(table, ()))
        return done


class _OutdatedError(Exception):
    """
    The table is no longer what it was when it was looked at: look again.
    """


def _schema_of(found: DeltaTable) -> pa.Schema:
    return pa.schema(found.schema().to_arrow())
