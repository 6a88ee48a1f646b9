"""
The same tables by Spark, for those who outgrow hosts.

`event_rows` turns a DataFrame of payloads into rows, with the decoding and the
columns of the walk; `write_tables` makes the function for ``foreachBatch`` that
routes them and appends them to their tables. There is no spool: the source is
read again, and Spark's checkpoint says how far it was read.

1. A micro-batch is a load. Its id is the query's id and the number of the
   micro-batch, so it has the same one when Spark repeats it.
2. Its routes are kept before the first row is written, and held to when it is
   repeated, whatever the router has learnt meanwhile.
3. Each table is written once a load: in a Delta table by the transaction that
   the load's id names, in a plain folder because the load's own folder in it is
   written anew.
4. A payload that can't be forwarded is a row of the table of dead letters.

Sources: Databricks, "Use foreachBatch to write to arbitrary data sinks", and
"Enable idempotent writes across jobs" (``txnAppId``, ``txnVersion``), read
2026-11-25; Apache Spark, `MicroBatchExecution`: a query's offsets, and the time
that ``current_timestamp`` tells in it, are written down before a micro-batch is
begun.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._breadth import side_by_side
from databricks_forwarder._clock import SystemClock
from databricks_forwarder._spark import frames
from databricks_forwarder._spark.loads import (
    Names,
    SparkLoad,
    SparkLoadReport,
    loaded_counts,
    note_of,
    report_of,
    routes_for,
    routes_in,
    shares,
)
from databricks_forwarder._spark.rows import Reading, column_list, row_schema
from databricks_forwarder._spark.tables import DeltaTables, FolderTables, SparkTables
from databricks_forwarder.abilities import LearningRouter
from databricks_forwarder.loaders._delta_files import folder_name
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import Column, DataFrame

    from databricks_forwarder._progress import Routes
    from databricks_forwarder._spark.loads import Counted, Share
    from databricks_forwarder.mparticle.batch import Batch
    from databricks_forwarder.protocols import Clock, Router

__all__ = [
    "DeltaTables",
    "FolderTables",
    "SparkLoad",
    "SparkLoadReport",
    "SparkTables",
    "event_rows",
    "write_tables",
]

_log = logging.getLogger("databricks_forwarder")

_BEAT_SECONDS = 60.0


def event_rows(  # noqa: PLR0913  # what differs between sources, by keyword
    payloads: DataFrame,
    column: Column | str = "value",
    *,
    received_at: Column | str | None = None,
    offset: Column | str | None = None,
    group: Callable[[Batch], str | None] | None = None,
    max_payload_bytes: int = 8 * 2**20,
) -> DataFrame:
    """
    Turn payloads into rows: one for each event, as the walk would write it.

    Args:
        payloads: One mParticle batch a row, of a streaming query or not.
        column: The payload: JSON, ``BINARY`` or ``STRING``.
        received_at: A timestamp, what ``_received_at`` says. By default the
            moment that Spark gives the micro-batch, which stays the same when
            the micro-batch is repeated.
        offset: An integer, what ``_offset`` says: where the payload stands in
            its source. By default null.
        group: What the router's ``group(batch)`` would return, if it has one;
            runs on the executors.
        max_payload_bytes: The most bytes of a payload, inclusive; a larger
            one is a dead letter.

    Returns:
        The columns of a table of all event types, and two for `write_tables`:
        ``_key``, the event key as text, and ``_dead``, null but for a payload
        that can't be forwarded (``message_count``, ``reason``, ``payload``).

    Raises:
        MissingExtraError: PySpark is not installed.
    """
    of = frames.functions()
    moment = of.current_timestamp() if received_at is None else received_at
    place = of.lit(None) if offset is None else offset
    source = payloads.select(
        frames.as_column(column).cast("binary").alias("payload"),
        frames.as_column(moment).cast("timestamp").alias("received_at"),
        frames.as_column(place).cast("bigint").alias("offset"),
    )
    reading = Reading(group=group, max_payload_bytes=max_payload_bytes)
    return source.mapInArrow(reading.rows, column_list(row_schema()))


def write_tables(  # noqa: PLR0913  # settings, all but three by keyword
    router: Router,
    tables: SparkTables,
    notes: str,
    *,
    schema_name: str = "mparticle",
    app_id: str | None = None,
    breadth: int = 4,
    is_kept: bool = True,
    observe: Callable[[SparkLoadReport], object] | None = None,
    clock: Clock | None = None,
) -> Callable[[DataFrame, int], None]:
    """
    Make the function for ``foreachBatch`` that brings rows into their tables.

    It takes rows of `event_rows` and the number of the micro-batch, counts the
    event keys, asks the router once for all of them, and appends to each table.
    When it raises, the query stops; started again from its checkpoint it
    repeats the micro-batch, and what was written of it is not written again.

    Args:
        router: Any router; one that learns is told when all rows are written.
        tables: Where the tables are.
        notes: A folder that Spark can write, of this query's own, such as one
            beside its checkpoint: the routes of the micro-batch at hand are
            kept there.
        schema_name: Names the common table, ``<schema_name>_otherevents``, and
            the table of dead letters, ``<schema_name>_deadletters``.
        app_id: Names the stream of micro-batches; another checkpoint needs
            another name. By default the id of the streaming query, which is
            kept in its checkpoint.
        breadth: How many tables are written at once.
        is_kept: Whether rows are kept (``persist``) until they are written.
            Otherwise each table decodes all payloads again.
        observe: Told of each micro-batch that is done; of one again when Spark
            repeats it.
        clock: For the router.

    Raises:
        MissingExtraError: PySpark is not installed.
        ConfigurationError: No table can have a name made of *schema_name*.
    """
    frames.functions()
    writing = _Writing(
        router=router,
        tables=tables,
        notes=notes,
        names=Names.of(schema_name),
        app_id=app_id,
        breadth=breadth,
        clock=clock or SystemClock(),
    )

    def write(rows: DataFrame, batch_id: int) -> None:
        kept = frames.kept(rows) if is_kept else rows
        try:
            report = writing.carry(kept, batch_id)
        finally:
            if is_kept:
                kept.unpersist()
        _tell(report)
        if observe is not None:
            observe(report)

    return write


@attrs.frozen(kw_only=True)
class _Writing:
    """
    What is the same for all micro-batches of a query.
    """

    router: Router
    tables: SparkTables
    notes: str
    names: Names
    app_id: str | None
    breadth: int
    clock: Clock

    def carry(self, rows: DataFrame, batch_id: int) -> SparkLoadReport:
        """
        Carry a micro-batch into its tables.
        """
        load = SparkLoad(self.app_id or frames.query_id(rows), batch_id)
        counted = frames.counted(rows)
        routes = self._routes(rows, load, counted)
        dealt = shares(counted, routes)
        self._write(rows, load, dealt)
        if counted.letters:
            letters = frames.dead_letters(rows, load)
            self.tables.append(self.names.dead_letters, letters, load)
        if counted.keys and offers(self.router, LearningRouter):
            counts = loaded_counts(counted, routes)
            self.router.loaded(load.id, counts, at=self.clock.now())
        return report_of(load, counted, dealt, self.names)

    def _routes(self, rows: DataFrame, load: SparkLoad, counted: Counted) -> Routes:
        """
        The routes that were kept of the load, or those that the router names now.
        """
        if not counted.keys:
            return {}
        place = f"{self.notes.rstrip('/')}/{folder_name(TableName(load.app_id))}"
        routes = routes_in(frames.notes_at(rows, place), load)
        if routes is None:
            routes = routes_for(self.router, counted, self.names, at=self.clock.now())
            frames.keep_note(rows, place, note_of(load, routes))
        return routes

    def _write(self, rows: DataFrame, load: SparkLoad, dealt: Sequence[Share]) -> None:
        """
        Write the tables, some at once; the first error is raised in the end.
        """

        def append(share: Share) -> None:
            self.tables.append(
                share.table.name, frames.rows_of(rows, share, load), load
            )

        calls = side_by_side(
            append,
            dealt,
            breadth=self.breadth,
            beat=lambda: None,
            beat_seconds=_BEAT_SECONDS,
        )
        for call in [settled for _, settled in calls]:
            call.result()


def _tell(report: SparkLoadReport) -> None:
    account = report.account
    _log.info(
        "load %s is done: %d of %d messages in %d tables, %d dead",
        report.load_id,
        account.loaded,
        account.received,
        len(report.tables),
        account.dead,
    )
