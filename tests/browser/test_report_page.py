"""
The report as a browser shows it: light and dark, wide and narrow.
"""

from __future__ import annotations

import struct
from contextlib import closing
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from lived import HOSTILE

from databricks_forwarder import Forwarder
from databricks_forwarder.testing.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks_forwarder._report.report import Report

# The first of them waits for two weeks to be lived.
pytestmark = pytest.mark.timeout(300)

SCHEMES = ("light", "dark")
WIDTHS = (1280, 390)
SECTIONS = ("arrived", "late", "dead", "promoted", "sizes", "account")

# Each piece of text that is seen, with the colours that it has, or its box.
_TEXTS = """
() => {
  const seen = e => e.checkVisibility() && e.getClientRects().length > 0;
  const behind = e => {
    for (; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (!/^rgba\\(.*, 0\\)$/.test(colour) && colour !== 'transparent') return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const texts = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].filter(n => n.nodeType === 3 && n.data.trim());
    if (!own.length || !seen(e) || e.localName === 'title') continue;
    const style = getComputedStyle(e);
    texts.push({
      text: e.textContent.trim().slice(0, 60),
      colour: e instanceof SVGElement ? style.fill : style.color,
      behind: behind(e),
      size: parseFloat(style.fontSize),
    });
  }
  return texts;
}
"""
_LABELS = """
() => [...document.querySelectorAll('svg')]
  .filter(e => e.checkVisibility()).map(svg => ({
  box: svg.getBoundingClientRect().toJSON(),
  labels: [...svg.querySelectorAll('text')]
    .map(e => e.getBoundingClientRect().toJSON()),
}))
"""
_TOO_WIDE = """
() => [...document.querySelectorAll('body *')].filter(e => {
  if (e.closest('.scroll, svg') || !e.checkVisibility()) return false;
  const box = e.getBoundingClientRect();
  return box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5
    || (e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline'));
}).map(e => e.outerHTML.slice(0, 120))
"""


@attrs.frozen
class Shown:
    """
    A page in a browser, and what the browser said of it.
    """

    page: Any
    said: list[str]
    asked_for: list[str]


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """
    Open a report from a file, as a person does.
    """
    opened = []

    def shown(report: Report, scheme: str = "light", width: int = 1280) -> Shown:
        context = chromium.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        opened.append(context)
        page = context.new_page()
        result = Shown(page, [], [])
        page.on("console", lambda message: result.said.append(message.text))
        page.on("pageerror", lambda error: result.said.append(str(error)))
        page.on("request", lambda request: result.asked_for.append(request.url))
        page.goto(report.write(tmp_path / "report.html").as_uri())
        return result

    yield shown
    for context in opened:
        context.close()


def _channels(colour: str) -> list[float]:
    inner = colour[colour.index("(") + 1 : colour.index(")")]
    return [float(part) for part in inner.replace("/", ",").split(",")[:3]]


def _luminance(colour: str) -> float:
    """
    Relative luminance, as WCAG 2.2 defines it (w3.org/TR/WCAG22, read 2026-11-26).
    """
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _meet(one: dict[str, float], other: dict[str, float]) -> bool:
    return (
        one["left"] < other["right"]
        and other["left"] < one["right"]
        and one["top"] < other["bottom"]
        and other["top"] < one["bottom"]
    )


def test_contrast_is_measured_as_the_standard_says() -> None:
    """
    Black on white is 21, and a colour on itself 1.
    """
    black, white = "rgb(0, 0, 0)", "rgb(255, 255, 255)"

    assert 21.0 == round(_contrast(black, white), 3)
    assert 1.0 == _contrast(white, white)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_everything_is_seen(
    show: Any, lived: Report, screenshots: Path, scheme: str, width: int
) -> None:
    """
    Tiles, sections, plots and tables are there and take room; a picture is kept.
    """
    page = show(lived, scheme, width).page
    picture = screenshots / f"report-{scheme}-{width}.png"
    page.screenshot(path=picture, full_page=True)
    wanted = [
        *(f"#{section} > h2" for section in SECTIONS),
        ".tiles li:nth-child(4) a",
        "#arrived svg:visible >> nth=1",
        "#arrived table >> nth=0",
        "#late svg >> nth=2",
        "#dead .shares .fill >> nth=0",
        "#promoted .shares .fill >> nth=0",
        "#sizes table",
        "#account .sum",
    ]
    boxes = {each: page.locator(each).first.bounding_box() for each in wanted}
    (drawn_width,) = struct.unpack(">I", picture.read_bytes()[16:20])

    assert [] == [name for name, box in boxes.items() if not box or not box["height"]]
    assert width == drawn_width


