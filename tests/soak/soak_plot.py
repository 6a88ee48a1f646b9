"""
The soak's figures over time, as SVG that suits a light and a dark page.
"""

from __future__ import annotations

from collections.abc import Sequence

_PANELS = (
    ("resident_kb", "memory, MB", 1 / 1024),
    ("open_files", "open files", 1.0),
    ("threads", "threads", 1.0),
    ("spool_kb", "spool, KB", 1.0),
    ("pending", "messages pending", 1.0),
)
_WIDTH, _HEIGHT, _LEFT, _TOP = 720, 96, 150, 34


def plotted(destination: str, samples: Sequence[dict[str, float]]) -> str:
    """
    Draw a panel for each figure, all from zero, over the minutes.
    """
    began = samples[0]["at"]
    minutes = [(sample["at"] - began) / 60 for sample in samples]
    panels = [
        _panel(index, title, minutes, [sample[name] * scale for sample in samples])
        for index, (name, title, scale) in enumerate(_PANELS)
    ]
    height = _TOP + len(_PANELS) * _HEIGHT + 26
    title = f"a host at a steady rate, into a {destination}"
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" '
                f'height="{height}" viewBox="0 0 {_WIDTH} {height}" role="img" '
                f'font-family="sans-serif" font-size="12">'
            ),
            f"<title>{title}</title>",
            (
                "<style>text{fill:#333}line{stroke:#999}polyline{stroke:#06c}"
                "@media(prefers-color-scheme:dark){text{fill:#ddd}line{stroke:#666}"
                "polyline{stroke:#6af}}</style>"
            ),
            f'<text x="12" y="20" font-size="14">{title}</text>',
            *panels,
            f'<text x="{_LEFT}" y="{height - 8}">0</text>',
            (
                f'<text x="{_WIDTH - 12}" y="{height - 8}" text-anchor="end">'
                f"{minutes[-1]:.0f} minutes</text>"
            ),
            "</svg>",
            "",
        ]
    )


def _panel(
    index: int, title: str, minutes: Sequence[float], values: Sequence[float]
) -> str:
    top = _TOP + index * _HEIGHT
    bottom = top + _HEIGHT - 24
    most = max(*values, 1.0)
    width = _WIDTH - _LEFT - 12
    points = " ".join(
        f"{_LEFT + minute / minutes[-1] * width:.1f},"
        f"{bottom - value / most * (bottom - top):.1f}"
        for minute, value in zip(minutes, values, strict=True)
    )
    return (
        f'<text x="12" y="{top + 30}">{title}</text>'
        f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{most:.0f}</text>'
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
        f'<line x1="{_LEFT}" y1="{bottom}" x2="{_WIDTH - 12}" y2="{bottom}"/>'
        f'<polyline fill="none" stroke-width="1.5" points="{points}"/>'
    )
