"""
The section that tells which kinds of events get tables of their own next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, joined, named, table, tag
from databricks_forwarder._report.pieces import bar, details, scrolled, section
from databricks_forwarder._report.words import count, day, kind_words, plural, utc_day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from databricks_forwarder._report.facts import Facts
    from databricks_forwarder.answers import Prospect

__all__ = ["likely", "promoted", "to_come"]

_SHOWN = 8


def to_come(facts: Facts) -> Sequence[Prospect]:
    """
    The kinds without a table, the likeliest to be next first.
    """
    return [each for each in facts.foresight.prospects if not each.has_table]


def promoted(facts: Facts) -> Html:
    """
    Kinds near the threshold, and when they are likely to reach it.
    """
    return section(
        "promoted",
        "What gets a table of its own next",
        tag("p", _verdict(facts), class_="lead"),
        _list(to_come(facts)[:_SHOWN], utc_day(facts.at)),
        _others(facts),
    )


def _verdict(facts: Facts) -> object:
    if facts.foresight.unknown is not None:
        return f"Not known. {facts.foresight.unknown}"
    coming = to_come(facts)
    if not coming:
        return "Nothing: no kind without a table was counted."
    first = coming[0]
    if first.likely_on is None:
        return "None of them soon, as things are."
    name = named(first.table)
    return joined([name, f", {likely(first, utc_day(facts.at))}."])


def likely(prospect: Prospect, today: date) -> str:
    """
    Say when a kind gets its table.
    """
    if prospect.likely_on is not None:
        ahead = (prospect.likely_on - today).days
        if ahead <= 0:
            return "with its next load"
        when = "tomorrow" if ahead == 1 else f"in {ahead} days"
        return f"likely {when}, on {day(prospect.likely_on)}"
    if prospect.per_day is None:
        return "not known yet: seen for less than two whole days"
    return "not at this rate"


def _list(prospects: Sequence[Prospect], today: date) -> Html | None:
    if not prospects:
        return None
    return tag("ul", *(_item(each, today) for each in prospects), class_="shares")


def _item(prospect: Prospect, today: date) -> Html:
    rate = prospect.per_day
    lately = "" if rate is None else f", {count(rate)} a day lately"
    said = (
        f"{count(prospect.message_count)} of {count(prospect.threshold)} messages in "
        f"{plural(prospect.window_days, 'day')}{lately}"
    )
    return tag(
        "li",
        tag("span", tag("bdi", kind_words(prospect.kind)), class_="what"),
        tag("span", tag("strong", likely(prospect, today)), class_="said"),
        bar(prospect.message_count / prospect.threshold, "s1"),
        tag("span", said, " → ", tag("code", named(prospect.table)), class_="below"),
    )


def _others(facts: Facts) -> Html | None:
    rest = to_come(facts)[_SHOWN:]
    owners = [each for each in facts.foresight.prospects if each.has_table]
    if not rest and not owners:
        return None
    rows = [
        (
            tag("bdi", kind_words(each.kind)),
            named(each.table),
            count(each.message_count),
            "has it" if each.has_table else likely(each, utc_day(facts.at)),
        )
        for each in (*rest, *owners)
    ]
    said = (
        f"{plural(len(owners), 'kind')} with a table, {count(len(rest))} more without"
    )
    headers = ("Kind of event", "Table", "Messages counted", "Gets its table")
    return details(said, scrolled(table(headers, rows, numbers=(2,))))
