"""
The section that tells what is late, and how long loads take.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, joined, named, table, tag
from databricks_forwarder._report.charts import SMALL, ranges
from databricks_forwarder._report.lately import Latency, latencies
from databricks_forwarder._report.pieces import (
    details,
    figure,
    pairs,
    scrolled,
    section,
)
from databricks_forwarder._report.words import (
    count,
    day,
    moment,
    plural,
    span,
    time_axis,
    utc_day,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databricks_forwarder._report.facts import Facts
    from databricks_forwarder._report.lately import Lately
    from databricks_forwarder.model import LoadReport

__all__ = ["late", "lateness"]

_LATEST = 20

# A scheduler that ticks each minute is not late by a minute.
_PATIENCE = timedelta(minutes=5)


def lateness(facts: Facts) -> timedelta | None:
    """
    By how much a load is overdue; None if none is, or hardly.
    """
    due_at = facts.status.due_at
    if due_at is None or facts.at - due_at < _PATIENCE:
        return None
    return facts.at - due_at


def late(lately: Lately) -> Html:
    """
    What waits, and the three latencies.
    """
    loads = [load for load in lately.loads if load.end_to_end is not None]
    return section(
        "late",
        "What is late",
        tag("p", _verdict(lately.facts), class_="lead"),
        pairs(_standing(lately.facts)),
        _plots(lately, loads) if loads else None,
        _table(loads[::-1][:_LATEST]) if loads else None,
    )


def _verdict(facts: Facts) -> str:
    overdue = lateness(facts)
    status = facts.status
    if overdue is not None:
        return (
            f"A load is overdue by {span(overdue)}: see whether the host still ticks."
        )
    if status.waiting or status.open_load_ids:
        return "Nothing is late: what waits has its load ahead."
    return "Nothing is late: nothing waits."


def _standing(facts: Facts) -> Iterator[tuple[str, object]]:
    status = facts.status
    yield "Waiting", plural(status.waiting, "message")
    if status.oldest_received_at is not None:
        ago = span(facts.at - status.oldest_received_at)
        yield (
            "The oldest",
            joined([f"{ago} old, received ", moment(status.oldest_received_at)]),
        )
    if status.due_at is not None:
        yield "Next load due", moment(status.due_at)
    for name, load_ids in (
        ("Begun and open", status.open_load_ids),
        ("Set aside", status.parked_load_ids),
    ):
        if load_ids:
            yield name, joined(tag("div", named(each)) for each in load_ids)
    if status.destination is not None:
        yield "Destination", status.destination
    if status.last_error is not None:
        yield "Last error", status.last_error


def _plots(lately: Lately, loads: Sequence[LoadReport]) -> Html:
    last = lately.facts.at
    first = min(last - timedelta(days=1), loads[0].settled_at)
    marks = [
        (share, day(utc_day(first + (last - first) * share)))
        for share in (0.1, 0.5, 0.9)
    ]
    plots = (
        tag("div", _plot(latency, marks), class_="cell")
        for latency in latencies(loads, first, last)
    )
    return figure(
        "How long messages were under way, load by load: the first record of each",
        tag("div", *plots, class_="cells"),
    )


def _plot(latency: Latency, marks: Sequence[tuple[float, str]]) -> Html:
    middle = span(timedelta(seconds=latency.middle or 0.0))
    most = span(timedelta(seconds=latency.most))
    top, spelled = time_axis(latency.most)
    title = f"{latency.name}: median {middle}, at most {most}"
    drawn = ranges(
        SMALL, latency.points, marks, style="s0", title=title, spelled=spelled, top=top
    )
    heading = tag("h3", latency.name, tag("small", f"median {middle}, at most {most}"))
    return joined([heading, drawn])


def _table(loads: Sequence[LoadReport]) -> Html:
    rows = [
        (
            named(load.load_id),
            moment(load.settled_at),
            count(load.account.received),
            *(
                "not told" if time is None else span(time)
                for time in (load.queued, load.carrying, load.end_to_end)
            ),
            count(load.attempt),
        )
        for load in loads
    ]
    headers = (
        "Load",
        "Settled",
        "Messages",
        "Queued",
        "Carried",
        "End to end",
        "Attempt",
    )
    return details(
        f"The latest {plural(len(rows), 'load')}",
        scrolled(table(headers, rows, numbers=range(2, 7))),
    )
