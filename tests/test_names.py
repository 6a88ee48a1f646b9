"""
The naming rules.
"""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKind
from databricks_forwarder.mparticle.names import (
    candidates,
    common_name,
    feed_name,
    feed_owner,
    kind_name,
    normalise,
    owner_of,
    table_name,
)

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
MAYBE_TEXT = st.none() | ANY_TEXT
KINDS = st.builds(
    EventKind,
    st.sampled_from(["custom_event", "commerce_event"]) | MAYBE_TEXT,
    MAYBE_TEXT,
    MAYBE_TEXT,
)


def is_legal(name: str) -> bool:
    """
    Tell whether Unity Catalog takes *name* as it is.
    """
    return (
        1 <= len(name) <= 255
        and name == name.lower()
        and re.search(r"[. /\x00-\x1f\x7f]", name) is None
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SignUp", "signup"),
        ("my cool app", "mycoolapp"),
        (" tab\tand\nline\u00a0", "tabandline"),
        ("a.b/c-d`e", "a_b_c_d_e"),
        ("a\x00b\x7fc", "a_b_c"),
        ("half \ud800", "half_"),
        ("Größe 2", "größe2"),
        ("日本 語", "日本語"),
        ("Ame\u0301lie", "am\u00e9lie"),
        ("İstanbul", "i_stanbul"),
        ("_", "_d2e2adf7"),
        ("🎉", "_6146299c"),
        ("🎊", "_5961e6df"),
        ("", "_e3b0c442"),
    ],
)
def test_normalised_name(text: str, name: str) -> None:
    """
    A name is lower case without spaces, and `_` for what is neither letter nor digit.
    """
    actual = normalise(text)

    assert name == actual


@settings(deadline=None)
@given(ANY_TEXT)
def test_any_text_becomes_a_legal_name(text: str) -> None:
    """
    Whatever the text, its name is one that Unity Catalog takes.
    """
    name = normalise(text)

    assert is_legal(name)


@settings(deadline=None)
@given(ANY_TEXT)
def test_any_name_has_a_letter_or_digit(text: str) -> None:
    """
    No name is made of underscores alone.
    """
    name = normalise(text)

    assert any(char.isalnum() for char in name)


@settings(deadline=None)
@given(ANY_TEXT)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    """
    A normalised name is its own name.
    """
    name = normalise(text)

    assert name == normalise(name)


@settings(deadline=None)
@given(ANY_TEXT)
def test_a_name_is_in_composed_form(text: str) -> None:
    """
    Two spellings of one letter are one name.
    """
    name = normalise(text)

    assert name == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize("length", [254, 255])
def test_a_name_that_fits_is_not_cut(length: int) -> None:
    """
    255 characters are left alone.
    """
    name = normalise("a" * length)

    assert "a" * length == name


@pytest.mark.parametrize("length", [256, 300])
def test_a_name_that_is_too_long_is_cut_and_marked(length: int) -> None:
    """
    A cut name has 255 characters, the last nine a mark of the whole text.
    """
    name = normalise("a" * length)
    expected = "a" * 246 + "_"

    assert expected == name[:-8]
    assert is_legal(name)


def test_long_names_with_one_beginning_stay_apart() -> None:
    """
    Two long texts that differ only after the cut have two names.
    """
    first, second = (normalise("a" * 299 + last) for last in "bc")

    assert first != second


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EventKind("custom_event", "Navigation", "SignUp"), "event_navigation_signup"),
        (EventKind("custom_event", None, "SignUp"), "event_signup"),
        (EventKind("custom_event", "", "SignUp"), "event_signup"),
        (EventKind("custom_event", "other"), "event_other"),
        (EventKind("custom_event"), "event"),
        (EventKind("custom_event", "other", "🎉"), "event_other__6146299c"),
        (EventKind("commerce_event", None, "add_to_cart"), "ecomm_add_to_cart"),
        (EventKind("commerce_event"), "ecomm"),
        (EventKind("session_start"), "session_start"),
        (EventKind("Something New"), "somethingnew"),
        (EventKind(""), "unknown_event"),
        (EventKind(None), "no_event"),
    ],
)
def test_name_of_a_kind(kind: EventKind, name: str) -> None:
    """
    A kind's name follows mParticle's warehouses; what is not told is left out.
    """
    actual = kind_name(kind)

    assert name == actual


