"""
The strategies that draw payloads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from databricks_forwarder._door import admit
from databricks_forwarder.mparticle.batch import BODIES, Batch
from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.mparticle.json_text import parse_json
from databricks_forwarder.mparticle.shapes import object_shape
from databricks_forwarder.testing.strategies import (
    Members,
    Number,
    json_texts,
    odd_payloads,
    payloads,
)

QUIET = settings(
    max_examples=60, deadline=None, suppress_health_check=list(HealthCheck)
)


SEARCH = settings(QUIET, max_examples=5000, derandomize=True, phases=[Phase.generate])


def never_drawn(
    strategy: st.SearchStrategy[Any], wanted: Mapping[Any, Callable[[Any], bool]]
) -> set[Any]:
    """
    The names of what a strategy does not draw in a long search.

    The search ends as soon as all that is wanted was seen.
    """
    left = set(wanted)

    def is_all_seen(example: Any) -> bool:
        left.difference_update([name for name in left if wanted[name](example)])
        return not left

    with suppress(NoSuchExample):
        find(strategy, is_all_seen, settings=SEARCH)
    return left


def has_repeated_keys(payload: bytes) -> bool:
    """
    Whether a key comes twice in one object of a payload.
    """
    repeated: list[str] = []

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in members]
        repeated.extend(key for key in keys if keys.count(key) > 1)
        return dict(members)

    json.loads(payload, object_pairs_hook=pairs, parse_int=str)
    return bool(repeated)


# -- the writer -------------------------------------------------------------


@QUIET
@given(st.data())
def test_a_tree_is_written_as_its_json(data: st.DataObject) -> None:
    """
    A tree without repeated keys is read back by any JSON reader as it was.
    """
    tree = Members(
        [
            ("a", [1, None, True, "é\U0001f600", []]),
            ("b", Members([("c", Number("1e2")), ("", Members([]))])),
            ("\ud800", "half \udfff"),
        ]
    )
    expected = {
        "a": [1, None, True, "é\U0001f600", []],
        "b": {"c": 100.0, "": {}},
        "\ud800": "half \udfff",
    }

    assert expected == json.loads(data.draw(json_texts(tree)).encode())


@QUIET
@given(st.data())
def test_numbers_are_written_as_they_are_spelt(data: st.DataObject) -> None:
    """
    A number keeps its spelling, whether or not Python has a value for it.
    """
    tree = [Number("-0.0"), Number("1E+400"), Number("9" * 5000)]
    text = data.draw(json_texts(tree))

    assert ["-0.0", "1E+400", "9" * 5000] == json.loads(
        text, parse_int=str, parse_float=str
    )


@QUIET
@given(st.data())
def test_a_repeated_key_is_written_again(data: st.DataObject) -> None:
    """
    A key that comes twice in the tree comes twice in the text, in order.
    """
    text = data.draw(json_texts(Members([("a", 1), ("b", 2), ("a", 3)])))

    assert [("a", 1), ("b", 2), ("a", 3)] == json.loads(text, object_pairs_hook=list)


def test_white_space_and_escapes_are_drawn() -> None:
    """
    The same tree is written with different white space, and escaped or not.
    """
    signs = (" ", "\n", "\t", "\\u0061", '"a":1', '"a"\n:')
    texts = json_texts(Members([("a", 1)]))

    assert set() == never_drawn(
        texts, {sign: lambda text, sign=sign: sign in text for sign in signs}
    )


# -- clean payloads ---------------------------------------------------------


@QUIET
@given(payloads())
def test_a_clean_payload_is_a_batch_of_which_nothing_is_rescued(payload: bytes) -> None:
    """
    The door takes a clean payload, and each of its members has a place.
    """
    decoded = decode(payload)
    rescued = [decoded.rescued, *(event.rescued for event in decoded.events)]

    assert (len(decoded.events) or 1) == admit(payload, 2**30).message_count
    assert {None} == set(rescued)
    assert not has_repeated_keys(payload)


def test_each_event_type_is_drawn() -> None:
    """
    Clean payloads have events of each type, and of one that nobody knows.
    """
    types = [*BODIES, "never_heard_of"]

    assert set() == never_drawn(
        payloads().map(decode),
        {
            name: lambda decoded, name=name: (
                name in [event.event_type for event in decoded.events]
            )
            for name in types
        },
    )


def test_each_member_of_a_batch_is_drawn() -> None:
    """
    Clean payloads have each member of a batch, with a value.
    """
    names = [each.name for each in object_shape(Batch).fields]

    assert set() == never_drawn(
        payloads().map(decode),
        {
            name: lambda decoded, name=name: getattr(decoded.batch, name) is not None
            for name in names
        },
    )


def test_both_forms_of_identities_are_drawn() -> None:
    """
    Clean payloads have identities as an object and as a list.
    """
    identities = payloads().map(lambda each: decode(each).batch.user_identities)

    assert set() == never_drawn(
        identities,
        {
            form: lambda value, form=form: isinstance(value, form) and len(value) > 0
            for form in (dict, list)
        },
    )


# -- odd payloads -----------------------------------------------------------


@QUIET
@given(odd_payloads())
def test_an_odd_payload_passes_the_door(payload: bytes) -> None:
    """
    However odd a payload is, the door takes it and it can be decoded.
    """
    count = admit(payload, 2**30).message_count

    assert (len(decode(payload).events) or 1) == count


ODDITIES: dict[str, Callable[[bytes], bool]] = {
    "a repeated key": has_repeated_keys,
    "an unknown key": lambda payload: any(
        "/" not in pointer[1:] and "~" not in pointer
        for pointer in decode(payload).rescued or {}
    ),
    "an odd event": lambda payload: any(
        each.rescued and "/events" in each.rescued for each in decode(payload).events
    ),
    "something in an event": lambda payload: any(
        each.rescued and "/events/data" not in each.rescued and each.data is not None
        for each in decode(payload).events
    ),
    "half a surrogate pair": lambda payload: (
        re.search(rb"\\ud800", payload) is not None
    ),
    "a number past any double": lambda payload: b"e400" in payload,
    "a number of many digits": lambda payload: b"9" * 5000 in payload,
    "another case": lambda payload: re.search(rb'"[A-Z]+_[A-Z]+"', payload) is not None,
    "repeated events": lambda payload: payload.count(b'"events"') > 1,
    "no events": lambda payload: not parse_json(payload)["events"],
}


def test_each_oddity_is_drawn() -> None:
    """
    Odd payloads have each of the oddities that they are there for.
    """
    assert set() == never_drawn(odd_payloads(), ODDITIES)
