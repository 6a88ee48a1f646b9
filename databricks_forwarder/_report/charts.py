"""
The plots: SVG that needs no script, no network and no library.

Colours are classes, ``s0`` to ``s5``, which the page defines for both schemes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._markup import Html, tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "NARROW",
    "SMALL",
    "WIDE",
    "Bars",
    "Frame",
    "Range",
    "bars",
    "nice",
    "ranges",
]


@attrs.frozen
class Frame:
    """
    The room that a plot has, in units of its own.
    """

    width: int
    height: int
    left: int = 56
    right: int = 12
    top: int = 14
    bottom: int = 28

    @property
    def plot_width(self) -> int:
        """
        Between the axis and the right edge.
        """
        return self.width - self.left - self.right

    @property
    def plot_height(self) -> int:
        """
        Between the top and the axis.
        """
        return self.height - self.top - self.bottom

    def y(self, share: float) -> float:
        """
        Where a share of the whole height is.
        """
        return round(self.top + self.plot_height * (1 - share), 2)

    def x(self, share: float) -> float:
        """
        Where a share of the whole width is.
        """
        return round(self.left + self.plot_width * share, 2)


WIDE = Frame(1000, 240)
NARROW = Frame(420, 240)
SMALL = Frame(330, 190, left=64)


@attrs.frozen
class Bars:
    """
    A series: one value for each label, and the class that colours it.
    """

    name: str
    values: Sequence[float]
    style: str


@attrs.frozen
class Range:
    """
    Some values at one place along the time axis: least, middle, most.

    Attributes:
        at: Share of the axis, from 0 to 1.
        told: What a pointer that rests on it is told.
    """

    at: float
    least: float
    middle: float
    most: float
    told: str


def bars(
    frame: Frame,
    labels: Sequence[str],
    series: Sequence[Bars],
    *,
    title: str,
    spelled: Callable[[float], str],
) -> Html:
    """
    Draw bars over time, the series one upon the other.

    Args:
        frame: The room.
        labels: What each bar is of.
        series: The lowest first.
        title: What the plot shows, for who can't see it.
        spelled: How a value is told.
    """
    totals = [
        sum(values) for values in zip(*(each.values for each in series), strict=True)
    ]
    top = nice(max(totals, default=0.0))
    step = 1 / max(len(labels), 1)
    drawn: list[Html] = []
    for at, label in enumerate(labels):
        below = 0.0
        for each in series:
            value = each.values[at]
            if value:
                told = f"{label}: {each.name} {spelled(value)}"
                place = _Place(at * step, step, below / top, value / top)
                drawn.append(_bar(frame, place, each.style, told))
            below += value
    marks = [(at * step + step / 2, label) for at, label in enumerate(labels)]
    return _plot(frame, title, top, spelled, marks, drawn)


def ranges(  # noqa: PLR0913 (a plot, its axes and what they say)
    frame: Frame,
    points: Iterable[Range],
    marks: Sequence[tuple[float, str]],
    *,
    style: str,
    title: str,
    spelled: Callable[[float], str],
    top: float,
) -> Html:
    """
    Draw a dot at each middle, and a line from the least to the most.

    Args:
        frame: The room.
        points: From left to right.
        marks: Labels of the time axis, with their places from 0 to 1.
        style: The class that colours them.
        title: What the plot shows.
        spelled: How a value is told.
        top: Of the axis.
    """
    drawn = []
    for point in points:
        x = frame.x(point.at)
        low, high = frame.y(point.least / top), frame.y(point.most / top)
        drawn.append(
            tag(
                "g",
                tag("title", point.told),
                tag("line", x1=x, x2=x, y1=low, y2=high, class_="range"),
                tag("circle", cx=x, cy=frame.y(point.middle / top), r=3.2),
                class_=style,
            )
        )
    return _plot(frame, title, top, spelled, marks, drawn)


def _plot(  # noqa: PLR0913, PLR0917 (as for the two above)
    frame: Frame,
    title: str,
    top: float,
    spelled: Callable[[float], str],
    marks: Sequence[tuple[float, str]],
    drawn: Sequence[Html],
) -> Html:
    """
    Put axes and labels around what was drawn.
    """
    lines = []
    for share in (0, 0.5, 1):
        y = frame.y(share)
        right = frame.width - frame.right
        lines.append(tag("line", x1=frame.left, x2=right, y1=y, y2=y, class_="grid"))
        lines.append(
            tag("text", spelled(top * share), x=frame.left - 8, y=y + 4, class_="end")
        )
    shown = _shown(frame, marks)
    below = [
        tag("text", label, x=x, y=frame.height - 8, class_="middle")
        for x, label in shown
    ]
    return tag(
        "svg",
        tag("title", title),
        *lines,
        *drawn,
        *below,
        viewBox=f"0 0 {frame.width} {frame.height}",
        role="img",
        aria_label=title,
    )


# As wide as a letter of a label is in a wide font.
_LETTER = 8.5


def _shown(
    frame: Frame, marks: Sequence[tuple[float, str]]
) -> Sequence[tuple[float, str]]:
    """
    The labels that there is room for, and where their middles are.
    """
    widest = max((len(label) for _, label in marks), default=0) * _LETTER
    room = max(int(frame.plot_width // (widest + 12)), 1)
    every = max(math.ceil(len(marks) / room), 1)
    # From the right: the latest has its label whatever is left out.
    kept = list(reversed(marks))[::every][::-1]
    rightmost = frame.width - widest / 2
    return [(round(min(frame.x(at), rightmost), 2), label) for at, label in kept]


@attrs.frozen
class _Place:
    """
    Of a bar: its left edge, its width, where it begins and how high it is.
    """

    left: float
    width: float
    below: float
    share: float


def _bar(frame: Frame, place: _Place, style: str, told: str) -> Html:
    """
    Draw one, with a gap to its neighbours.
    """
    return tag(
        "g",
        tag("title", told),
        tag(
            "rect",
            x=frame.x(place.left + place.width * 0.14),
            y=frame.y(place.below + place.share),
            width=round(frame.plot_width * place.width * 0.72, 2),
            # What is there is seen, however little it is.
            height=max(round(frame.plot_height * place.share, 2), 1),
        ),
        class_=style,
    )


def nice(largest: float) -> float:
    """
    The top of an axis: a round number that is no less, and can be halved.
    """
    if largest <= 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(largest))
    return next(
        step * each
        for each in (1, 1.2, 1.6, 2, 3, 4, 5, 6, 8, 10)
        if largest <= step * each
    )
