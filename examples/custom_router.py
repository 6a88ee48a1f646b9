"""
Send each tenant's events to a table of the tenant's own.

No event key knows a batch's attributes. So the router names the group of a
batch, and finds it in the keys that it is asked for.

The names are given by event counts, which never give one name to two owners:
"Acme Inc" and "acme-inc" would else be one table.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from databricks_forwarder import Forwarder
from databricks_forwarder.counts.sqlite import SqliteEventCounts
from databricks_forwarder.model import EventKey, Table
from databricks_forwarder.mparticle.batch import Batch
from databricks_forwarder.mparticle.names import candidates
from databricks_forwarder.protocols import EventCounts
from databricks_forwarder.testing.payloads import make_event, make_payload

Tables = Mapping[EventKey, Table | None]


class TenantRouter:
    def __init__(self, names: EventCounts) -> None:
        self._names = names

    def group(self, batch: Batch) -> str | None:
        return str((batch.user_attributes or {}).get("tenant") or "") or None

    def route(self, counts: Mapping[EventKey, int], /, *, at: datetime) -> Tables:  # noqa: ARG002 (a name holds at any time)
        return _tables(counts, self._names.give)

    def preview(self, counts: Mapping[EventKey, int], /, *, at: datetime) -> Tables:  # noqa: ARG002 (so does one to come)
        return _tables(counts, self._names.propose)


def _tables(keys: Mapping[EventKey, int], ask: Callable[[Any], Any]) -> Tables:
    tenants = {
        f"tenant:{key.group}": f"{key.group}_events" for key in keys if key.group
    }
    names = ask({each: candidates(tenants[each], each) for each in sorted(tenants)})
    return {
        key: None
        if key.event_type == "breadcrumb"
        else Table(names[f"tenant:{key.group}"])
        for key in keys
        if key.group
    }


PAYLOADS = [
    make_payload(make_event(), make_event(), user_attributes={"tenant": "acme"}),
    make_payload(make_event("screen_view"), user_attributes={"tenant": "globex"}),
    make_payload(make_event("breadcrumb"), user_attributes={"tenant": "globex"}),
    make_payload(make_event("session_start")),
]


def main(folder: Path) -> int:
    router = TenantRouter(SqliteEventCounts(folder / "names.db"))
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
