"""
HTML from values: whatever is no markup already is text, and is escaped.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Html", "facts", "joined", "named", "table", "tag"]

# They would turn text around, or be no HTML: a name may hold any of them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_VOID = frozenset({"meta", "wbr", "path", "rect", "line", "circle"})

# Of a notebook's own colours, so that it is right in its dark theme, too.
_NOTEBOOK = """
.dbf table{border-collapse:collapse;color:inherit;background:transparent}
.dbf caption{text-align:left;font-weight:600;padding:.3em 0}
.dbf th,.dbf td{padding:.2em .8em .2em 0;text-align:left;vertical-align:top;
border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent)}
.dbf .n{text-align:right;font-variant-numeric:tabular-nums}
"""


class Html(str):
    """
    Text that is markup already, and goes in as it is.
    """

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """
    Make an element.

    Args:
        name: Of the element.
        children: Markup, or anything else, whose text is escaped; None is left
            out.
        attributes: ``class_`` is ``class``, other underscores are hyphens;
            None leaves one out.
    """
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{spelled}/>")
    return Html(f"<{name}{spelled}>{joined(children)}</{name}>")


def joined(parts: Iterable[object]) -> Html:
    """
    Put parts together: markup as it is, all else as text.
    """
    return Html("".join(_spelled(part) for part in parts if part is not None))


def named(name: str) -> Html:
    """
    Spell a name by itself, whatever its script; it may be broken at underscores.
    """
    parts = name.split("_")
    broken = joined(
        [parts[0], *(joined([tag("wbr"), "_", each]) for each in parts[1:])]
    )
    return tag("bdi", broken)


def table(
    headers: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    caption: object = None,
    numbers: Iterable[int] = (),
) -> Html:
    """
    Make a table.

    Args:
        headers: One a column.
        rows: As many cells each.
        caption: What it tells of.
        numbers: Columns that stand to the right.
    """
    right = frozenset(numbers)

    def line(cells: Sequence[object], name: str, scope: str | None) -> Html:
        return tag(
            "tr",
            *(
                tag(name, cell, class_="n" if at in right else None, scope=scope)
                for at, cell in enumerate(cells)
            ),
        )

    return tag(
        "table",
        None if caption is None else tag("caption", caption),
        tag("thead", line(headers, "th", "col")),
        tag("tbody", *(line(row, "td", None) for row in rows)),
    )


def facts(title: object, *parts: Html) -> str:
    """
    What a notebook shows of a value: a title, and tables below it.
    """
    style = tag("style", Html(_NOTEBOOK))
    return str(tag("div", style, tag("strong", title), *parts, class_="dbf"))


def _spelled(part: object) -> str:
    return part if isinstance(part, Html) else _escaped(str(part))


def _escaped(text: str) -> str:
    return html.escape(_UNSEEN.sub("\ufffd", text))
