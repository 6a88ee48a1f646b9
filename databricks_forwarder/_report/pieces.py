"""
What several sections of a report are made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._markup import Html, named, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from databricks_forwarder._report.charts import Bars

__all__ = ["details", "figure", "legend", "pairs", "scrolled", "section", "shares"]


def section(name: str, title: str, *parts: object) -> Html:
    """
    A section with a heading, to which the tiles lead.
    """
    heading = tag("h2", title, id=f"{name}-title")
    return tag("section", heading, *parts, id=name, aria_labelledby=f"{name}-title")


def figure(caption: object, *parts: object) -> Html:
    """
    A plot with what it shows above it.
    """
    return tag("figure", tag("figcaption", caption), *parts)


def details(summary: str, *parts: object) -> Html:
    """
    What is shown when somebody asks for it; that needs no script.
    """
    return tag("details", tag("summary", summary), *parts)


def scrolled(part: Html) -> Html:
    """
    A table that scrolls by itself where it is wider than the page.
    """
    return tag("div", part, class_="scroll", tabindex="0", role="group")


def legend(series: Sequence[Bars]) -> Html:
    """
    Which colour is which.
    """
    return tag(
        "ul",
        *(
            tag(
                "li",
                tag("span", class_=f"swatch {each.style}", aria_hidden="true"),
                named(each.name),
            )
            for each in series
        ),
        class_="legend",
    )


def pairs(rows: Iterable[tuple[str, object]]) -> Html:
    """
    Names with what they are.
    """
    return tag(
        "dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in rows)
    )


def shares(rows: Sequence[tuple[object, float, object]], style: str) -> Html:
    """
    Bars that lie: what each is of, how long it is, and what it says.
    """
    most = max((value for _, value, _ in rows), default=0) or 1
    return tag(
        "ul",
        *(
            tag(
                "li",
                tag("span", name, class_="what"),
                tag("span", said, class_="said"),
                bar(value / most, style),
            )
            for name, value, said in rows
        ),
        class_="shares",
    )


def bar(share: float, style: str) -> Html:
    """
    A bar as long as its share of the room, from 0 to 1.
    """
    width = f"width:{min(max(share, 0.0), 1.0) * 100:.2f}%"
    fill = tag("span", class_=f"fill {style}", style=width)
    return tag("span", fill, class_="bar", aria_hidden="true")
