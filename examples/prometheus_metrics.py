"""
Forward into a local lake, and serve what is measured under ``/metrics``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.request import urlopen

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import start_http_server

from databricks_forwarder import Forwarder
from databricks_forwarder.observers.opentelemetry import OpenTelemetryObserver
from databricks_forwarder.testing.payloads import sample_batches, sample_paths

SHOWN = (
    "databricks_forwarder_messages_appended_total{",
    "databricks_forwarder_messages_pending{",
    "databricks_forwarder_loads_settled_total{",
)


def main(lake: Path) -> int:
    provider = MeterProvider(metric_readers=[PrometheusMetricReader()])
    # A service has a port of its own here: 9464 is usual.
    server, thread = start_http_server(port=0, addr="127.0.0.1")
    observer = OpenTelemetryObserver(meter_provider=provider)
    with Forwarder.for_lake(lake, spool=lake / "spool.db", observer=observer) as it:
        for path in sample_paths():
            it.submit_many(sample_batches(path))
        it.flush()
        with urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as reply:
            lines = reply.read().decode().splitlines()
    for line in lines:
        if line.startswith(SHOWN):
            name, _, rest = line.partition("{")
            labels, _, value = rest.rpartition("} ")
            own = [each for each in labels.split(",") if "otel_scope" not in each]
            print(name, *own, value)
    server.shutdown()
    thread.join()
    provider.shutdown()
    return 0 if lines else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if sys.argv[1:] else "lake")))