def test_the_browser_has_nothing_to_say(show: Any, lived: Report) -> None:
    """
    No error is on the console, and nothing but the file itself is asked for.
    """
    shown = show(lived)
    shown.page.wait_for_load_state("networkidle")

    assert [] == shown.said
    assert [shown.page.url] == shown.asked_for


def test_what_a_name_says_is_text(show: Any, lived: Report) -> None:
    """
    An event whose name is markup is shown as it is spelled, and does nothing.
    """
    page = show(lived).page

    assert HOSTILE.partition("\u202e")[0] in page.inner_text("#promoted")
    assert 0 == page.locator("script, img, iframe, link").count()


def test_a_script_would_not_run(show: Any, lived: Report) -> None:
    """
    The page's own policy forbids what no escaping let through.
    """
    broken = attrs.evolve(
        lived, html=lived.html.replace("</main>", "<script>a()</script></main>")
    )
    shown = show(broken)

    assert ["Executing inline script" in each for each in shown.said] == [True]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_text_can_be_read(
    show: Any, lived: Report, scheme: str, width: int
) -> None:
    """
    Every text has a contrast of 4.5 or more, with all that can be opened open.
    """
    page = show(lived, scheme, width).page
    page.eval_on_selector_all("details", "all => all.forEach(e => e.open = true)")
    texts = page.evaluate(_TEXTS)
    faint = [text for text in texts if _contrast(text["colour"], text["behind"]) < 4.5]

    assert len(texts) > 200
    assert [] == faint
    assert 12 <= min(text["size"] for text in texts)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_label_is_upon_another(show: Any, lived: Report, width: int) -> None:
    """
    Labels of a plot keep apart, and within the plot.
    """
    plots = show(lived, width=width).page.evaluate(_LABELS)
    met = [
        (one, other)
        for plot in plots
        for at, one in enumerate(plot["labels"])
        for other in plot["labels"][at + 1 :]
        if _meet(one, other)
    ]
    outside = [
        label
        for plot in plots
        for label in plot["labels"]
        if label["left"] < plot["box"]["left"] or label["right"] > plot["box"]["right"]
    ]

    assert 5 == len(plots)
    assert [] == met
    assert [] == outside


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_page(show: Any, lived: Report, width: int) -> None:
    """
    Nothing sticks out, but for tables, which scroll by themselves.
    """
    page = show(lived, width=width).page
    page.eval_on_selector_all("details", "all => all.forEach(e => e.open = true)")

    assert [] == page.evaluate(_TOO_WIDE)
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_a_look_answers_the_four_questions(show: Any, lived: Report) -> None:
    """
    What arrived, what is late, what is dead and what is next stand at the top.
    """
    tiles = show(lived).page.locator(".tiles a").all_inner_texts()

    assert [
        "Arrived today\n651 rows\nin 8 loads, 3 tables",
        "Late\nnothing\n95 messages waiting, 4 messages in loads",
        "Dead\n44 messages\n1 load set aside; mostly: not UTF-8 at byte …",
        "Next table of its own\nsession_start\nlikely in 6 days, on Mon 6 Apr",
    ] == tiles


def test_plots_tell_who_cannot_see_them(show: Any, lived: Report) -> None:
    """
    Each plot is an image with a name, and its figures are in a table, too.
    """
    page = show(lived).page
    named = page.locator("svg[role=img][aria-label]:visible").count()
    page.locator("#arrived summary").first.click()

    assert 5 == named
    assert page.locator("#arrived details table").first.is_visible()


def test_a_spool_without_loads_is_told_of(show: Any, tmp_path: Path) -> None:
    """
    Before the first load the page says so, and looks as it should.
    """
    clock = FakeClock()
    made = Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "s", clock=clock)
    with closing(made) as forwarder:
        shown = show(forwarder.report())
    text = shown.page.inner_text("main")

    assert "No load was settled today (UTC) yet." in text
    assert "Nothing is dead; nothing is set aside." in text
    assert [] == shown.page.evaluate(_TOO_WIDE)
    assert [] == shown.said
