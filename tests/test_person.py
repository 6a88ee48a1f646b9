"""
Who a batch is about, and what is told of that.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.mparticle.person import Person, marks_of

ANN = Person.of(["7"], {"customerId": ["c-1", "c-2"], "email": "ann@example.com"})


def payload(**members: Any) -> bytes:
    """
    Make a batch without events.
    """
    return json.dumps(members).encode()


@pytest.mark.parametrize(
    "members",
    [
        {"mpid": 7},
        {"mpid": "7"},
        {"user_identities": {"customerid": "c-2"}},
        {"user_identities": {"customer_id": "c-1", "email": "bob@example.com"}},
        {"user_identities": [{"identity_type": "customerId", "identity": "c-1"}]},
        {"mpid": 8, "user_identities": [None, {"identity_type": "x"}, {}]}
        | {
            "user_identities": [
                {"identity_type": "email", "identity": "ann@example.com"}
            ]
        },
    ],
)
def test_a_batch_with_one_of_the_ids_is_theirs(members: dict[str, Any]) -> None:
    """
    One id is enough, in either form and in any spelling of its type.
    """
    assert ANN.is_in(payload(**members)) is True


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"mpid": 77},
        {"mpid": "x"},
        {"user_identities": {"other": "c-1"}},
        {"user_identities": {"email": "ANN@example.com"}},
        {"user_identities": {"customer_id": ["c-1"]}},
        {"user_identities": [{"identity": "c-1"}, None]},
        {"user_attributes": {"email": "ann@example.com"}},
    ],
)
def test_a_batch_without_the_ids_is_not(members: dict[str, Any]) -> None:
    """
    Another type, another spelling of the identity, or another place is not theirs.
    """
    assert ANN.is_in(payload(**members)) is False


@pytest.mark.parametrize(
    "text",
    [
        b'{"mpid":7,"events":[',
        b'{"user_identities":{"email":"ann@example.com"',
        b"\xff 7 \xff",
    ],
)
def test_what_cannot_be_read_is_theirs_by_its_text(text: bytes) -> None:
    """
    A payload that is no batch is theirs when it spells one of the ids.
    """
    assert ANN.is_in(text) is True


@pytest.mark.parametrize("text", [b'{"mpid":77', b'"-7"', b"ann@example.com", b"{"])
def test_nobody_can_tell_whose_the_rest_is(text: bytes) -> None:
    """
    Without the whole of an id in it, nobody knows.
    """
    assert ANN.is_in(text) is None


def test_letters_beyond_ascii_are_found_however_they_are_spelled() -> None:
    """
    JSON has two spellings of a letter, and both are looked for.
    """
    person = Person.of([], {"email": "größe@example.com"})
    texts = [json.dumps("größe@example.com", ensure_ascii=each) for each in (0, 1)]

    assert [True, True] == [person.is_in(b"[" + text.encode()) for text in texts]


@pytest.mark.parametrize(
    ("mpids", "identities", "words"),
    [
        ([], {}, "name a person by an mpid or an identity"),
        ([], {"email": []}, "name a person by an mpid or an identity"),
        ("12", {}, "mpids must be a list of ids, not one text"),
        (["12a"], {}, "an mpid is a whole number of 64 bits"),
        ([2**63], {}, "an mpid is a whole number of 64 bits"),
        ([True], {}, "an mpid is a whole number of 64 bits"),
        ([None], {}, "an mpid is a whole number of 64 bits"),
        ([], {"email": [""]}, "an identity is a text that is not empty"),
        ([], {"email": [7]}, "an identity is a text that is not empty"),
        ([], {"email": "\ud800"}, "an identity is a text that is not empty"),
    ],
)
def test_who_is_nobody_is_refused(mpids: Any, identities: Any, words: str) -> None:
    """
    What names nobody, or can be in no column, is refused without being quoted.
    """
    with pytest.raises(ConfigurationError, match=f"^{words}$"):
        Person.of(mpids, identities)


def test_a_person_has_no_name_in_a_repr() -> None:
    """
    What is shown of a person is that it is one.
    """
    assert "Person()" == repr(ANN)


def test_marks_of_a_batch_are_those_of_its_person() -> None:
    """
    The same ids have the same marks under one key, and others under another.
    """
    batch = decode(payload(mpid=7, user_identities={"email": "x"})).batch

    assert len(marks_of(batch, "a") & set(ANN.marks("a"))) == 1
    assert not marks_of(batch, "b") & set(ANN.marks("a"))
    assert "ann" not in " ".join(ANN.marks("a"))
