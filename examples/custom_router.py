"""
Send each tenant's events to a table of the tenant's own.

No event key knows a batch's attributes. So the router names the group of a
batch, and finds it in the keys that it is asked for.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from databricks_forwarder import Forwarder
from databricks_forwarder.model import EventKey
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.mparticle.names import normalise
from databricks_forwarder.routers.function import Answer, FunctionRouter
from databricks_forwarder.testing.payloads import make_event, make_payload


def tenant(batch: Batch) -> str | None:
    return str((batch.user_attributes or {}).get("tenant") or "") or None


def table(key: EventKey) -> Answer:
    if key.event_type == "breadcrumb":
        return FunctionRouter.DROP
    return f"{normalise(key.group)}_events" if key.group else None  # common


PAYLOADS = [
    make_payload(make_event(), make_event(), user_attributes={"tenant": "acme"}),
    make_payload(make_event("screen_view"), user_attributes={"tenant": "globex"}),
    make_payload(make_event("breadcrumb"), user_attributes={"tenant": "globex"}),
    make_payload(make_event("session_start")),
]


def main(folder: Path) -> int:
    router = FunctionRouter(table, group=tenant)
    spool = folder / "spool.db"
    with Forwarder.for_lake(folder / "lake", spool=spool, router=router) as forwarder:
        plan = forwarder.plan(PAYLOADS)
        for planned in plan.tables:
            print(f"plan: {planned.table} would get {planned.message_count}")
        print(f"plan: {plan.dropped} would be dropped")

        forwarder.submit_many(PAYLOADS)
        (report,) = forwarder.flush()
    for each in report.tables:
        print(f"done: {each.table} got {each.row_count}")
    print(report.account)
    return 0 if report.account.is_balanced else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(Path(place)))
