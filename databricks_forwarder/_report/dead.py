"""
The section that tells what is dead, set aside or rescued, and why.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, joined, named, table, tag
from databricks_forwarder._report.pieces import (
    bar,
    figure,
    scrolled,
    section,
    shares,
)
from databricks_forwarder._report.words import count, moment, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databricks_forwarder._report.facts import DeadGroup, Facts
    from databricks_forwarder._report.lately import Lately
    from databricks_forwarder.model import LoadReport

__all__ = ["dead"]

_SHOWN = 10


def dead(lately: Lately) -> Html:
    """
    Dead letters by reason, what is parked, rescued rows by table and place.
    """
    facts = lately.facts
    return section(
        "dead",
        "What is dead, and why",
        tag("p", _verdict(facts), class_="lead"),
        _letters(facts.dead) if facts.dead else None,
        _parked(facts.parked) if facts.parked else None,
        _rescued(lately),
    )


def _verdict(facts: Facts) -> str:
    dead_count = facts.status.account.dead
    parked = len(facts.parked)
    said = f"{plural(dead_count, 'message')} dead" if dead_count else "Nothing is dead"
    if parked:
        return f"{said}; {plural(parked, 'load')} set aside, wholly or in part."
    return f"{said}; nothing is set aside."


def _letters(groups: Sequence[DeadGroup]) -> Html:
    rows: list[tuple[object, float, object]] = [
        (group.reason, group.message_count, _said(group)) for group in groups[:_SHOWN]
    ]
    return figure(
        "Dead letters by reason",
        shares(rows, "bad"),
        _more(len(groups) - _SHOWN, "reason"),
        _hint(
            "dead-letters lists them; replay puts them back in the queue, after a fix"
        ),
    )


def _said(group: DeadGroup) -> Html:
    messages = plural(group.message_count, "message")
    payloads = plural(group.payload_count, "payload")
    last = moment(group.newest_received_at)
    return joined([f"{messages} in {payloads}, the last of ", last])


def _parked(loads: Sequence[LoadReport]) -> Html:
    rows = [
        (named(load.load_id), moment(load.settled_at), *what)
        for load in loads
        for what in _set_aside(load)
    ]
    headers = ("Load", "Since", "Table", "Messages", "Reason")
    return figure(
        "Set aside",
        scrolled(table(headers, rows, numbers=(3,))),
        _hint("carry-on opens them again, after a fix"),
    )


def _set_aside(load: LoadReport) -> Sequence[tuple[object, str, object]]:
    if load.reason is not None:
        return [("all of it", count(load.account.pending), load.reason)]
    return [
        (named(each.table), count(each.row_count), each.reason)
        for each in load.tables
        if each.state == "parked"
    ]


def _rescued(lately: Lately) -> Html:
    total = sum(load.rescued_row_count for load in lately.loads)
    days = plural(lately.facts.days, "day")
    if not total:
        said = f"No value had to be rescued in the last {days}."
        return figure("Rescued values", tag("p", said))
    untold = sum(load.rescued_row_count for load in lately.loads if not load.rescues)
    said = f"Of {plural(untold, 'row')} it is not recorded where."
    places = _by_place(lately.loads)
    return figure(
        f"Rescued values: {plural(total, 'row')} in the last {days} with something in "
        "_rescued_data",
        tag("ul", *_items(places[:_SHOWN]), class_="shares"),
        _more(len(places) - _SHOWN, "place"),
        tag("p", said, class_="muted") if untold else None,
    )


def _by_place(loads: Sequence[LoadReport]) -> Sequence[tuple[str, Counter[str]]]:
    """
    Of each place its rows by table, the most rows first.
    """
    places: dict[str, Counter[str]] = defaultdict(Counter)
    for load in loads:
        for rescue in load.rescues:
            places[rescue.place][rescue.table] += rescue.row_count
    return sorted(places.items(), key=lambda each: (-each[1].total(), each[0]))


def _items(places: Sequence[tuple[str, Counter[str]]]) -> Iterator[Html]:
    for place, tables in places:
        within = joined(
            joined([", " if at else "in ", named(name), f" {count(number)}"])
            for at, (name, number) in enumerate(tables.most_common(_SHOWN))
        )
        yield tag(
            "li",
            tag("span", _reason(place), class_="what"),
            tag("span", plural(tables.total(), "row"), class_="said"),
            bar(tables.total() / places[0][1].total(), "odd"),
            tag("span", within, class_="below"),
        )


def _reason(place: str) -> Html:
    """
    What is wrong at a place: nobody knows it, or it does not fit its column.
    """
    if place.endswith("/?"):
        within = place.removesuffix("/?") or "the batch"
        return joined(
            ["a field that the schema does not have, in ", tag("code", within)]
        )
    return joined(["does not fit its column: ", tag("code", place)])


def _more(number: int, noun: str) -> Html | None:
    return (
        tag("p", f"and {plural(number, noun)} more", class_="muted")
        if number > 0
        else None
    )


def _hint(text: str) -> Html:
    command, _, rest = text.partition(" ")
    return tag("p", tag("code", command), f" {rest}.", class_="muted")
