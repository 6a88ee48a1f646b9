"""
The page of a report: one file that needs nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, joined, named, tag
from databricks_forwarder._report.arrived import arrived
from databricks_forwarder._report.dead import dead
from databricks_forwarder._report.late import failing, late, lateness
from databricks_forwarder._report.lately import Lately
from databricks_forwarder._report.promoted import likely, promoted, to_come
from databricks_forwarder._report.style import STYLE
from databricks_forwarder._report.sums import account, sizes
from databricks_forwarder._report.words import count, moment, plural, span, utc_day

if TYPE_CHECKING:
    from databricks_forwarder._report.facts import Facts

__all__ = ["page"]

# Nothing is fetched and nothing runs, whatever a name in it says.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)


def page(facts: Facts) -> str:
    """
    Write the whole page.
    """
    lately = Lately(facts)
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width,initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"Forwarder {facts.spool_id}"),
        tag("style", Html(STYLE)),
    )
    main = tag(
        "main",
        _tiles(lately),
        arrived(lately),
        late(lately),
        dead(lately),
        promoted(facts),
        sizes(lately),
        account(facts),
    )
    body = tag("body", _header(facts), main, _footer(facts))
    return f"<!DOCTYPE html>\n{tag('html', head, body, lang='en')}\n"


def _header(facts: Facts) -> Html:
    said = joined(
        [
            f"Spool {facts.spool_id}, as it stood at ",
            moment(facts.at),
            f"; looking back {plural(facts.days, 'day')}. All times are in UTC.",
        ]
    )
    title = tag("h1", "How the forwarder stands")
    return tag("header", title, tag("p", said, class_="subtitle"))


def _footer(facts: Facts) -> Html:
    loads, days = plural(len(facts.loads), "load"), plural(facts.days, "day")
    said = f"Made by databricks-forwarder from {loads} of {days}. No payload is shown."
    return tag("footer", tag("p", said))


def _tiles(lately: Lately) -> Html:
    """
    The four questions, each with its answer in a few words.
    """
    tiles = (
        _arrived(lately),
        _late(lately.facts),
        _dead(lately.facts),
        _next(lately.facts),
    )
    return tag("ul", *(tag("li", tile) for tile in tiles), class_="tiles")


def _tile(link: str, state: str, name: str, value: object, note: object) -> Html:
    is_text = isinstance(value, Html)
    return tag(
        "a",
        tag("span", name, class_="name"),
        tag("span", value, class_="value text" if is_text else "value"),
        tag("span", note, class_="note"),
        href=f"#{link}",
        class_=state,
    )


def _arrived(lately: Lately) -> Html:
    tables = lately.tables(lately.today)
    rows = sum(each.row_count for each in tables)
    note = f"in {plural(len(lately.today), 'load')}, {plural(len(tables), 'table')}"
    state = "good" if rows else "none"
    return _tile("arrived", state, "Arrived today", plural(rows, "row"), note)


def _late(facts: Facts) -> Html:
    overdue, failed = lateness(facts), failing(facts)
    waiting = f"{plural(facts.status.waiting, 'message')} waiting"
    pending = facts.status.account.pending - facts.status.waiting
    if failed is not None or pending:
        waiting += f", {plural(pending, 'message')} in loads"
    if failed is not None:
        late_by = "a load fails" if overdue is None else f"by {span(overdue)}"
        note = f"{waiting}; failed {plural(failed.failures, 'time')}"
        return _tile("late", "bad", "Late", late_by, note)
    if overdue is not None:
        return _tile("late", "bad", "Late", f"by {span(overdue)}", waiting)
    if facts.status.last_error is not None:
        return _tile("late", "odd", "Late", "an error", waiting)
    return _tile("late", "good", "Late", "nothing", waiting)


def _dead(facts: Facts) -> Html:
    dead_count, parked = facts.status.account.dead, len(facts.parked)
    aside = f"{plural(parked, 'load')} set aside" if parked else "nothing set aside"
    if facts.dead:
        reason = facts.dead[0].reason
        note = f"{aside}; mostly: {reason if len(reason) <= 60 else reason[:59] + '…'}"
        return _tile("dead", "bad", "Dead", plural(dead_count, "message"), note)
    return _tile("dead", "odd" if parked else "good", "Dead", "nothing", aside)


def _next(facts: Facts) -> Html:
    name = "Next table of its own"
    if facts.foresight.unknown is not None:
        return _tile("promoted", "none", name, "not known", "why is told below")
    coming = to_come(facts)
    if not coming:
        return _tile("promoted", "none", name, "none", "no kind is on its way")
    first, today = coming[0], utc_day(facts.at)
    if first.likely_on is None:
        note = f"{count(len(coming))} kinds without a table"
        return _tile("promoted", "none", name, "none soon", note)
    return _tile("promoted", "good", name, named(first.table), likely(first, today))
