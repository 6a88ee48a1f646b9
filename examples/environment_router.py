"""
Keep the events of development builds away from those of production.

The environment is part of the event key, so a function of the key is enough.
What it leaves open is routed as usual, by the threshold.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from databricks_forwarder import Forwarder
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.model import EventKey
from databricks_forwarder.protocols import EventCounts
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.routers.first_match import FirstMatch
from databricks_forwarder.routers.function import Answer, FunctionRouter
from databricks_forwarder.testing.payloads import make_event, make_payload


def by_environment(key: EventKey) -> Answer:
    if key.environment != "development":
        return None  # production, and what does not say: as usual
    return FunctionRouter.DROP if key.event_type == "breadcrumb" else "sandbox"


def environment_router(counts: EventCounts) -> FirstMatch:
    usual = default_router(counts, schema_name="shop", events_threshold=2)
    return FirstMatch(FunctionRouter(by_environment), usual)


VIEW = make_event("screen_view")
PAYLOADS = [
    make_payload(VIEW, VIEW, make_event("first_run")),
    make_payload(VIEW, environment="development"),
    make_payload(make_event("breadcrumb"), environment="development"),
]


def main(folder: Path) -> int:
    counts = SqliteEventCounts(folder / "counts.db")
    router, spool = environment_router(counts), folder / "spool.db"
    with Forwarder.for_lake(
        folder / "lake", spool=spool, schema_name="shop", router=router
    ) as forwarder:
        forwarder.submit_many(PAYLOADS)
        (report,) = forwarder.flush()
    for each in report.tables:
        print(f"{each.table} got {each.row_count}")
    print(report.account)
    return 0 if report.account.is_balanced else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(Path(place)))
