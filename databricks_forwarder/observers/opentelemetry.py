"""
Facts as metrics and traces of OpenTelemetry.

Only its interface is needed here; where metrics and traces go is set up by the
host, with the SDK and an exporter. Without that nothing is measured.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from databricks_forwarder._clock import SystemClock
from databricks_forwarder.errors import MissingExtraError
from databricks_forwarder.observers._gauges import Gauges
from databricks_forwarder.observers._metrics import Metrics
from databricks_forwarder.observers._traces import Traces

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from databricks_forwarder._status import Status
    from databricks_forwarder.facts import Fact
    from databricks_forwarder.protocols import Clock

__all__ = ["OpenTelemetryObserver"]

_NAME = "databricks_forwarder"


class OpenTelemetryObserver:
    """
    Counts, measures and traces what it is told.

    Several forwarders may share one: their metrics add up, and of ages the
    worst is shown. To tell them apart, give each its own, with a meter provider
    of its own.

    Args:
        meter_provider: Where metrics go; None for the process's own.
        tracer_provider: Where traces go; None for the process's own.
        with_tables: Whether metrics of tables have the table as a label.
        clock: Tells how long ago something was; None for the system's. The
            forwarder's, if that has another.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """

    def __init__(
        self,
        *,
        meter_provider: MeterProvider | None = None,
        tracer_provider: TracerProvider | None = None,
        with_tables: bool = False,
        clock: Clock | None = None,
    ) -> None:
        try:
            from opentelemetry import metrics, trace  # noqa: PLC0415  # an extra's
        except ImportError as error:
            raise MissingExtraError("observing with OpenTelemetry", "otel") from error
        release = version("databricks-forwarder")
        meter = metrics.get_meter(_NAME, release, meter_provider)
        tracer = trace.get_tracer(_NAME, release, tracer_provider)
        self._gauges = Gauges(clock or SystemClock())
        self._metrics = Metrics(meter, self._gauges, with_tables=with_tables)
        self._traces = Traces(tracer)

    def observe(self, fact: Fact, /) -> None:
        """
        Count, measure and trace what it says.
        """
        self._gauges.observe(fact)
        self._metrics.observe(fact)
        self._traces.observe(fact)

    def watch(self, status: Callable[[], Status | None], /) -> None:
        """
        Read gauges of this forwarder, too.
        """
        self._gauges.watch(status)
