"""
Facts as traces of OpenTelemetry: one for each try of a load.

::

    load ─┬─ route
          ├─ write
          ├─ stage            one a file
          ├─ table            one a table, linked to the spans of its files
          │   ├─ prepare
          │   └─ COPY INTO …  one a statement, with the statement's id
          └─ count

A span is made when its fact is told, with the times that the fact has; only a
load and its tables have theirs begun before. If the thread that carries a load
is in a span of the host's, the load's is a child of that.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder import facts
from databricks_forwarder.observers._instruments import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext, Tracer

    from databricks_forwarder.facts import Fact, LoadFact
    from databricks_forwarder.model import LoadId, TableName

__all__ = ["Traces"]

# Of one forwarder one load is carried at a time; one whose end is never told
# must not be kept for ever.
_MOST_LOADS = 64

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


@attrs.define
class _OpenLoad:
    """
    A load whose end was not told yet.

    Attributes:
        tables: Spans of tables that are being loaded.
        files: Of each table the spans of its files.
    """

    span: Span
    context: Context
    tables: dict[TableName, tuple[Span, Context]] = attrs.field(factory=dict)
    files: dict[TableName, list[SpanContext]] = attrs.field(factory=dict)


class Traces:
    """
    Makes spans, and keeps those of the loads that are carried.

    Args:
        tracer: Where spans are made.
    """

    def __init__(self, tracer: Tracer) -> None:
        from opentelemetry import trace  # noqa: PLC0415  # an extra's

        self._trace: Any = trace
        self._tracer = tracer
        self._open: dict[LoadId, _OpenLoad] = {}
        self._told: Mapping[type[Fact], Callable[[Any], None]] = {
            facts.LoadLeased: self._leased,
            facts.LoadRouted: self._routed,
            facts.LoadWritten: self._written,
            facts.FileStaged: self._staged,
            facts.TableBegun: self._begun,
            facts.TablePrepared: self._prepared,
            facts.StatementRan: self._ran,
            facts.TableLoaded: self._loaded,
            facts.TableFailed: self._table_failed,
            facts.LoadCounted: self._counted,
            facts.LoadCommitted: self._committed,
            facts.LoadParked: self._parked,
            facts.LoadFailed: self._failed,
        }

    def observe(self, fact: Fact) -> None:
        """
        Make the span of *fact*, or begin or end it.
        """
        told = self._told.get(type(fact))
        if told is not None:
            told(fact)

    def _leased(self, fact: facts.LoadLeased) -> None:
        attributes = {
            "load.id": fact.load_id,
            "load.attempt": fact.attempt,
            "load.first_offset": fact.offsets.first,
            "load.last_offset": fact.offsets.last,
            "load.messages": fact.message_count,
        }
        span = self._tracer.start_span(
            f"{PREFIX}load", attributes=_named(attributes), start_time=_ns(fact.at)
        )
        context = self._trace.set_span_in_context(span)
        self._end(fact.load_id, fact.at)
        self._open[fact.load_id] = _OpenLoad(span, context)
        while len(self._open) > _MOST_LOADS:
            self._end(next(iter(self._open)), fact.at)

    def _routed(self, fact: facts.LoadRouted) -> None:
        self._over(
            "route", fact, {"event_keys": fact.key_count, "tables": fact.table_count}
        )

    def _written(self, fact: facts.LoadWritten) -> None:
        self._over(
            "write",
            fact,
            {
                "files": fact.file_count,
                "rows": fact.row_count,
                "bytes": fact.size_bytes,
                "dead": fact.dead_count,
                "dropped": fact.dropped_count,
                "rescued_rows": fact.rescued_row_count,
            },
        )

    def _staged(self, fact: facts.FileStaged) -> None:
        load = self._open.get(fact.load_id)
        attributes = {
            "table": fact.table,
            "file": fact.file,
            "rows": fact.row_count,
            "bytes": fact.size_bytes,
        }
        span = self._over("stage", fact, attributes)
        if load is not None and span is not None:
            load.files.setdefault(fact.table, []).append(span.get_span_context())

    def _begun(self, fact: facts.TableBegun) -> None:
        load = self._open.get(fact.load_id)
        if load is None:
            return
        about = {"table": fact.table, "files": fact.file_count, "rows": fact.row_count}
        span = self._tracer.start_span(
            f"{PREFIX}table",
            load.context,
            attributes=_named(about),
            links=[self._trace.Link(each) for each in load.files.get(fact.table, ())],
            start_time=_ns(fact.at),
        )
        load.tables[fact.table] = span, self._trace.set_span_in_context(span)

    def _prepared(self, fact: facts.TablePrepared) -> None:
        self._over("prepare", fact, {}, fact.table)

    def _ran(self, fact: facts.StatementRan) -> None:
        context = self._context(fact, fact.table)
        if context is None:
            return
        target = "" if fact.table is None else f" {fact.table}"
        attributes = {
            "db.system.name": "databricks",
            "db.operation.name": fact.operation,
            "db.query.summary": f"{fact.operation}{target}",
            **({} if fact.table is None else {"db.collection.name": fact.table}),
            **_named(
                {} if fact.statement_id is None else {"statement.id": fact.statement_id}
            ),
        }
        span = self._tracer.start_span(
            f"{fact.operation}{target}",
            context,
            kind=self._trace.SpanKind.CLIENT,
            attributes=attributes,
            start_time=_ns(fact.at, fact.seconds),
        )
        if fact.error is not None:
            self._fail(span, fact.error, fact.error)
        span.end(_ns(fact.at))

    def _loaded(self, fact: facts.TableLoaded) -> None:
        self._end_table(fact, {"was_repeat": fact.was_repeat})

    def _table_failed(self, fact: facts.TableFailed) -> None:
        self._end_table(fact, {}, (fact.error, fact.message))

    def _counted(self, fact: facts.LoadCounted) -> None:
        self._over("count", fact, {"messages": fact.message_count})

    def _committed(self, fact: facts.LoadCommitted) -> None:
        self._end(
            fact.load_id,
            fact.at,
            {
                "load.outcome": "committed",
                "load.loaded": fact.loaded,
                "load.dead": fact.dead,
                "load.dropped": fact.dropped,
            },
        )

    def _parked(self, fact: facts.LoadParked) -> None:
        attributes = {"load.outcome": "parked", "load.pending": fact.pending}
        self._end(fact.load_id, fact.at, attributes, ("parked", fact.message))

    def _failed(self, fact: facts.LoadFailed) -> None:
        error = (fact.error, fact.message)
        self._end(fact.load_id, fact.at, {"load.outcome": "failed"}, error)

    def _context(self, fact: LoadFact, table: TableName | None) -> Context | None:
        """
        Of whom a span is a child: of the table if it is begun, else of the load.
        """
        load = self._open.get(fact.load_id)
        if load is None:
            return None
        if table is not None and table in load.tables:
            return load.tables[table][1]
        return load.context

    def _over(
        self,
        name: str,
        fact: Any,
        attributes: Mapping[str, Any],
        table: TableName | None = None,
    ) -> Span | None:
        """
        Make the whole span of something that is over.
        """
        context = self._context(fact, table)
        if context is None:
            return None
        span = self._tracer.start_span(
            PREFIX + name,
            context,
            attributes=_named(attributes),
            start_time=_ns(fact.at, fact.seconds),
        )
        span.end(_ns(fact.at))
        return span

    def _end_table(
        self,
        fact: facts.TableLoaded | facts.TableFailed,
        attributes: Mapping[str, Any],
        error: tuple[str, str] | None = None,
    ) -> None:
        load = self._open.get(fact.load_id)
        if load is None or fact.table not in load.tables:
            return
        span, _ = load.tables.pop(fact.table)
        span.set_attributes(_named(attributes))
        if error is not None:
            self._fail(span, *error)
        span.end(_ns(fact.at))

    def _end(
        self,
        load_id: LoadId,
        at: datetime,
        attributes: Mapping[str, Any] | None = None,
        error: tuple[str, str] | None = None,
    ) -> None:
        load = self._open.pop(load_id, None)
        if load is None:
            return
        for span, _ in list(load.tables.values()):
            span.end(_ns(at))
        load.span.set_attributes(_named(attributes or {}))
        if error is not None:
            self._fail(load.span, *error)
        load.span.end(_ns(at))

    def _fail(self, span: Span, error: str, message: str) -> None:
        span.set_attribute("error.type", error)
        span.set_status(self._trace.StatusCode.ERROR, message)


def _named(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {PREFIX + name: value for name, value in attributes.items()}


def _ns(at: datetime, seconds_before: float = 0.0) -> int:
    """
    Nanoseconds since 1970, of a moment or of so many seconds before.
    """
    return (at - _EPOCH) // _MICROSECOND * 1000 - round(seconds_before * 1e9)
