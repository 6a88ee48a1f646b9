"""
Figures: rounds of what was measured, the ratios of pairs, and the table of them.

A figure is a mapping as it stands in JSON, so that a table made of a file is the
table that was printed.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from benchmarks._targets import ROWS

__all__ = ["Outcome", "figure", "missing", "table", "told_lines", "values"]

Figure = dict[str, Any]
Round = tuple[float, float | None]


@attrs.define
class Outcome:
    """
    What a measurement came to.

    Attributes:
        figures: Rows of the table.
        series: What the plots are drawn from, by name.
    """

    figures: list[Figure] = attrs.field(factory=list)
    series: dict[str, Any] = attrs.field(factory=dict)


def figure(
    row: str, rounds: Sequence[Round], *, events: Sequence[int] = (), note: str = ""
) -> Figure:
    """
    Put a row of the table together.

    Args:
        row: Its key in `ROWS`.
        rounds: Our figure and the other's of each round, in the row's unit.
        events: How many events each contender saw; for payloads, how many of them.
        note: What else should be known.
    """
    wanted = ROWS[row]
    told = [_told(wanted.told, ours, other) for ours, other in rounds]
    middle = max if wanted.is_worst else statistics.median
    others = [other for _, other in rounds if other is not None]
    ratios = [_told("ours / other", ours, other) for ours, other in rounds if other]
    if wanted.told == "other / ours":
        ratios = told
    return {
        **missing(row, note),
        "rounds": [list(each) for each in rounds],
        "events": list(events),
        "ours": middle([ours for ours, _ in rounds]),
        "other": middle(others) if others else None,
        "ratio": middle(ratios) if ratios else None,
        "spread": [min(told), max(told)],
        "is_met": wanted.is_met(middle(told)),
    }


def missing(row: str, why: str) -> Figure:
    """
    Put a row together of which nothing was measured.
    """
    wanted = ROWS[row]
    return {
        "row": row,
        "id": wanted.id,
        "what": wanted.what,
        "unit": wanted.unit,
        "beside": wanted.beside,
        "told": wanted.told,
        "target": wanted.target,
        "rounds": [],
        "events": [],
        "ours": None,
        "other": None,
        "ratio": None,
        "spread": None,
        "is_met": None,
        "note": why,
    }


def _told(form: str, ours: float, other: float | None) -> float:
    if form == "ours":
        return ours
    if other is None:
        msg = "a ratio needs what it is a ratio to"
        raise ValueError(msg)
    return other / ours if form == "other / ours" else ours / other


def values(figures: Sequence[Figure]) -> dict[str, Figure]:
    """
    The figures by their rows.
    """
    return {each["row"]: each for each in figures}


def told_lines(told: Mapping[str, Any]) -> list[str]:
    """
    Tell a file of figures: machine, versions, table and notes, as Markdown.
    """
    machine = told["machine"]
    versions = {
        who: ", ".join(f"{name} {is_}" for name, is_ in each.items())
        for who, each in told["versions"].items()
    }
    notes = [each for each in told["figures"] if each["note"]]
    tiny = ["Tiny: these figures say that the programs work, and nothing else.", ""]
    return [
        *(tiny if told["is_tiny"] else []),
        (
            f"{machine['processor']}, {machine['cores']} cores, "
            f"{machine['memory_gb']} GB, {machine['system']}, "
            f"Python {machine['python']}."
        ),
        *(f"Environment of {who}: {each}." for who, each in versions.items()),
        "",
        *table(told["figures"]),
        "",
        *(f"* {each['id']}, {each['what']}: {each['note']}." for each in notes),
    ]


_HEADS = ("id", "what", "ours", "beside", "its", "ratio", "of rounds", "target", "")


def table(figures: Sequence[Figure]) -> list[str]:
    """
    Render the table, as Markdown that reads well as it is; a line each.
    """
    rows = [_HEADS, *(_cells(each) for each in figures)]
    columns = range(len(_HEADS))
    widths = [max(3, *(len(row[place]) for row in rows)) for place in columns]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    ruler = "| " + " | ".join("-" * width for width in widths) + " |"
    return [lines[0], ruler, *lines[1:]]


def _cells(each: Figure) -> tuple[str, ...]:
    is_ratio = each["told"] != "ours"
    spread = each["spread"]
    if spread is not None and len(each["rounds"]) > 1:
        low, high = (_number(end) for end in spread)
        spread = f"{low} to {high}" + (" ×" if is_ratio else f" {each['unit']}")
    else:
        spread = ""
    return (
        each["id"],
        each["what"],
        "not measured" if each["ours"] is None else _with_unit(each, "ours"),
        each["beside"],
        "" if each["other"] is None else _with_unit(each, "other"),
        "" if each["ratio"] is None else f"{_number(each['ratio'])} ×",
        spread,
        each["target"],
        {True: "met", False: "missed", None: ""}[each["is_met"]],
    )


def _with_unit(each: Figure, name: str) -> str:
    return f"{_number(each[name])} {each['unit']}"


def _number(value: float) -> str:
    """
    Three digits are as much as a measurement tells.
    """
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
