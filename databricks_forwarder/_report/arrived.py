"""
The section that tells what arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, joined, named, table, tag
from databricks_forwarder._report.charts import NARROW, WIDE, Bars, bars
from databricks_forwarder._report.pieces import (
    details,
    figure,
    legend,
    scrolled,
    section,
)
from databricks_forwarder._report.words import amount, count, day, moment, plural, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder._report.lately import Lately

__all__ = ["arrived"]


def arrived(lately: Lately) -> Html:
    """
    Rows by table: today by the hour, and day by day.
    """
    hours = [f"{hour:02}:00" for hour in range(24)]
    days = [day(each) for each in lately.days]
    return section(
        "arrived",
        "What arrived",
        tag("p", _today(lately), class_="lead"),
        _today_s_tables(lately),
        _plotted("Today, by the hour (UTC)", hours, lately.hourly())
        if lately.today
        else None,
        _plotted(f"The last {plural(len(days), 'day')}", days, lately.daily()),
    )


def _today(lately: Lately) -> object:
    loads = lately.today
    if not loads:
        return "No load was settled today (UTC) yet."
    tables = lately.tables(loads)
    rows = sum(each.row_count for each in tables)
    said = f"{plural(rows, 'row')} reached {plural(len(tables), 'table')} today"
    last = moment(loads[-1].settled_at)
    return joined(
        [
            f"{said}, in {plural(len(loads), 'load')}; the last was settled at ",
            last,
            ".",
        ]
    )


def _today_s_tables(lately: Lately) -> Html | None:
    tables = lately.tables(lately.today)
    if not tables:
        return None
    return scrolled(
        table(
            ("Table", "Rows today", "Loads", "Files", "Size", "Last load"),
            [
                (
                    named(each.name),
                    count(each.row_count),
                    count(each.load_count),
                    count(each.file_count),
                    size(each.size_bytes),
                    moment(each.last_at) if each.last_at else None,
                )
                for each in tables
            ],
            numbers=(1, 2, 3, 4),
        )
    )


def _plotted(name: str, labels: Sequence[str], series: Sequence[Bars]) -> Html:
    if not any(sum(each.values) for each in series):
        return figure(
            name, tag("p", "Nothing was loaded in this time.", class_="muted")
        )
    title = f"{name}: rows by table"
    drawn = [
        tag(
            "div",
            bars(frame, labels, series, title=title, spelled=amount),
            class_=width,
        )
        for frame, width in ((WIDE, "wide"), (NARROW, "narrow"))
    ]
    return figure(name, legend(series), *drawn, _as_table(name, labels, series))


def _as_table(name: str, labels: Sequence[str], series: Sequence[Bars]) -> Html:
    """
    The same figures, for who can't see a plot.
    """
    rows = [
        (label, *(count(each.values[at]) for each in series))
        for at, label in enumerate(labels)
    ]
    headers = ("UTC", *(named(each.name) for each in series))
    numbers = range(1, len(headers))
    return details(
        "As a table", scrolled(table(headers, rows, caption=name, numbers=numbers))
    )
