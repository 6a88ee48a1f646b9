"""
A picture of the house: its storeys, drawn from the contract that keeps them.

They are read from ``pyproject.toml`` whenever the documentation is built, so
that the picture can't differ from what is checked. A page has it where a comment
stands on a line of its own, ``<!-- picture of the house -->``.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sphinx.application import Sphinx

__all__ = ["NOTES", "draw", "setup", "storeys"]

_MARKER = "<!-- picture of the house -->"
_PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_LAYERS = re.compile(r"^layers = \[\n(.*?)^\]", re.MULTILINE | re.DOTALL)
_STOREY = re.compile(r'^\s+"(.+)",$', re.MULTILINE)

NOTES = {
    "testing": "fakes, workspace, contracts",
    "_cli": "the command line",
    "_forwarder": "the front door: puts parts together",
    "_carrying": "submit, tick, flush, start, close",
    "_upkeep": "calls that mend or change",
    "_asking": "calls that only look",
    "batchers": "the rooms: parts, each replaceable",
    "_pipeline": "the order of the walk",
    "abilities": "what parts may offer besides",
    "protocols": "what a part owes: the specification",
    "_databricks": "statements, files, sign-in",
    "mparticle": "a batch: schema, decoding, names",
    "model": "values and settings",
    "errors": "a class for each reaction",
}
"""One member of a storey → what the storey is for."""

_WIDTH, _NOTES_AT, _LINE, _LETTER, _GAP = 860, 600, 24, 6.8, 6

_STYLE = """
.house text{font:11px ui-monospace,monospace;fill:#223}
.house text.note{font:12px sans-serif;fill:#556}
.house rect.storey{fill:#eef2f7;stroke:#b8c4d2}
.house rect.room{fill:#fff;stroke:#8ba0b8}
.house .parts rect.room{fill:#dcebff;stroke:#3a78c2}
@media(prefers-color-scheme:dark){
.house text{fill:#dde}
.house text.note{fill:#aab}
.house rect.storey{fill:#1c232c;stroke:#3b4856}
.house rect.room{fill:#27313d;stroke:#5b6f85}
.house .parts rect.room{fill:#1d3a5c;stroke:#5b9be6}
}
"""

_HEAD = f"""
<svg class="house" xmlns="http://www.w3.org/2000/svg" role="img"
 viewBox="0 0 {{width}} {{height}}" aria-labelledby="house-title house-desc">
<title id="house-title">The house</title>
<desc id="house-desc">The storeys of the package from the top down. A module imports
from storeys below its own only; modules of one storey don't know one another.</desc>
<style>{_STYLE.strip().replace("{", "{{").replace("}", "}}")}</style>
""".strip()


def setup(app: Sphinx) -> dict[str, Any]:
    """
    Register with Sphinx.
    """
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}


def _fill(_app: Sphinx, _page: str, source: list[str]) -> None:
    if _MARKER in source[0]:
        picture = f"```{{raw}} html\n{draw(storeys())}\n```"
        source[0] = source[0].replace(_MARKER, picture)


def storeys(project: Path = _PROJECT) -> list[list[str]]:
    """
    Read the storeys, the highest first, each with the modules that are in it.
    """
    (layers,) = _LAYERS.findall(project.read_text())
    return [
        [name.strip(" ()") for name in storey.split("|")]
        for storey in _STOREY.findall(layers)
    ]


def draw(house: Sequence[Sequence[str]]) -> str:
    """
    Draw storeys as SVG, with no empty line in it: Markdown may hold it.
    """
    drawn: list[str] = []
    top = 8
    for storey in house:
        lines = list(_lines(storey))
        drawn += _storey(storey, lines, top)
        top += len(lines) * _LINE + 10
    return "\n".join([_HEAD.format(width=_WIDTH, height=top), *drawn, "</svg>"])


def _lines(storey: Sequence[str]) -> Iterator[list[tuple[str, float, float]]]:
    """
    Place rooms side by side: name, left edge, width; a new line where one is full.
    """
    line: list[tuple[str, float, float]] = []
    left = 12.0
    for name in storey:
        width = len(name) * _LETTER + 12
        if line and left + width > _NOTES_AT - 16:
            yield line
            line, left = [], 12.0
        line.append((name, left, width))
        left += width + _GAP
    yield line


def _storey(
    storey: Sequence[str],
    lines: Sequence[Sequence[tuple[str, float, float]]],
    top: float,
) -> Iterator[str]:
    height = len(lines) * _LINE + 6
    kind = ' class="parts"' if "batchers" in storey else ""
    yield f"<g{kind}>"
    yield (
        f'<rect class="storey" x="4" y="{top}" width="{_WIDTH - 8}" height="{height}"/>'
    )
    for number, line in enumerate(lines):
        y = top + 4 + number * _LINE
        for name, left, width in line:
            yield (
                f'<rect class="room" x="{left:.1f}" y="{y}" width="{width:.1f}"'
                f' height="{_LINE - 4}" rx="3"/>'
            )
            yield (
                f'<text class="name" x="{left + width / 2:.1f}" y="{y + 14}"'
                f' text-anchor="middle">{escape(name)}</text>'
            )
    for note in (NOTES[name] for name in storey if name in NOTES):
        middle = top + height / 2 + 4
        yield f'<text class="note" x="{_NOTES_AT}" y="{middle}">{escape(note)}</text>'
    yield "</g>"
