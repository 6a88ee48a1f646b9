"""
The section that tells what is dead, set aside or rescued, and why.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, joined, named, table, tag
from databricks_forwarder._report.pieces import figure, scrolled, section, shares
from databricks_forwarder._report.words import count, moment, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    if not total:
        text = f"No value had to be rescued in the last {plural(lately.facts.days, 'day')}."
        return figure("Rescued values", tag("p", text))
    places: Counter[str] = Counter()
    tables: Counter[str] = Counter()
    untold = 0
    for load in lately.loads:
        untold += 0 if load.rescues else load.rescued_row_count
        for rescue in load.rescues:
            places[rescue.place] += rescue.row_count
            tables[rescue.table] += rescue.row_count
    return figure(
        f"Rescued values: {plural(total, 'row')} in the last "
        f"{plural(lately.facts.days, 'day')} with something in _rescued_data",
        _sums(
            "By place and reason",
            [(_reason(place), n) for place, n in places.most_common()],
        ),
        _sums("By table", [(named(name), n) for name, n in tables.most_common()]),
        tag(
            "p", f"Of {plural(untold, 'row')} it is not recorded where.", class_="muted"
        )
        if untold
        else None,
    )


def _sums(title: str, rows: Sequence[tuple[object, int]]) -> Html | None:
    if not rows:
        return None
    shown: list[tuple[object, float, object]] = [
        (name, number, plural(number, "row")) for name, number in rows[:_SHOWN]
    ]
    more = _more(len(rows) - _SHOWN, title.removeprefix("By "))
    return joined([tag("h3", title), shares(shown, "odd"), more])


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
