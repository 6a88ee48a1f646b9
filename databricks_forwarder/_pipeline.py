"""
The order of the walk, and nothing but the order.

::

    step  lease ─▶ count keys ─▶ route ─▶ decode, arrange, write ─▶ stage
                                   │                                  │
                                 noted                              noted
          ─▶ load each table ─▶ count ─▶ commit ─▶ discard
                  │
                noted

A step carries one load. It may die anywhere and be done again, by anyone:
what was noted is held to, what was not is done anew under the same names.

1. The lease fixes the load's id and records; the routes are noted before the
   first file is staged; the files are noted before the first is loaded.
2. Loading a table again changes nothing, so a table whose note was lost in a
   crash is simply loaded again.
3. Counts before commit, commit before discard. What a crash leaves staged or
   half-written is swept at the next start.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import attrs

from databricks_forwarder._backoff import (
    MAX_TABLE_ATTEMPTS,
    gives_up,
    is_foreseen,
    sentence,
    table_gives_up,
)
from databricks_forwarder._breadth import side_by_side
from databricks_forwarder._chunks import count_keys, write_rows
from databricks_forwarder._disk import disk_errors
from databricks_forwarder._parquet import TableFiles
from databricks_forwarder._progress import (
    Progress,
    Staging,
    TableStaging,
    failure_note,
    loaded_note,
    routes_note,
    staging_note,
)
from databricks_forwarder._routes import ask
from databricks_forwarder._rows import schema_of
from databricks_forwarder.errors import (
    ConfigurationError,
    ForwarderError,
    LeaseLostError,
    PermanentError,
    SetupError,
    TransientError,
)
from databricks_forwarder.model import Account, LoadReport, TableReport
from databricks_forwarder.mparticle.keys import KeyMaker
from databricks_forwarder.protocols import (
    GroupingRouter,
    LearningRouter,
    SideBySide,
    SurveyingLoader,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from databricks_forwarder.model import (
        Lease,
        LoadId,
        LoadResult,
        ParquetFile,
        StagedFile,
        Table,
    )
    from databricks_forwarder.protocols import Batcher, Clock, Loader, Router, Stager
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["Pipeline"]

_log = logging.getLogger("databricks_forwarder")

_T = TypeVar("_T")
_R = TypeVar("_R")

# Failures of a table after which its files are staged again, once.
_ASTRAY_AFTER = 3

# Tables that fail, before any comes through, after which a try is broken off:
# each costs a try of all its retries.
_AWAY_AFTER = 16

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")

# Well below the shortest lease that makes sense.
_BEAT = timedelta(minutes=1)


@attrs.define(kw_only=True)
class Pipeline:
    """
    Carries loads from a batcher to a destination; holds no state of its own.

    Attributes:
        common: Where an event goes that the router leaves out.
        scratch: Folder for files in the making; this batcher's alone.
    """

    batcher: Batcher
    router: Router
    stager: Stager
    loader: Loader
    common: Table
    clock: Clock
    scratch: Path

    def step(self, policy: UploadPolicy, *, seal: bool = False) -> LoadReport | None:
        """
        Carry the next load.

        Args:
            policy: When a new load is due.
            seal: Whether to take what waits, due or not.

        Returns:
            The report of the load, committed or parked; None if nothing is
            due or another holder carries it.

        Raises:
            ForwarderError: The load stays open, to be carried again.
        """
        lease = self.batcher.lease(policy, at=self.clock.now(), seal=seal)
        if lease is None:
            return None
        _require_plain(lease.load_id)
        progress = Progress(dict(lease.notes))
        try:
            return self._carry(lease, progress)
        except LeaseLostError:
            raise
        except Exception as error:
            if is_foreseen(error):
                raise
            if not gives_up(error, self._failed(lease, progress, "load")):
                raise
            return self._park(lease, progress, error)

    def sweep(self) -> None:
        """
        Discard what is left of this batcher's loads and belongs to none open.
        """
        # Looked for before the loads are: another holder may be at work, and
        # what it begins meanwhile must not be taken for a leftover.
        folders = list(self.scratch.glob("*"))
        staged = list(self.stager.staged())
        status = self.batcher.status()
        kept = {*status.open_load_ids, *status.parked_load_ids}
        for folder in folders:
            if folder.stem not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        for load_id in staged:
            if load_id.startswith(f"{self.batcher.id}-") and load_id not in kept:
                _log.info("discarding leftovers of load %s", load_id)
                self._discard(load_id)

    def _carry(self, lease: Lease, progress: Progress) -> LoadReport:
        staging = progress.staging
        if staging is None or self._is_astray(lease, staging, progress):
            staging = self._stage(lease, progress)
        tables = self._load(lease, staging, progress)
        report = self._report(lease, staging, tables)
        if report.is_parked:
            self.batcher.park(lease.load_id, report, at=report.settled_at)
            return report
        if isinstance(self.router, LearningRouter):
            self.router.loaded(lease.load_id, staging.counts, at=report.settled_at)
        self.batcher.commit(lease.load_id, report, at=report.settled_at)
        _log.info(
            "load %s is done: %d of %d messages in %d tables",
            lease.load_id,
            report.account.loaded,
            report.account.received,
            len(report.tables),
        )
        self._discard(lease.load_id)
        return report

    def _is_astray(self, lease: Lease, staging: Staging, progress: Progress) -> bool:
        """
        Whether files that were noted as staged must be staged again.

        They are gone, or a table has failed so often that they may have been
        moved. Staged again they have the same names and the same rows.
        """
        if not staging.tables:
            return False
        failures = (progress.failures(f"table/{each.name}") for each in staging.tables)
        return _ASTRAY_AFTER in failures or lease.load_id not in self.stager.staged()

    def _stage(self, lease: Lease, progress: Progress) -> Staging:
        router, routes = self.router, progress.routes
        keys = KeyMaker(router.group if isinstance(router, GroupingRouter) else None)
        if routes is None:
            counts = count_keys(lease, keys)
            routes = ask(self.router, counts, self.common, at=self.clock.now())
            self._note(lease, progress, routes_note(routes))
        beat = self._heart(lease)
        with self._folder(lease.load_id) as folder:
            files = TableFiles(folder, lease.load_id)
            with closing(files):
                tally = write_rows(lease, keys, routes, self.common, files, beat=beat)
                made = files.finish()
            staged = self._staged(made, beat)
        staging = Staging.of(tally, staged, routes)
        _require_same_files(lease.load_id, progress, staging)
        self._note(lease, progress, staging_note(staging))
        return staging

    def _staged(
        self, files: Sequence[ParquetFile], beat: Callable[[], None]
    ) -> Sequence[StagedFile]:
        with closing(_calls(self.stager, self.stager.stage, files, beat)) as done:
            staged = {file.name: each.result() for file, each in done}
        return [staged[file.name] for file in files]

    def _heart(self, lease: Lease) -> Callable[[], None]:
        """
        What keeps the lease alive while nothing else is noted.
        """
        last = self.clock.now()

        def beat() -> None:
            nonlocal last
            if self.clock.now() - last >= _BEAT:
                last = self.clock.now()
                self.batcher.note(lease.load_id, "alive", last.isoformat(), at=last)

        return beat

    def _load(
        self, lease: Lease, staging: Staging, progress: Progress
    ) -> Sequence[TableReport]:
        """
        Load each table that is not; a failing one does not hold back others.
        """
        failed, came_through, is_away = self._load_tables(lease, staging, progress)
        # All are counted before the first is raised again.
        counts = [
            self._failed(lease, progress, f"table/{table.name}") for table, _ in failed
        ]
        others_load = came_through > 0 or (
            max(counts, default=0) >= MAX_TABLE_ATTEMPTS
            and self._answers(lease, staging, progress)
        )
        for (_, reason), count in zip(failed, counts, strict=True):
            if is_away or not table_gives_up(reason, count, others_load=others_load):
                raise reason
        reasons = {table.name: str(reason) for table, reason in failed}
        return tuple(
            _table_report(table, reasons.get(table.name))
            for table in sorted(staging.tables, key=lambda table: table.name)
        )

    def _load_tables(
        self, lease: Lease, staging: Staging, progress: Progress
    ) -> tuple[Sequence[tuple[TableStaging, Exception]], int, bool]:
        """
        Load the tables that are not, some side by side, and note each.

        Returns:
            Those that failed, with their errors; how many came through; and
            whether the rest was left because the destination seems away.
        """
        waiting = [each for each in staging.tables if not progress.loaded(each.name)]
        # What has failed least comes first: who is left out is tried next time.
        waiting.sort(key=lambda table: progress.failures(f"table/{table.name}"))
        loader, beat = self.loader, self._heart(lease)
        if waiting and isinstance(loader, SurveyingLoader):
            names = [table.name for table in waiting]
            for _, surveyed in _calls(loader, loader.survey, [names], beat):
                surveyed.result()

        def load(table: TableStaging) -> LoadResult:
            return self._load_table(lease.load_id, table)

        failed: list[tuple[TableStaging, Exception]] = []
        came_through = 0
        with closing(_calls(loader, load, waiting, beat)) as done:
            for table, each in done:
                try:
                    result = each.result()
                except (TransientError, SetupError, PermanentError) as error:  # noqa: PERF203  # each table fails alone
                    failed.append((table, error))
                    if len(failed) == _AWAY_AFTER and not came_through:
                        break
                else:
                    self._note(lease, progress, loaded_note(table.name, result))
                    came_through += 1
        is_away = len(failed) + came_through < len(waiting)
        return failed, came_through, is_away

    def _load_table(self, load_id: LoadId, table: TableStaging) -> LoadResult:
        self.loader.prepare(table.name, schema_of(table.event_type))
        return self.loader.load(load_id, table.name, table.files)

    def _answers(self, lease: Lease, staging: Staging, progress: Progress) -> bool:
        """
        Whether the destination is there: it repeats what changes nothing.
        """
        for table in staging.tables:
            if progress.loaded(table.name) is not None:
                try:
                    self._load_table(lease.load_id, table)
                except ForwarderError:
                    return False
                return True
        return False

    def _report(
        self, lease: Lease, staging: Staging, tables: Sequence[TableReport]
    ) -> LoadReport:
        loaded = sum(each.row_count for each in tables if each.state == "loaded")
        parked = sum(each.row_count for each in tables if each.state == "parked")
        dead = sum(letter.message_count for letter in staging.dead)
        return LoadReport(
            load_id=lease.load_id,
            offsets=lease.offsets,
            attempt=lease.attempt,
            settled_at=self.clock.now(),
            account=Account(
                received=lease.message_count,
                loaded=loaded,
                dead=0 if parked else dead,
                dropped=staging.dropped,
                pending=parked + dead if parked else 0,
            ),
            tables=tables,
            dead=staging.dead,
            rescued_row_count=staging.rescued_row_count,
        )

    def _park(self, lease: Lease, progress: Progress, error: Exception) -> LoadReport:
        """
        Set the whole load aside; what of it is loaded already stays told.
        """
        at = self.clock.now()
        staging = progress.staging or Staging()
        tables = [table for table in staging.tables if progress.loaded(table.name)]
        loaded = sum(table.row_count for table in tables)
        report = LoadReport(
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
        )
        self.batcher.park(lease.load_id, report, at=at)
        return report

    def _failed(self, lease: Lease, progress: Progress, what: str) -> int:
        """
        Count a failure, and say how many there were since the load was taken up.
        """
        earlier = 0 if lease.attempt == 1 else progress.failures(what)
        self._note(lease, progress, failure_note(what, earlier + 1))
        return earlier + 1

    def _note(self, lease: Lease, progress: Progress, note: tuple[str, str]) -> None:
        self.batcher.note(lease.load_id, *note, at=self.clock.now())
        progress.keep(note)

    @contextmanager
    def _folder(self, load_id: LoadId) -> Iterator[Path]:
        """
        An empty folder for the load's files in the making, removed after.
        """
        # Another holder may be at work on the same load, its lease expired: each
        # has a folder of its own.
        folder = self.scratch / f"{load_id}.{secrets.token_hex(4)}"
        with disk_errors(f"writing the files of load {load_id} in {folder}"):
            folder.mkdir(parents=True)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _discard(self, load_id: LoadId) -> None:
        """
        Remove what is staged of a load; what stays is swept at the next start.
        """
        try:
            self.stager.discard(load_id)
        except ForwarderError as error:
            _log.warning("staged files of load %s stay for now: %s", load_id, error)


def _calls(
    part: object,
    call: Callable[[_T], _R],
    items: Sequence[_T],
    beat: Callable[[], None],
) -> Generator[tuple[_T, Future[_R]]]:
    """
    Call a method of *part* for each item, side by side if it gains by that.
    """
    return side_by_side(
        call,
        items,
        breadth=part.breadth if isinstance(part, SideBySide) else 1,
        beat=beat,
        beat_seconds=_BEAT.total_seconds(),
    )


def _require_same_files(load_id: LoadId, progress: Progress, again: Staging) -> None:
    """
    See that what is staged again is what was staged before, file by file.

    A table may have been loaded with the earlier files, and its answer lost:
    other files would be other rows to it.
    """
    earlier = {} if progress.staging is None else progress.staging.files
    for table, files in again.files.items():
        if progress.loaded(table) is None and earlier.get(table, files) != files:
            msg = (
                f"table {table} of load {load_id} was staged as other files before, by "
                "other rules of how files are cut; see whether its rows are there "
                "before it is carried on"
            )
            raise PermanentError(msg)


def _require_plain(load_id: LoadId) -> None:
    """
    See that an id can name a folder; our own batchers give no others.
    """
    if not _PLAIN.fullmatch(load_id):
        msg = (
            f"load id {load_id!r} can't name a folder; a batcher names its loads "
            "<id>-<first>-<last>, of letters, digits and hyphens"
        )
        raise ConfigurationError(msg)


def _table_report(table: TableStaging, reason: str | None = None) -> TableReport:
    return TableReport(
        table=table.name,
        row_count=table.row_count,
        file_count=len(table.files),
        size_bytes=sum(file.size_bytes for file in table.files),
        state="loaded" if reason is None else "parked",
        reason=reason,
    )