@settings(deadline=None)
@given(KINDS)
def test_any_kind_has_legal_candidates(kind: EventKind) -> None:
    """
    Whatever an event is called, each of its candidates is a legal name.
    """
    names = candidates(kind_name(kind), owner_of(kind))

    assert all(is_legal(name) for name in names)


@settings(deadline=None)
@given(KINDS)
def test_any_kind_has_different_candidates(kind: EventKind) -> None:
    """
    A kind's candidates differ from one another.
    """
    names = candidates(kind_name(kind), owner_of(kind))

    assert len(names) == len(set(names))


@pytest.mark.parametrize("length", [1, 246, 247, 255, 300])
def test_candidates_fit_at_any_length(length: int) -> None:
    """
    The hash of the owner takes its room from the name.
    """
    names = candidates("a" * length, "owner")

    assert all(is_legal(name) for name in names)


def test_candidates_are_plain_first() -> None:
    """
    The plain name is the most wanted, then more and more of the owner's hash.
    """
    names = candidates("SignUp", "owner")
    expected = (
        "signup",
        "signup_4c102969",
        "signup_4c1029697ee358715d3a14a2add817c4",
    )

    assert expected == names


@pytest.mark.parametrize(
    ("feed", "event_name", "name"),
    [
        ("Acme Ads", None, "acmeads"),
        ("Acme Ads", "Clicked It", "acmeads_clickedit"),
        ("Acme Ads", "", "acmeads"),
        ("Acme Ads", "🎉", "acmeads__6146299c"),
    ],
)
def test_name_of_a_feed(feed: str, event_name: str | None, name: str) -> None:
    """
    A feed's table is named after the partner, and the event if there is one.
    """
    actual = feed_name(feed, event_name)

    assert name == actual


@settings(deadline=None)
@given(KINDS, KINDS)
def test_two_kinds_are_two_owners(first: EventKind, second: EventKind) -> None:
    """
    Owners are the same exactly when their kinds are.
    """
    same_owner = owner_of(first) == owner_of(second)

    assert (first == second) == same_owner


@settings(deadline=None)
@given(KINDS)
def test_an_owner_is_ascii(kind: EventKind) -> None:
    """
    An owner can be stored anywhere, whatever the event is called.
    """
    owner = owner_of(kind)

    assert owner.isascii()


def test_owners_are_spelt_for_ever() -> None:
    """
    The spelling of owners is what stored names hang on.
    """
    owners = [
        owner_of(EventKind("custom_event", None, "é")),
        feed_owner("acme"),
        feed_owner("acme", "name", "x"),
    ]
    expected = [
        '["custom_event", null, "\\u00e9"]',
        'feed:["acme"]',
        'feed:["acme", "name", "x"]',
    ]

    assert expected == owners


def test_name_of_the_common_table() -> None:
    """
    The common table is named after the schema, in lower case.
    """
    name = common_name("Main_Events")
    expected = "main_events_otherevents"

    assert expected == name


def test_a_schema_that_can_name_no_table_is_refused() -> None:
    """
    A schema's name that no catalog takes is a wrong setting.
    """
    with pytest.raises(ConfigurationError, match="holds ' '"):
        common_name("main events")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Signups", "signups"),
        ("größe-2`x", "größe-2`x"),
        ("A" * 255, "a" * 255),
    ],
)
def test_a_legal_name_is_taken_in_lower_case(text: str, name: str) -> None:
    """
    A chosen name is kept but for its case, as the catalog keeps it.
    """
    actual = table_name(text)

    assert name == actual


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "at least one character"),
        (7, "not a value of int"),
        (None, "not a value of NoneType"),
        ("a" * 256, "has 256 characters"),
        ("a.b", r"holds '\.'"),
        ("a b", "holds ' '"),
        ("a/b", "holds '/'"),
        ("a\x00", r"holds '\\x00'"),
        ("a\x1f", r"holds '\\x1f'"),
        ("a\x7f", r"holds '\\x7f'"),
        ("a\ud800", r"holds '\\ud800'"),
    ],
)
def test_an_illegal_name_is_refused(text: object, problem: str) -> None:
    """
    A chosen name that the catalog would refuse is refused with what is wrong.
    """
    with pytest.raises(ConfigurationError, match=problem):
        table_name(text)
