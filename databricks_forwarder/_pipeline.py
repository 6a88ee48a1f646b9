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

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._announcing import announce
from databricks_forwarder._backoff import gives_up, is_foreseen
from databricks_forwarder._breadth import side_by_side
from databricks_forwarder._carried import BEAT, CarriedLoad
from databricks_forwarder._chunks import count_keys, write_rows
from databricks_forwarder._leftovers import discard, sweep
from databricks_forwarder._loading import (
    by_failures,
    may_be_moved,
    set_aside,
    try_tables,
)
from databricks_forwarder._progress import Staging, routes_note
from databricks_forwarder._reports import broken_off_report, carried_report
from databricks_forwarder._routes import ask
from databricks_forwarder._scratch import load_folder
from databricks_forwarder._setbacks import forget_setback, note_setback
from databricks_forwarder._suppressed import suppressions_of
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder._table_files import TableFiles
from databricks_forwarder.abilities import GroupingRouter, LearningRouter, SideBySide
from databricks_forwarder.errors import ForwarderError
from databricks_forwarder.mparticle.keys import KeyMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from databricks_forwarder._progress import Routes, TableStaging
    from databricks_forwarder._telling import Teller
    from databricks_forwarder.model import (
        LoadReport,
        LoadResult,
        ParquetFile,
        StagedFile,
        Table,
        TableName,
    )
    from databricks_forwarder.protocols import Batcher, Clock, Loader, Router, Stager
    from databricks_forwarder.settings import UploadPolicy

__all__ = ["Pipeline"]

_T = TypeVar("_T")
_R = TypeVar("_R")


@attrs.define(kw_only=True)
class Pipeline:
    """
    Carries loads from a batcher to a destination; holds no state of its own.

    Attributes:
        common: Where an event goes that the router leaves out.
        teller: Tells observers what happens.
        scratch: Folder for files in the making; this batcher's alone.
    """

    batcher: Batcher
    router: Router
    stager: Stager
    loader: Loader
    common: Table
    clock: Clock
    teller: Teller
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
        load = CarriedLoad.of(lease, self.batcher, self.clock, self.teller)
        with load.told.until_settled():
            report = self._tried(load)
        load.told.settled(report)
        if not report.is_parked:
            discard(load.id, self.stager, self.scratch, self.teller)
        return report

    def _tried(self, load: CarriedLoad) -> LoadReport:
        try:
            return self._carry(load)
        except Exception as error:
            if is_foreseen(error) or not gives_up(error, load.failed("load")):
                note_setback(load, error, at=self.clock.now())
                raise
            return self._park_whole(load, error)

    def _carry(self, load: CarriedLoad) -> LoadReport:
        staging = load.progress.staging
        if staging is None or self._is_astray(load, staging):
            staging = self._stage(load)
        parked = self._load(load, staging)
        at = self.clock.now()
        report = carried_report(load.lease, staging, parked, at=at)
        if report.is_parked:
            return self._parked(load, report)
        if offers(self.router, LearningRouter):
            begun = load.told.begin()
            self.router.loaded(load.id, staging.counts, at=at)
            load.told.counted(begun, staging.counts)
        self.batcher.commit(load.id, report, at=at)
        return report

    def _stage(self, load: CarriedLoad) -> Staging:
        """
        Decode, route, write and stage a load: all of it, under the same names.
        """
        router = self.router
        keys = KeyMaker(router.group if offers(router, GroupingRouter) else None)
        routes = load.progress.routes
        if routes is None:
            begun = load.told.begin()
            counts = count_keys(load.lease, keys)
            routes = ask(router, counts, self.common, at=self.clock.now())
            load.note(routes_note(routes))
            load.told.routed(begun, counts, routes)
        staging = self._written(load, keys, routes)
        load.note_staged(staging)
        return staging

    def _written(self, load: CarriedLoad, keys: KeyMaker, routes: Routes) -> Staging:
        lease, common = load.lease, self.common
        begun = load.told.begin()
        with load_folder(self.scratch, load.id) as folder:
            files = TableFiles(folder, load.id)
            with closing(files):
                tally = write_rows(
                    lease,
                    keys,
                    routes,
                    common,
                    files,
                    beat=load.beat,
                    suppressions=suppressions_of(self.batcher),
                )
                made = files.finish()
            load.told.written(begun, tally, made)
            load.require_same_files(made)
            staged = self._staged(load, made)
            return Staging.of(tally, staged, routes, begun_at=load.begun_at)

    def _staged(
        self, load: CarriedLoad, files: Sequence[ParquetFile]
    ) -> Sequence[StagedFile]:
        stage = load.told.staging(self.stager.stage)
        with closing(_calls(self.stager, stage, files, load)) as calls:
            staged = {file.name: call.result() for file, call in calls}
        return [staged[file.name] for file in files]

    def _load(self, load: CarriedLoad, staging: Staging) -> Mapping[TableName, str]:
        """
        Load each table that is not; a failing one does not hold back others.

        Returns:
            The tables to park, with the reasons.
        """
        waiting = by_failures(load, staging.tables)
        if waiting:
            coming = partial(announce, self.loader, self.router, self.common.name)
            for _, announced in _calls(self, coming, [(staging, waiting)], load):
                announced.result()
        load_table = partial(self._load_table, load)
        calls = _calls(self.loader, load_table, waiting, load)
        tried = try_tables(load, calls, len(waiting))
        return set_aside(load, tried, partial(self._answers, load, staging))

    def _load_table(self, load: CarriedLoad, table: TableStaging) -> LoadResult:
        with load.told.table(table) as facts:
            self.loader.prepare(table.name, schema_of(table.event_type))
            facts.prepared()
            result = self.loader.load(load.id, table.name, table.files)
            return facts.loaded(result)

    def _answers(self, load: CarriedLoad, staging: Staging) -> bool:
        """
        Whether the destination is there: it repeats what changes nothing.
        """
        loaded = (each for each in staging.tables if load.progress.loaded(each.name))
        for table in loaded:
            try:
                self.loader.prepare(table.name, schema_of(table.event_type))
                self.loader.load(load.id, table.name, table.files)
            except ForwarderError:
                return False
            return True
        return False

    def _park_whole(self, load: CarriedLoad, error: Exception) -> LoadReport:
        """
        Set the whole load aside; what of it is loaded already stays told.
        """
        at = self.clock.now()
        report = broken_off_report(load.lease, load.progress, error, at=at)
        return self._parked(load, report)

    def _parked(self, load: CarriedLoad, report: LoadReport) -> LoadReport:
        forget_setback(load)
        self.batcher.park(load.id, report, at=report.settled_at)
        return report

    def sweep(self) -> None:
        """
        Discard what is left of this batcher's loads and belongs to none open.
        """
        sweep(self.batcher, self.stager, self.scratch, self.teller)

    def _is_astray(self, load: CarriedLoad, staging: Staging) -> bool:
        """
        Whether files that were noted as staged must be staged again.

        They are gone, or a table has failed so often that they may have been
        moved. Staged again they have the same names and the same rows, but for
        those that were erased since.
        """
        if load.progress.is_outdated:
            return True
        if not staging.tables:
            return False
        return may_be_moved(load, staging) or load.id not in self.stager.staged()


def _calls(
    part: object, call: Callable[[_T], _R], items: Sequence[_T], load: CarriedLoad
) -> Generator[tuple[_T, Future[_R]]]:
    """
    Call a method of *part* for each item, side by side if it gains by that.
    """
    return side_by_side(
        call,
        items,
        breadth=part.breadth if offers(part, SideBySide) else 1,
        beat=load.beat,
        beat_seconds=BEAT.total_seconds(),
    )
