"""
A local lake: real Delta tables in folders, ``<root>/<table>``.

A staged file becomes a file of its table as it is: linked into the table's
folder (copied where links don't go) and committed with what its footer says,
no row decoded again. The commit carries a transaction named after the load id,
which is how a repeat is known.

What a death leaves at each point:

* before the commit: files in the table's folder that no commit names; readers
  don't see them, and the same load takes them up again;
* after the commit: all rows; the repeat finds the transaction and only sees to
  it that the log survives a loss of power, which the engine leaves to others;
* while a table is being created: a folder with a leading dot. A table gets its
  name when it is whole.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa

from databricks_forwarder._delta_fates import crossed
from databricks_forwarder._disk import disk_error, make_folder, sync
from databricks_forwarder._parquet import read_footer
from databricks_forwarder.errors import (
    ForwarderError,
    MissingExtraError,
    SetupError,
    TransientError,
)
from databricks_forwarder.loaders._counting import counted
from databricks_forwarder.loaders._delta_commit import commit
from databricks_forwarder.loaders._delta_erasing import delete_places
from databricks_forwarder.loaders._delta_files import (
    RANGED,
    folder_name,
    is_table,
    local_folder,
    ranged_columns,
    sync_log,
)
from databricks_forwarder.loaders._delta_foreign import refuse_foreign
from databricks_forwarder.loaders._delta_layout import call_of, done_to, layout_of
from databricks_forwarder.loaders._places import places_in
from databricks_forwarder.loaders._schemas import covers, widened
from databricks_forwarder.loaders._small_files import SmallFileTally
from databricks_forwarder.loaders._trial import trial
from databricks_forwarder.maintenance import Done, TableLayout
from databricks_forwarder.model import (
    Finding,
    LoadId,
    LoadResult,
    RowCount,
    StagedFile,
    TableName,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime
    from types import ModuleType

    from deltalake import DeltaTable

    from databricks_forwarder.erasure import Place
    from databricks_forwarder.maintenance import SmallFiles, Work
    from databricks_forwarder.mparticle.person import Person

__all__ = ["DeltaLoader"]

_T = TypeVar("_T")

# Each try but the last lost against a writer that got on: more of them are
# not met by chance.
_TRIES = 10


class DeltaLoader:
    """
    A loader into Delta tables on the local disk.

    It reads staged files at absolute paths, as `DirectoryStager` gives them,
    and relies on their bytes staying as they are: a file at a URI may be
    removed or replaced, not written in its place.

    Args:
        root: Folder of the tables; made when needed.

    Raises:
        MissingExtraError: The engine is not installed.
        ConfigurationError: The root is no folder that a lake can be in.
    """

    breadth = 2
    """How many tables at once are worth while: most of a commit is waiting."""

    def __init__(self, root: Path | str) -> None:
        self._engine = _engine()
        self._root = local_folder(root)
        # As last seen; a table only ever gets more columns, so what was
        # covered stays covered. `load` looks at the table itself.
        self._schemas: dict[TableName, pa.Schema] = {}
        self._synced: dict[TableName, frozenset[str]] = {}
        self._small = SmallFileTally()

    def path(self, table: TableName) -> Path:
        """
        The folder of *table*, whether it is there or not.
        """
        return self._root / folder_name(table)

    def tables(self) -> Sequence[TableName]:
        """
        The names of the tables that are there, sorted.
        """
        with self._crossing(f"listing the tables in {self._root}"):
            if not self._root.exists():
                return []
            return sorted(
                self._name(folder)
                for folder in self._root.iterdir()
                if is_table(folder) and not folder.name.startswith(".")
            )

    def prepare(self, table: TableName, schema: pa.Schema, /) -> None:
        """
        See that *table* is there and has at least the fields of *schema*.
        """
        held = self._schemas.get(table)
        if held is None or not covers(held, schema, table):
            doing = f"preparing table {table} in {self.path(table)}"
            self._retried(doing, lambda: self._widen(table, schema))

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Make *files* the table's own in one commit; durable when it returns.

        A table or columns that *files* need and that are not there are made.
        """
        if not files:
            return LoadResult(0)
        doing = f"loading {load_id} into table {table} in {self.path(table)}"
        was_repeat = self._retried(doing, lambda: self._load(load_id, table, files))
        if not was_repeat:
            self._small.add(table, files)
        row_count = sum(file.row_count for file in files)
        return LoadResult(row_count, was_repeat=was_repeat)

    def count_rows(
        self, batcher_id: str, tables: Collection[TableName], /
    ) -> Mapping[TableName, Mapping[LoadId, RowCount]]:
        """
        Count the rows of a batcher's loads; three columns of a table are read.
        """
        return {
            table: self._counted(batcher_id, table)
            for table in tables
            if is_table(self.path(table))
        }

    def places(self, person: Person, /) -> Mapping[TableName, Sequence[Place]]:
        """
        Look into every table of the lake; four columns of each are read.
        """
        found = {table: self._places(table, person) for table in self.tables()}
        return {table: places for table, places in found.items() if places}

    def erase(self, table: TableName, places: Sequence[Place], /) -> Sequence[str]:
        """
        Delete rows in one commit or a few; their files are written again.

        The earlier files stay in the table's folder, for who reads an earlier
        version, until the table is vacuumed.
        """
        doing = f"erasing rows of table {table} in {self.path(table)}"
        return self._retried(doing, lambda: self._erase(table, places))

    def layouts(
        self, tables: Collection[TableName] | None = None, /, *, at: datetime
    ) -> Sequence[TableLayout]:
        """
        Read the logs of the tables; no file of rows is opened.
        """
        mark = self._small.mark()
        wanted = self.tables() if tables is None else tables
        seen = [found for each in wanted if (found := self._layout(each)) is not None]
        self._small.learn(seen, mark, tables, at=at)
        return seen

    def statement(self, table: TableName, work: Work, /) -> str | None:
        """
        Spell a call of ``deltalake``; rows are not clustered on a lake.
        """
        return call_of(self.path(table), work)

    def maintain(self, table: TableName, work: Work, /) -> Done:
        """
        Do it in one commit; a vacuum takes nothing that no log names.
        """
        doing = f"maintaining table {table} in {self.path(table)}: {work}"
        return self._retried(doing, lambda: self._maintain(table, work))

    def small_files(self) -> SmallFiles:
        """
        What is known of small files; no log is read.
        """
        return self._small.told()

    def check(self) -> Sequence[Finding]:
        """
        Create, load and remove a table beside the others.
        """
        place = next(
            folder for folder in (self._root, *self._root.parents) if folder.exists()
        )
        findings = []
        try:
            with tempfile.TemporaryDirectory(prefix=".check-", dir=place) as folder:
                findings.append(Finding(f"folder {place}"))
                lake = DeltaLoader(Path(folder) / "lake")
                findings += trial(lake, Path(folder))
        except OSError as error:
            problem = str(disk_error(error, f"making a table in {place}"))
            findings.append(Finding(f"folder {place}", problem))
        return findings

    def _counted(self, batcher_id: str, table: TableName) -> Mapping[LoadId, RowCount]:
        path = self.path(table)
        with self._crossing(f"counting the rows of table {table} in {path}"):
            found = self._engine.DeltaTable(str(path))
            return counted(found.to_pyarrow_dataset(), batcher_id, table)

    def _places(self, table: TableName, person: Person) -> Sequence[Place]:
        path = self.path(table)
        with self._crossing(f"looking for rows in table {table} in {path}"):
            return places_in(
                self._engine.DeltaTable(str(path)).to_pyarrow_dataset(), person
            )

    def _erase(self, table: TableName, places: Sequence[Place]) -> Sequence[str]:
        folder = self.path(table)
        found = self._found(table)
        if found is None or not places:
            return ()
        versions = delete_places(found, self._engine, folder, places)
        self._synced[table] = sync_log(folder, self._synced.get(table, ()))
        return versions

    def _layout(self, table: TableName) -> TableLayout | None:
        try:
            with self._crossing(f"looking at table {table} in {self.path(table)}"):
                return layout_of(self._engine, self.path(table), table)
        except ForwarderError as error:
            return TableLayout(table=table, problem=str(error))

    def _maintain(self, table: TableName, work: Work) -> Done:
        found = self._found(table)
        if found is None:
            return Done()
        done = done_to(found, self._engine, self.path(table), table, work)
        self._synced[table] = sync_log(self.path(table), self._synced.get(table, ()))
        return done

    def _name(self, folder: Path) -> TableName:
        if folder_name(TableName(folder.name)) == folder.name:
            return TableName(folder.name)
        named = self._engine.DeltaTable(str(folder)).metadata().name
        return TableName(named or folder.name)

    def _found(self, table: TableName) -> DeltaTable | None:
        path = self.path(table)
        if is_table(path):
            found: DeltaTable = self._engine.DeltaTable(str(path))
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
            known = set(held)
            added = pa.schema(column for column in grown if column not in known)
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

    def _retried(self, doing: str, step: Callable[[], _T]) -> _T:
        with self._crossing(doing):
            for _ in range(_TRIES):
                with suppress(
                    _OutdatedError, self._engine.exceptions.CommitFailedError
                ):
                    return step()
        msg = f"{doing} failed: other writers came first {_TRIES} times; try again"
        raise TransientError(msg)

    @contextmanager
    def _crossing(self, doing: str) -> Iterator[None]:
        try:
            yield
        except ForwarderError:
            raise
        except Exception as error:
            raise crossed(error, doing) from error


class _OutdatedError(Exception):
    """
    The table is no longer what it was when it was looked at: look again.
    """


def _engine() -> ModuleType:
    try:
        import deltalake  # noqa: PLC0415 (only who makes a lake needs the extra)
    except ImportError as error:
        raise MissingExtraError("the local lake", "lake") from error
    return deltalake


def _schema_of(found: DeltaTable) -> pa.Schema:
    return pa.schema(found.schema().to_arrow())
