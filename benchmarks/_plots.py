"""
The plots, as SVG that suits a light and a dark page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from benchmarks._figures import values

__all__ = ["plots"]

_WIDTH = 720
_LEFT, _RIGHT, _TOP, _ROW = 250, 90, 40, 26
_STYLE = (
    "<style>text{fill:#333}line{stroke:#999}rect{fill:#06c}rect.other{fill:#9ab}"
    "polyline{fill:none;stroke:#06c;stroke-width:1.5}circle{fill:#06c}"
    ".second{stroke:#c60}circle.second{fill:#c60;stroke:none}"
    ".third{stroke:#3a3}circle.third{fill:#3a3;stroke:none}"
    "text.first{fill:#06c}text.second{fill:#c60;stroke:none}text.third{fill:#3a3;stroke:none}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}line{stroke:#666}"
    "rect{fill:#6af}rect.other{fill:#567}polyline{stroke:#6af}circle{fill:#6af}"
    "text.first{fill:#6af}}"
    "</style>"
)
_CLASSES = ("first", "second", "third")

# Rows of events a second, and what ours is called there.
_THROUGHPUT = {
    "S1.duckdb": "ours, to Parquet, one core",
    "S1.floor": "",
    "S2.dlt": "ours, to Delta, spool included",
    "S2.arrow": "",
}


def plots(told: Mapping[str, Any]) -> dict[str, str]:
    """
    Draw what *told*, the content of a file of figures, has to draw.

    Returns:
        SVG by the name of its file, without ending.
    """
    series = told["series"]
    drawn = {}
    if bars := _throughput(told["figures"]):
        drawn["throughput"] = _bars("events a second", bars)
    if stages := series.get("stages"):
        share = [
            (name, seconds / stages["wall"] * 100, "")
            for name, seconds in stages["seconds"].items()
        ]
        title = f"where the time of a load of {stages['events']} events goes, % of it"
        drawn["stages"] = _bars(title, share)
    if memory := series.get("memory"):
        drawn["memory"] = _lines(
            "memory above the start over a load, MB",
            {name: _stretched(points) for name, points in memory.items()},
            ("its begin", "its end"),
        )
    if growth := series.get("growth"):
        for name, lines in (
            ("growth-events", {"events of a load": growth["events"]}),
            ("growth-tables", {n: growth[n] for n in growth if n != "events"}),
        ):
            drawn[name] = _lines(
                "time per event, µs", _logarithmic(lines), _ends(lines)
            )
    return drawn


def _throughput(figures: Sequence[Any]) -> list[tuple[str, float, str]]:
    measured = values(figures)
    bars = []
    for row, ours in _THROUGHPUT.items():
        each = measured.get(row)
        if each is None or each["ours"] is None:
            continue
        events = each["events"][0]
        if ours:
            bars.append((ours, events / each["ours"], ""))
        bars.append((each["beside"], events / each["other"], "other"))
    return bars


def _stretched(points: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """
    Loads of any length side by side: their time from 0 to 1.
    """
    last = max((at for at, _ in points), default=0.0) or 1.0
    return [(at / last, each) for at, each in points]


def _logarithmic(
    lines: Mapping[str, Sequence[Sequence[float]]],
) -> dict[str, list[tuple[float, float]]]:
    sizes = [size for points in lines.values() for size, _ in points]
    low, high = math.log(min(sizes)), math.log(max(sizes))
    width = high - low or 1.0
    return {
        name: [((math.log(size) - low) / width, each) for size, each in points]
        for name, points in lines.items()
    }


def _ends(lines: Mapping[str, Sequence[Sequence[float]]]) -> tuple[str, str]:
    sizes = [int(size) for points in lines.values() for size, _ in points]
    return f"{min(sizes):,}".replace(",", " "), f"{max(sizes):,}".replace(",", " ")


def _bars(title: str, bars: Sequence[tuple[str, float, str]]) -> str:
    most = max(value for _, value, _ in bars)
    shapes = []
    for place, (name, value, kind) in enumerate(bars):
        top = _TOP + place * _ROW
        width = value / most * (_WIDTH - _LEFT - _RIGHT)
        shapes += [
            _text(_LEFT - 8, top + 15, name, anchor="end"),
            (
                f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{width:.1f}" '
                f'height="{_ROW - 6}"/>'
            ),
            _text(_LEFT + width + 6, top + 15, _number(value)),
        ]
    return _picture(title, _TOP + len(bars) * _ROW + 8, shapes)


def _lines(
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    ends: tuple[str, str],
) -> str:
    """
    Draw lines over 0 to 1, all from zero, with a name in the colour of each.
    """
    left, top, bottom = 60, _TOP + 20 * len(lines), _TOP + 20 * len(lines) + 180
    width = _WIDTH - left - 20
    most = max((each for points in lines.values() for _, each in points), default=1.0)
    shapes = [
        f'<line x1="{left}" y1="{bottom}" x2="{left + width}" y2="{bottom}"/>',
        _text(left - 6, top + 4, _number(most), anchor="end"),
        _text(left - 6, bottom, "0", anchor="end"),
        _text(left, bottom + 18, ends[0]),
        _text(left + width, bottom + 18, ends[1], anchor="end"),
    ]
    for place, (name, points) in enumerate(lines.items()):
        kind = _CLASSES[place]
        shapes.append(_text(left, _TOP + 14 + 20 * place, name, kind=kind))
        marks = [
            (left + at * width, bottom - each / (most or 1.0) * (bottom - top))
            for at, each in points
        ]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in marks)
        shapes.append(f'<polyline class="{kind}" points="{line}"/>')
        if len(marks) <= 10:
            shapes += [
                f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>'
                for x, y in marks
            ]
    return _picture(title, bottom + 30, shapes)


def _text(
    x: float, y: float, said: str, *, anchor: str = "start", kind: str = ""
) -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{escape(said)}</text>"
    )


def _picture(title: str, height: float, shapes: Iterable[str]) -> str:
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" '
                f'height="{height:.0f}" viewBox="0 0 {_WIDTH} {height:.0f}" '
                f'role="img" font-family="sans-serif" font-size="12">'
            ),
            f"<title>{escape(title)}</title>",
            _STYLE,
            f'<text x="12" y="20" font-size="14">{escape(title)}</text>',
            *shapes,
            "</svg>",
            "",
        ]
    )


def _number(value: float) -> str:
    return f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.1f}"
