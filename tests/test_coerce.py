"""
The conversions of leaves: exactly or not at all.
"""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databricks_forwarder.mparticle.coerce import (
    COERCIONS,
    UNFIT,
    as_boolean,
    as_integer,
    as_number,
    as_plain_text,
    as_text,
    is_unicode,
)


def is_same(expected: Any, actual: Any) -> bool:
    """
    Equal in value and type, the sign of zero included.
    """
    return type(expected) is type(actual) and repr(expected) == repr(actual)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", ""),
        ("text", "text"),
        ("\ud83d\ude00", UNFIT),
        ("a\ud800", UNFIT),
        ("\x00", "\x00"),
        ("é", "é"),
        (12, "12"),
        (2**70, str(2**70)),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e22, "1e+22"),
        (True, "true"),
        (False, "false"),
        ([], "[]"),
        ({}, "{}"),
        ([1, "é", None], '[1,"\\u00e9",null]'),
        ({"a": {"b": "\ud800"}}, '{"a":{"b":"\\ud800"}}'),
    ],
)
def test_as_text(value: Any, expected: Any) -> None:
    """
    Text stays as it is; any other value becomes its JSON, in ASCII.
    """
    assert is_same(expected, as_text(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("text", "text"),
        (1, "1"),
        (True, "true"),
        ("\udfff", UNFIT),
        ([], UNFIT),
        (["a"], UNFIT),
        ({}, UNFIT),
        ({"a": 1}, UNFIT),
    ],
)
def test_as_plain_text(value: Any, expected: Any) -> None:
    """
    A scalar becomes text; a list or an object is unfit.
    """
    assert is_same(expected, as_plain_text(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (0, 0),
        (-7, -7),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, UNFIT),
        (-(2**63) - 1, UNFIT),
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**63), UNFIT),
        (str(-(2**63) - 1), UNFIT),
        ("9" * 20, UNFIT),
        ("9" * 5000, UNFIT),
        ("+1", UNFIT),
        ("1_0", UNFIT),
        (" 1", UNFIT),
        ("1 ", UNFIT),
        ("1\n", UNFIT),
        ("1.0", UNFIT),
        ("1e3", UNFIT),
        ("0x10", UNFIT),
        ("٣", UNFIT),
        ("\uff11\uff12", UNFIT),
        ("x", UNFIT),
        (1.0, 1),
        (-0.0, 0),
        (1.5, UNFIT),
        (float(2**53 - 1), 2**53 - 1),
        (float(-(2**53) + 1), -(2**53) + 1),
        (float(2**53), UNFIT),
        (float(-(2**53)), UNFIT),
        (1e300, UNFIT),
        (True, UNFIT),
        (False, UNFIT),
        ([], UNFIT),
        ({}, UNFIT),
    ],
)
def test_as_integer(value: Any, expected: Any) -> None:
    """
    An integer of 64 bits comes from a whole number or from ASCII digits.
    """
    assert is_same(expected, as_integer(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (1.5, 1.5),
        (-0.0, -0.0),
        (0, 0.0),
        (2**53, float(2**53)),
        (2**53 + 1, UNFIT),
        (2**53 + 2, float(2**53 + 2)),
        (-(2**53) - 1, UNFIT),
        (2**999, float(2**999)),
        (2**1000, UNFIT),
        (10**400, UNFIT),
        ("1", 1.0),
        ("-1.50", -1.5),
        ("1e3", 1000.0),
        ("1E+3", 1000.0),
        ("2e-3", 0.002),
        ("0.1", 0.1),
        ("1e308", 1e308),
        ("1e309", UNFIT),
        ("-1e999", UNFIT),
        ("1e-400", 0.0),
        ("1e1000", UNFIT),
        (".5", UNFIT),
        ("5.", UNFIT),
        ("+1", UNFIT),
        ("1_0", UNFIT),
        (" 1", UNFIT),
        ("1\n", UNFIT),
        ("NaN", UNFIT),
        ("Infinity", UNFIT),
        ("inf", UNFIT),
        ("1,5", UNFIT),
        ("٣", UNFIT),
        ("x", UNFIT),
        (True, UNFIT),
        (False, UNFIT),
        ([], UNFIT),
        ({}, UNFIT),
    ],
)
def test_as_number(value: Any, expected: Any) -> None:
    """
    A double comes from a number that it can hold, or from text that is one.
    """
    assert is_same(expected, as_number(value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (True, True),
        (False, False),
        ("true", True),
        ("True", True),
        ("false", False),
        ("False", False),
        ("TRUE", UNFIT),
        ("FALSE", UNFIT),
        ("yes", UNFIT),
        ("1", UNFIT),
        (" true", UNFIT),
        (1, UNFIT),
        (0, UNFIT),
        (1.0, UNFIT),
        ([], UNFIT),
        ({}, UNFIT),
    ],
)
def test_as_boolean(value: Any, expected: Any) -> None:
    """
    A boolean comes from a boolean, or from its name in JSON or in Python.
    """
    assert is_same(expected, as_boolean(value))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("ascii", True),
        ("é", True),
        ("\U0001f600", True),
        ("\ud800", False),
        ("a\udfff", False),
        ("\ud83d\ude00", False),
    ],
)
def test_is_unicode(text: str, expected: bool) -> None:
    """
    Text is Unicode unless it holds half a surrogate pair.
    """
    assert expected is is_unicode(text)


def test_each_leaf_type_has_its_conversion() -> None:
    """
    The five leaf types have one conversion each.
    """
    expected = {
        "string": as_plain_text,
        "int64": as_integer,
        "double": as_number,
        "bool": as_boolean,
        "json": as_text,
    }

    assert expected == COERCIONS


@settings(deadline=None)
@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_is_read_from_its_digits(number: int) -> None:
    """
    Every integer of 64 bits is read back from its decimal text.
    """
    assert number == as_integer(str(number))


@settings(deadline=None)
@given(st.integers(min_value=2**63) | st.integers(max_value=-(2**63) - 1))
def test_an_integer_past_64_bits_is_unfit(number: int) -> None:
    """
    No integer outside 64 bits is read, as a number or as text.
    """
    assert [UNFIT, UNFIT] == [as_integer(number), as_integer(str(number))]


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_from_its_text(number: float) -> None:
    """
    Every finite double is read back from its shortest text.
    """
    assert is_same(number, as_number(repr(number)))


@settings(deadline=None)
@given(st.integers(-(2**70), 2**70))
def test_an_integer_in_a_double_is_exact(number: int) -> None:
    """
    An integer is a double only if the double is that very integer.
    """
    actual = as_number(number)

    assert number == actual if int(float(number)) == number else actual is UNFIT


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=6))
def test_no_text_breaks_a_conversion(text: str) -> None:
    """
    Any text converts to a value of the column's type, to null, or not at all.
    """
    types = {"string": str, "int64": int, "double": float, "bool": bool, "json": str}
    actual = {name: COERCIONS[name](text) for name in types}

    assert [] == [
        name
        for name, value in actual.items()
        if value is not None and value is not UNFIT and type(value) is not types[name]
    ]
    assert not isinstance(actual["double"], float) or math.isfinite(actual["double"])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(_JSON, max_size=3) | st.dictionaries(st.text(), _JSON, max_size=3))
def test_a_structure_as_text_is_its_json(value: Any) -> None:
    """
    A list or an object as text is read back as the same value.
    """
    assert value == json.loads(as_text(value))
