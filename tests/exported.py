"""
What OpenTelemetry's SDK was given by an observer, and would send.
"""

from __future__ import annotations

from typing import Any

import attrs
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from databricks_forwarder.observers.opentelemetry import OpenTelemetryObserver
from databricks_forwarder.protocols import Clock

PREFIX = "databricks_forwarder."


@attrs.define
class Exported:
    """
    An observer with the SDK behind it, in memory.

    Attributes:
        observer: To be given to forwarders.
        tracer_provider: Where its spans go.
    """

    observer: OpenTelemetryObserver
    tracer_provider: TracerProvider
    _reader: InMemoryMetricReader
    _spans: InMemorySpanExporter

    @classmethod
    def made(cls, clock: Clock | None = None, *, with_tables: bool = False) -> Exported:
        """
        Set the SDK up as a host would.
        """
        reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
        tracer_provider = TracerProvider()
        tracer_provider.add_span_processor(SimpleSpanProcessor(spans))
        observer = OpenTelemetryObserver(
            meter_provider=MeterProvider([reader]),
            tracer_provider=tracer_provider,
            with_tables=with_tables,
            clock=clock,
        )
        return cls(observer, tracer_provider, reader, spans)

    def metrics(self) -> dict[str, Any]:
        """
        Read all metrics, name without prefix → what the SDK has of it.
        """
        data = self._reader.get_metrics_data()
        return {
            metric.name.removeprefix(PREFIX): metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> dict[tuple[tuple[str, Any], ...], Any]:
        """
        Read one metric, labels → value; of a histogram → how many, and their sum.
        """
        found = self.metrics().get(name)
        return {
            tuple(sorted(point.attributes.items())): (
                (point.count, point.sum) if hasattr(point, "sum") else point.value
            )
            for point in (found.data.data_points if found else ())
        }

    def value(self, name: str, **labels: str) -> Any:
        """
        Read one value of one metric.
        """
        return self.points(name)[tuple(sorted(labels.items()))]

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """
        List the spans that have ended, all or those of one name.
        """
        return [
            span
            for span in self._spans.get_finished_spans()
            if name in (None, span.name.removeprefix(PREFIX))
        ]

    def text(self) -> str:
        """
        Spell all that would be sent.
        """
        spans = "\n".join(span.to_json() for span in self.spans())
        data = self._reader.get_metrics_data()
        return f"{spans}\n{data.to_json() if data else ''}"


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    """
    The attributes of a span, without the prefix.
    """
    return {
        name.removeprefix(PREFIX): value
        for name, value in (span.attributes or {}).items()
    }


def parent_of(span: ReadableSpan, spans: list[ReadableSpan]) -> ReadableSpan | None:
    """
    Find the parent of a span among *spans*.
    """
    if span.parent is None:
        return None
    (parent,) = [each for each in spans if each.context.span_id == span.parent.span_id]
    return parent
