"""
What event counts must do: clauses C1 to C5, and C6 of those that list.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from databricks_forwarder._abilities import offers
from databricks_forwarder.model import EventKind, LoadId, TableName
from databricks_forwarder.protocols import ListingEventCounts
from databricks_forwarder.testing.contracts._clause import Contract, clause

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from databricks_forwarder.protocols import EventCounts

__all__ = ["EventCountsContract"]

_DAY = date(2026, 3, 31)
_LONG_AGO = _DAY - timedelta(days=90)
_LOADS = [LoadId(f"0123456789ab-{first}-{first}") for first in range(40)]
_KIND = EventKind("custom_event", "navigation", "SignUp")
# Kinds that a careless key would take for one another.
_KINDS = [
    _KIND,
    EventKind("custom_event", "navigation", "signup"),
    EventKind("custom_event", None, "SignUp"),
    EventKind("custom_event", "", "SignUp"),
    EventKind("custom_event", "navigation"),
    EventKind("custom_event", 'navigation", "SignUp'),
    EventKind("custom_event", "other", "🎉"),
    EventKind("custom_event", "other", "half \ud800, nul \x00"),
    EventKind("custom_event", "other", "a" * 300),
    EventKind("commerce_event", None, "SignUp"),
    EventKind("session_start"),
    EventKind(""),
    EventKind(None),
]


def _names(*names: str) -> list[TableName]:
    return [TableName(name) for name in names]


class EventCountsContract(Contract):
    """
    Inherit this to examine event counts.

    C6, of `databricks_forwarder.protocols.ListingEventCounts`, is asked of those
    that are such.
    """

    _to_close: list[EventCounts]

    def open(self) -> EventCounts:
        """
        Open the counts of this test, as a new process sees them.

        All that are opened within one test share one storage, which is empty
        at first; those that have a ``close`` are closed at its end.
        """
        raise NotImplementedError

    def begin(self, tmp_path: Path) -> None:
        """
        Make ready for one test.
        """
        super().begin(tmp_path)
        self._to_close = []

    def end(self) -> None:
        """
        Close what was opened.
        """
        for counts in self._to_close:
            close: Callable[[], None] | None = getattr(counts, "close", None)
            if close is not None:
                close()
        super().end()

    def _open(self) -> EventCounts:
        counts = self.open()
        self._to_close.append(counts)
        return counts

    @clause("C1")
    def test_c1_a_load_is_counted_once(self) -> None:
        """
        Adding a load again changes nothing, whatever is said about it.
        """
        counts = self._open()
        counts.add(_LOADS[0], {_KIND: 3}, on=_DAY)
        counts.add(_LOADS[0], {_KIND: 3}, on=_DAY)
        counts.add(_LOADS[0], {_KIND: 4, _KINDS[1]: 1}, on=_DAY + timedelta(days=1))
        expected = {_KIND: 3}

        assert expected == counts.totals(_KINDS, since=_LONG_AGO)

    @clause("C1")
    def test_c1_a_load_is_counted_once_also_after_others(self) -> None:
        """
        A load that is added again after newer ones is still known.
        """
        counts = self._open()
        for load_id in [*_LOADS, _LOADS[0]]:
            counts.add(load_id, {_KIND: 1}, on=_DAY)
        expected = {_KIND: len(_LOADS)}

        assert expected == counts.totals([_KIND], since=_LONG_AGO)

    @clause("C1")
    def test_c1_a_load_without_messages_is_counted_once(self) -> None:
        """
        A load that counted nothing is a load that was counted.
        """
        counts = self._open()
        counts.add(_LOADS[0], {}, on=_DAY)
        counts.add(_LOADS[0], {_KIND: 1}, on=_DAY)

        assert not counts.totals([_KIND], since=_LONG_AGO)

    @clause("C1")
    def test_c1_a_load_is_counted_once_also_after_reopening(self) -> None:
        """
        Which loads were counted is kept where the counts are.
        """
        self._open().add(_LOADS[0], {_KIND: 3}, on=_DAY)
        counts = self._open()
        counts.add(_LOADS[0], {_KIND: 3}, on=_DAY)
        expected = {_KIND: 3}

        assert expected == counts.totals([_KIND], since=_LONG_AGO)

    @clause("C2")
    def test_c2_the_first_day_is_included(self) -> None:
        """
        The day asked from counts, the day before it does not.
        """
        counts = self._open()
        for age_days, load_id in enumerate(_LOADS):
            counts.add(load_id, {_KIND: 1}, on=_DAY - timedelta(days=age_days))
        expected = {_KIND: 31}

        assert expected == counts.totals([_KIND], since=_DAY - timedelta(days=30))

    @clause("C2")
    def test_c2_later_days_are_included(self) -> None:
        """
        There is no last day: what was counted later counts too.
        """
        counts = self._open()
        counts.add(_LOADS[0], {_KIND: 1}, on=_DAY + timedelta(days=300))
        expected = {_KIND: 1}

        assert expected == counts.totals([_KIND], since=_DAY)

    @clause("C2")
    def test_c2_each_kind_has_its_own_total(self) -> None:
        """
        Kinds that look alike are counted apart.
        """
        counts = self._open()
        expected = {kind: 10 + place for place, kind in enumerate(_KINDS)}
        counts.add(_LOADS[0], expected, on=_DAY)

        assert expected == counts.totals(_KINDS, since=_DAY)

    @clause("C2")
    def test_c2_only_what_was_asked_and_forwarded_is_told(self) -> None:
        """
        Kinds not asked for, never forwarded or too old are left out.
        """
        counts = self._open()
        counts.add(_LOADS[0], {_KINDS[0]: 1, _KINDS[1]: 1}, on=_DAY)
        counts.add(_LOADS[1], {_KINDS[2]: 1}, on=_DAY - timedelta(days=1))
        expected = {_KINDS[0]: 1}

        assert expected == counts.totals([_KINDS[0], *_KINDS[2:]], since=_DAY)

    @clause("C2")
    def test_c2_no_kinds_have_no_totals(self) -> None:
        """
        Asking for no kind is allowed.
        """
        counts = self._open()

        assert not counts.totals([], since=_DAY)

    @clause("C2")
    def test_c2_thousands_of_kinds_can_be_asked_for(self) -> None:
        """
        The number of kinds in one question has no bound of the storage's.
        """
        counts = self._open()
        expected = {
            EventKind("custom_event", "other", f"n{place}"): place + 1
            for place in range(5_000)
        }
        counts.add(_LOADS[0], expected, on=_DAY)

        assert expected == counts.totals(list(expected), since=_DAY)

    @clause("C3")
    def test_c3_the_most_wanted_name_is_given(self) -> None:
        """
        An owner gets the first of its wishes that no one has.
        """
        counts = self._open()
        counts.give({"a": _names("x")})
        expected = {"b": "y"}

        assert expected == counts.give({"b": _names("x", "y", "z")})

    @clause("C3")
    def test_c3_a_name_stays(self) -> None:
        """
        An owner keeps its name, whatever it wishes later.
        """
        counts = self._open()
        counts.give({"a": _names("x")})
        expected = {"a": "x"}

        assert expected == counts.give({"a": _names("y")})
        assert expected == counts.give({"a": []})
        assert expected == counts.given(["a", "b"])

    @clause("C3")
    def test_c3_a_name_that_was_only_wished_is_free(self) -> None:
        """
        What an owner wished and did not get belongs to no one.
        """
        counts = self._open()
        counts.give({"a": _names("x", "y")})
        expected = {"b": "y"}

        assert expected == counts.give({"b": _names("y")})

    @clause("C3")
    def test_c3_no_two_owners_share_within_one_call(self) -> None:
        """
        Owners that wish for the same name in one call get different ones.
        """
        counts = self._open()
        given = counts.give(
            {owner: _names("x", f"x_{owner}") for owner in ("a", "b", "c")}
        )
        expected = {"a": "x", "b": "x_b", "c": "x_c"}

        assert expected == given

    @clause("C3")
    def test_c3_nothing_is_given_if_one_owner_gets_nothing(self) -> None:
        """
        When all wishes of an owner are others', it is named and no one gets any.
        """
        counts = self._open()
        counts.give({"a": _names("x")})

        with pytest.raises(ValueError, match="unlucky"):
            counts.give({"b": _names("y"), "unlucky": _names("x")})
        assert not counts.given(["b", "unlucky"])

    @clause("C3")
    def test_c3_no_owners_get_no_names(self) -> None:
        """
        Giving to no one and asking for no one are allowed.
        """
        counts = self._open()

        assert not counts.give({})
        assert not counts.given([])

    @clause("C3")
    def test_c3_thousands_of_owners_can_be_given_names(self) -> None:
        """
        The number of owners in one call has no bound of the storage's.
        """
        counts = self._open()
        wishes = {f"owner {place}": _names(f"n{place}") for place in range(5_000)}
        expected = {owner: names[0] for owner, names in wishes.items()}

        assert expected == counts.give(wishes)
        assert expected == counts.given(list(wishes))

    @clause("C3")
    def test_c3_a_proposal_is_what_would_be_given(self) -> None:
        """
        What is proposed is what is given then, old names and new ones.
        """
        counts = self._open()
        counts.give({"a": _names("x")})
        wishes = {"a": _names("z"), "b": _names("x", "y"), "c": _names("y", "z")}
        expected = {"a": "x", "b": "y", "c": "z"}

        assert expected == counts.propose(wishes)
        assert expected == counts.give(wishes)

    @clause("C3")
    def test_c3_a_proposal_gives_nothing(self) -> None:
        """
        A name that was only proposed is nobody's.
        """
        counts = self._open()
        counts.propose({"a": _names("x")})
        expected = {"b": "x"}

        assert not counts.given(["a"])
        assert expected == counts.give({"b": _names("x")})

    @clause("C3")
    def test_c3_a_proposal_is_refused_as_giving_would_be(self) -> None:
        """
        When all wishes of an owner are others', there is nothing to propose.
        """
        counts = self._open()
        counts.give({"a": _names("x")})

        with pytest.raises(ValueError, match="unlucky"):
            counts.propose({"unlucky": _names("x")})

    @clause("C4")
    def test_c4_what_was_kept_is_found_after_reopening(self) -> None:
        """
        Counts and names are there when opened again.
        """
        first = self._open()
        first.add(_LOADS[0], {_KIND: 3}, on=_DAY)
        first.give({"a": _names("x")})
        second = self._open()
        expected_totals, expected_names = {_KIND: 3}, {"a": "x", "b": "y"}

        assert expected_totals == second.totals([_KIND], since=_LONG_AGO)
        assert expected_names == second.give({"b": _names("x", "y"), "a": _names("z")})

    @clause("C5")
    def test_c5_many_threads_add(self) -> None:
        """
        Nothing that threads add side by side is lost.
        """
        counts = self._open()
        with ThreadPoolExecutor(8) as threads:
            list(
                threads.map(
                    lambda load_id: counts.add(load_id, {_KIND: 1}, on=_DAY),
                    _LOADS,
                )
            )
        expected = {_KIND: len(_LOADS)}

        assert expected == counts.totals([_KIND], since=_LONG_AGO)

    @clause("C5")
    def test_c5_many_threads_give(self) -> None:
        """
        Threads that wish for one name at a time each get a name of their own.
        """
        counts = self._open()
        owners = [f"owner{place}" for place in range(40)]
        wishes = [{owner: _names("x", f"x_{owner}")} for owner in owners]
        with ThreadPoolExecutor(8) as threads:
            given = list(threads.map(counts.give, wishes))
        names = {name for answer in given for name in answer.values()}

        assert len(owners) == len(names)
        assert "x" in names

    @clause("C6")
    def test_c6_every_kind_is_told_by_day(self) -> None:
        """
        All kinds, those that look alike too, come with each day's messages.
        """
        counts = self._open()
        counts.add(_LOADS[0], {kind: 10 + i for i, kind in enumerate(_KINDS)}, on=_DAY)
        counts.add(_LOADS[1], {_KIND: 1}, on=_DAY)
        counts.add(_LOADS[2], {_KIND: 5}, on=_DAY + timedelta(days=1))
        expected = {kind: {_DAY: 10 + i} for i, kind in enumerate(_KINDS)}
        expected[_KIND] = {_DAY: 11, _DAY + timedelta(days=1): 5}

        assert expected == _kept(counts, _LONG_AGO, expected)

    @clause("C6")
    def test_c6_the_first_day_is_included(self) -> None:
        """
        The day asked from is told; days before it, and kinds of them, are not.
        """
        counts = self._open()
        before = _DAY - timedelta(days=1)
        counts.add(_LOADS[0], {_KIND: 1, _KINDS[1]: 1}, on=before)
        counts.add(_LOADS[1], {_KIND: 2}, on=_DAY)
        expected = {_KIND: {_DAY: 2}}

        assert expected == _kept(counts, _DAY, expected)

    @clause("C6")
    def test_c6_all_names_are_told(self) -> None:
        """
        Every owner comes with its name, whichever call it was given in.
        """
        counts = self._open()
        counts.give({"a": _names("x")})
        counts.give({"b": _names("x", "y")})
        expected = {"a": "x", "b": "y"}

        assert expected == (
            counts.names() if offers(counts, ListingEventCounts) else expected
        )

    @clause("C6")
    def test_c6_looking_changes_nothing(self) -> None:
        """
        Before anything is there, there is nothing to tell, and it goes on so.
        """
        counts = self._open()
        if not offers(counts, ListingEventCounts):
            return
        at_first = (counts.kept(since=_LONG_AGO), counts.names())
        counts.add(_LOADS[0], {_KIND: 3}, on=_DAY)
        counts.give({"a": _names("x")})
        for _ in range(2):
            found = (counts.kept(since=_LONG_AGO), counts.names())
        expected_totals, expected_names = {_KIND: 3}, {"a": "x"}

        assert ({}, {}) == at_first
        assert ({_KIND: {_DAY: 3}}, expected_names) == found
        assert expected_totals == counts.totals([_KIND], since=_LONG_AGO)
        assert expected_names == counts.given(["a"])


def _kept(
    counts: EventCounts, since: date, otherwise: Mapping[EventKind, Mapping[date, int]]
) -> Mapping[EventKind, Mapping[date, int]]:
    """
    What is told from a day on; of counts that can't list, *otherwise*.
    """
    if not offers(counts, ListingEventCounts):
        return otherwise
    return counts.kept(since=since)
