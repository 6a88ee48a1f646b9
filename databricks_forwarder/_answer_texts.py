"""
Answers in plain sentences, for who reads them at night.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from databricks_forwarder.answers import Outcome, Reason, Simulation, Window
    from databricks_forwarder.model import EventKey, EventKind

__all__ = [
    "aligned",
    "amount",
    "key_text",
    "kind_text",
    "reason_text",
    "simulation_text",
]

_TOLD = 10


def amount(count: int, what: str = "message") -> str:
    """
    A number and what it counts, which has a plural in s.
    """
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """
    Cells of one width in each column; under the head, numbers to the right.
    """
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    rights = [all(cell[:1].isdigit() for cell in column[1:]) for column in columns]
    for row in rows:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, rights, strict=True)
        )
        yield "  ".join(cells).rstrip()


def kind_text(kind: EventKind | EventKey) -> str:
    """
    An event's type, and its names, quoted: they come from outside.
    """
    if kind.event_type is None:
        return "a batch without events"
    said = _plain(kind.event_type) if kind.event_type else "an event without a type"
    if kind.event_name is not None:
        said += f" {kind.event_name!r}"
    if kind.custom_event_type is not None:
        said += f" of type {kind.custom_event_type!r}"
    return said


def key_text(key: EventKey) -> str:
    """
    A key's kind, and what else it says.
    """
    said = {"feed": key.feed, "environment": key.environment, "group": key.group}
    more = ", ".join(f"{name} {text!r}" for name, text in said.items() if text)
    return f"{kind_text(key)} ({more})" if more else kind_text(key)


def reason_text(reason: Reason) -> str:
    """
    Where it goes, why, and how the table came by its name.
    """
    sentences = [_where(reason), _SENTENCES[reason.rule](reason)]
    if reason.was_named is not None and reason.table is not None:
        sentences.append(_named(reason))
    if reason.naming is not None:
        sentences.append(reason.naming)
    return "\n".join(sentences)


def _plain(text: str) -> str:
    return text if text.isascii() and text.isidentifier() else repr(text)


def _where(reason: Reason) -> str:
    what = key_text(reason.key)
    if reason.table is None:
        return f"{what}: is dropped, and counted as dropped by rule."
    return f"{what}: goes to table {reason.table.name}."


def _named(reason: Reason) -> str:
    if reason.was_named:
        return "The table got its name before, and nothing else gets it."
    return "The name is new: it will be given in the load that brings this."


def _counted(window: Window) -> str:
    return (
        f"{amount(window.forwarded)} of this kind "
        f"{'was' if window.forwarded == 1 else 'were'} forwarded from "
        f"{window.first_day} to {window.last_day} (UTC), and {window.at_hand:,} "
        f"{'is' if window.at_hand == 1 else 'are'} at hand: {window.total:,} in all"
    )


def _frequent(reason: Reason) -> str:
    window = _window(reason)
    stays = (
        "It keeps its table, also when it becomes rare."
        if reason.is_sticky
        else "When it becomes rare, its events go to the common table again."
    )
    return (
        f"{_counted(window)}, and {window.threshold:,} are enough for a table of its "
        f"own. {stays}"
    )


def _kept(reason: Reason) -> str:
    window = _window(reason)
    return (
        f"{_counted(window)}, {window.missing:,} less than the {window.threshold:,} "
        "that a table of its own takes. It has its table from earlier, and keeps it: "
        "the router is sticky."
    )


def _rare(reason: Reason) -> str:
    window = _window(reason)
    return (
        f"{_counted(window)}, {window.missing:,} less than the {window.threshold:,} "
        "that a table of its own takes. Until then it goes to the common table."
    )


def _window(reason: Reason) -> Window:
    if reason.window is None:
        msg = f"a reason of rule {reason.rule!r} needs a window"
        raise ValueError(msg)
    return reason.window


def _no_event(_: Reason) -> str:
    return "A batch without events is one row, and never has a table of its own."


def _by_setting(what: str) -> Callable[[Reason], str]:
    def said(reason: Reason) -> str:
        return f"{what}: so {reason.setting} says." if reason.setting else f"{what}."

    return said


def _router(reason: Reason) -> str:
    return f"Your router {reason.router} says so, and gives no reason."


def _left_out(_: Reason) -> str:
    return "No router answers for it, so it goes to the common table."


_SENTENCES: Mapping[str, Callable[[Reason], str]] = {
    "chosen": _by_setting("It came from a partner feed, whose table has a chosen name"),
    "dropped": _by_setting("It is a batch without events, and those are not forwarded"),
    "feed": _by_setting("It came from a partner feed, and a feed has one table"),
    "frequent": _frequent,
    "kept": _kept,
    "left out": _left_out,
    "no event": _no_event,
    "rare": _rare,
    "router": _router,
    "split feed": _by_setting(
        "It came from a partner feed, which has a table for each event name"
    ),
}


def simulation_text(simulation: Simulation) -> str:
    """
    A line for each threshold, and the tables that would come and go.
    """
    return "\n".join(_simulation_lines(simulation))


def _simulation_lines(simulation: Simulation) -> Iterator[str]:
    days = _span(simulation.first_day, simulation.last_day)
    yield (
        f"{amount(simulation.message_count)} {days}; "
        f"{amount(simulation.kind_count, 'kind')} of event"
    )
    head = ("threshold", "tables", "more", "fewer", "in the common table", "share", "")
    today = simulation.today
    rows = [_row(simulation, today, "now")]
    rows += [_row(simulation, each, "") for each in simulation.outcomes]
    yield from aligned([head, *rows])
    for outcome in simulation.outcomes:
        yield from _changes(outcome, is_sticky=simulation.is_sticky)


def _span(first: date, last: date) -> str:
    return f"from {first} to {last} (UTC)"


def _row(simulation: Simulation, outcome: Outcome, mark: str) -> tuple[str, ...]:
    common = outcome.common_message_count
    share = 100 * common / simulation.message_count if simulation.message_count else 0
    return (
        f"{outcome.threshold:,}",
        f"{len(outcome.tables):,}",
        f"{len(outcome.gained):,}",
        f"{len(outcome.lost):,}",
        f"{common:,}",
        f"{share:.1f} %",
        mark,
    )


def _changes(outcome: Outcome, *, is_sticky: bool) -> Iterator[str]:
    if outcome.gained:
        yield f"with {outcome.threshold:,} there would also be {_some(outcome.gained)}"
    if outcome.lost:
        stay = " (they stay if it is changed now: a table once given is kept)"
        yield (
            f"with {outcome.threshold:,} there would not be {_some(outcome.lost)}"
            f"{stay if is_sticky else ''}"
        )


def _some(names: Sequence[str]) -> str:
    told: Iterable[str] = names[:_TOLD]
    more = len(names) - _TOLD
    return ", ".join(told) + (f" and {more:,} more" if more > 0 else "")
