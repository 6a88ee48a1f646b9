"""
Give the tables of frequent events names of one's own.

The threshold stays in charge of which kinds get a table; only what a table is
named after is the function's. What can't be a name, and what two kinds would
both be named, is seen to behind it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from databricks_forwarder import Forwarder
from databricks_forwarder.model import EventKind
from databricks_forwarder.testing.payloads import make_event, make_payload

TEAMS = {"Order Completed": "sales", "Cart Viewed": "sales", "Ad Clicked": "growth"}


def by_team(kind: EventKind) -> str:
    if kind.event_name is None:
        return f"app_{kind.event_type or 'no_event'}"
    return f"{TEAMS.get(kind.event_name, 'other')}_{kind.event_name}"


EVENTS = [
    make_event(event_name="Order Completed"),
    make_event(event_name="order completed"),
    make_event(event_name="Ad Clicked", custom_event_type="social"),
    make_event(event_name="Ad Clicked", custom_event_type="navigation"),
    make_event("screen_view"),
]


def main(folder: Path) -> int:
    with Forwarder.for_lake(
        folder / "lake",
        spool=folder / "spool.db",
        naming=by_team,
        events_threshold=1,
    ) as forwarder:
        forwarder.submit(make_payload(*EVENTS))
        (report,) = forwarder.flush()
    for each in report.tables:
        print(f"{each.table} got {each.row_count}")
    return 0 if report.account.is_balanced else 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(Path(place)))
