"""
HTML from values.
"""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databricks_forwarder._markup import Html, facts, joined, named, table, tag


class Read(HTMLParser):
    """
    What a parser makes of some markup: its elements, and its text.
    """

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """
        Keep an element.
        """
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """
        Keep text.
        """
        self.text += data


def test_text_is_escaped_and_markup_is_not() -> None:
    """
    A child that is markup goes in as it is, any other as text.
    """
    made = tag("p", "<b>", Html("<b></b>"), 3, None, class_="a", aria_label='"x"')
    expected = '<p class="a" aria-label="&quot;x&quot;">&lt;b&gt;<b></b>3</p>'

    assert expected == made


def test_an_element_without_content_has_no_end() -> None:
    """
    What may hold nothing is closed at once, and an attribute of None left out.
    """
    assert '<meta name="a"/>' == tag("meta", name="a", content=None)


@settings(deadline=None)
@given(st.text())
def test_no_name_makes_an_element(name: str) -> None:
    """
    Whatever a name holds, it is the text of its element and nothing beside.
    """
    read = Read(tag("p", tag("bdi", name), title=name))

    assert ["p", "bdi"] == [element for element, _ in read.elements]
    assert len(name) == len(read.text)


@pytest.mark.parametrize("unseen", ["\x00", "\x1b", "\u202e", "\u2066", "\ud800"])
def test_what_is_not_seen_is_replaced(unseen: str) -> None:
    """
    A character that turns text around, or is none, is seen.
    """
    assert "a\ufffdb" == joined([f"a{unseen}b"])


def test_a_name_may_break_at_underscores() -> None:
    """
    A long name has places where a narrow page breaks it.
    """
    assert "<bdi>a<wbr/>_b<wbr/>_&lt;</bdi>" == named("a_b_<")


def test_a_table_has_headers_and_numbers() -> None:
    """
    Columns of numbers stand to the right, and a caption tells what it is of.
    """
    made = table(("a", "b"), [("x", 1)], caption="c", numbers=[1])
    expected = (
        "<table><caption>c</caption>"
        '<thead><tr><th scope="col">a</th><th class="n" scope="col">b</th></tr></thead>'
        '<tbody><tr><td>x</td><td class="n">1</td></tr></tbody></table>'
    )

    assert expected == made
    assert "caption" not in table((), [])


def test_a_notebook_keeps_its_colours() -> None:
    """
    What is shown in a notebook takes colours from around it.
    """
    made = facts("A <title>", tag("p", "x"))

    assert made.startswith('<div class="dbf"><style>')
    assert "<strong>A &lt;title&gt;</strong><p>x</p></div>" in made
    assert "color:inherit" in made
