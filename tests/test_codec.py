"""
Values as text: what was written is what is read.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder.errors import BatcherError
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    EventKey,
    LoadReport,
    OffsetRange,
    StagedFile,
    Table,
    TableReport,
)

counts = st.integers(min_value=0, max_value=2**53)
texts = st.text(st.characters(exclude_categories=["Cs"]))
moments = st.datetimes(timezones=st.just(timezone.utc))
accounts = st.builds(
    Account, received=counts, loaded=counts, dead=counts, dropped=counts, pending=counts
)
tables = st.builds(
    TableReport,
    table=texts,
    row_count=counts,
    file_count=counts,
    size_bytes=counts,
    state=st.sampled_from(["loaded", "parked"]),
    reason=st.none() | texts,
)
letters = st.builds(
    DeadLetter,
    offset=counts,
    received_at=moments,
    message_count=counts,
    reason=texts,
    load_id=texts,
    payload=st.none(),
)
reports = st.builds(
    LoadReport,
    load_id=texts,
    offsets=st.builds(OffsetRange, counts, counts),
    attempt=counts,
    settled_at=moments,
    account=accounts,
    tables=st.lists(tables, max_size=3).map(tuple),
    dead=st.lists(letters, max_size=3).map(tuple),
    rescued_row_count=counts,
    reason=st.none() | texts,
)


@settings(deadline=None)
@given(reports)
def test_a_report_comes_back_equal(report: LoadReport) -> None:
    """
    Whatever a report holds, reading its text gives an equal one.
    """
    assert report == from_text(to_text(report), LoadReport)


STAGED = StagedFile(load_id="a-0-1", table="t", uri="/x", row_count=1, size_bytes=2)
KEY = EventKey("custom_event", event_name="Ünder", feed="f")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((STAGED, STAGED), tuple[StagedFile, ...]),
        ([STAGED], list[StagedFile]),
        ([(KEY, Table("t")), (KEY, None)], list[tuple[EventKey, Table | None]]),
        ({"t": STAGED}, dict[str, StagedFile]),
        ("text", str),
        (7, int),
        (None, type(None)),
    ],
    ids=str,
)
def test_containers_come_back_equal(value: object, kind: type) -> None:
    """
    Tuples, lists and dicts of values are what they were.
    """
    told = from_text(to_text(value), kind)

    assert value == told
    assert type(value) is type(told)


def test_a_key_that_comes_back_is_as_good_as_its_original() -> None:
    """
    A value that was read can be looked up.
    """
    assert 1 == {KEY: 1}[from_text(to_text(KEY), EventKey)]


def test_equal_values_have_one_text() -> None:
    """
    The order in which a dict was filled does not show.
    """
    assert to_text({"a": 1, "b": 2}) == to_text({"b": 2, "a": 1})


def test_a_moment_of_another_zone_comes_back_as_the_same_moment() -> None:
    """
    Microseconds and the offset to UTC are kept.
    """
    at = datetime(2026, 3, 14, 12, 0, 0, 1, timezone(timedelta(hours=-5)))

    assert at == from_text(to_text(at), datetime)


def test_what_a_later_version_adds_is_passed_over() -> None:
    """
    Fields that are not known here are left out.
    """
    assert Account(received=1) == from_text('{"received":1,"lost":0}', Account)


@pytest.mark.parametrize("text", ["", "[]", '{"received":"x"}', "{"])
def test_text_of_another_kind_is_told_without_its_content(text: str) -> None:
    """
    The error says what was to be read, not what was found.
    """
    with pytest.raises(BatcherError, match="queue is no Account; read it with"):
        from_text(text, Account)
