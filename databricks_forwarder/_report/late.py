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

    from databricks_forwarder._open_loads import OpenLoad
    from databricks_forwarder._report.facts import Facts
    from databricks_forwarder._report.lately import Lately
    from databricks_forwarder.model import LoadId, LoadReport

__all__ = ["failing", "late", "lateness"]

_LATEST = 20

# A scheduler that ticks each minute is not late by a minute.
_PATIENCE = timedelta(minutes=5)


def lateness(facts: Facts) -> timedelta | None:
    """
    By how much a load is overdue; None if none is, or hardly.
    """
    due_at = facts.status.due_at
    due = [] if due_at is None else [due_at]
    due += [
        load.oldest_received_at + facts.max_age
        for load in facts.open_loads
        if load.oldest_received_at is not None
    ]
    overdue = max((facts.at - each for each in due), default=timedelta(0))
    return None if overdue < _PATIENCE else overdue


def failing(facts: Facts) -> OpenLoad | None:
    """
    The open load that failed last; None if none did.
    """
    failed = [load for load in facts.open_loads if load.failed_at is not None]
    return max(failed, key=lambda load: load.failed_at or facts.at, default=None)


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
    overdue, status = lateness(facts), facts.status
    load = failing(facts)
    if load is not None:
        by = "" if overdue is None else f", and is overdue by {span(overdue)}"
        failures = plural(load.failures, "time")
        return f"A load failed {failures}{by}: {load.last_error}"
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
    yield "Pending in all", plural(status.account.pending, "message")
    if status.oldest_received_at is not None:
        ago = span(facts.at - status.oldest_received_at)
        yield (
            "The oldest",
            joined([f"{ago} old, received ", moment(status.oldest_received_at)]),
        )
    if status.due_at is not None:
        yield "Next load due", moment(status.due_at)
    loads = {load.load_id: load for load in facts.open_loads}
    if status.open_load_ids:
        opened = (tag("div", *_open(it, loads.get(it))) for it in status.open_load_ids)
        yield "Begun and open", joined(opened)
    if status.parked_load_ids:
        parked = (tag("div", named(each)) for each in status.parked_load_ids)
        yield "Set aside", joined(parked)
    if status.destination is not None:
        yield "Destination", status.destination
    if status.last_error is not None:
        yield "Last error", status.last_error


def _open(load_id: LoadId, load: OpenLoad | None) -> Iterator[Html | str]:
    yield named(load_id)
    if load is None:
        return
    if load.pending is not None:
        yield f", {plural(load.pending, 'message')}"
    if load.oldest_received_at is not None:
        yield ", the oldest received "
        yield moment(load.oldest_received_at)
    if load.failed_at is not None:
        yield f"; failed {plural(load.failures, 'time')}, the last "
        yield moment(load.failed_at)
        yield f": {load.last_error}"


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
