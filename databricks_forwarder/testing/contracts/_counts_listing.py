"""
How event counts that can be listed are: C6.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import ListingEventCounts
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._counts_hooks import (
    DAY,
    KIND,
    KINDS,
    LOADS,
    LONG_AGO,
    CountsHooks,
    named,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from databricks_forwarder.model import EventKind
    from databricks_forwarder.protocols import EventCounts

__all__ = ["Listing"]


class Listing(CountsHooks):
    """
    Tests of looking through all that there is; passed over by who can't.
    """

    @clause("C6")
    def test_c6_every_kind_is_told_by_day(self) -> None:
        """
        All kinds, those that look alike too, come with each day's messages.
        """
        counts = self._open()
        counts.add(LOADS[0], {kind: 10 + i for i, kind in enumerate(KINDS)}, on=DAY)
        counts.add(LOADS[1], {KIND: 1}, on=DAY)
        counts.add(LOADS[2], {KIND: 5}, on=DAY + timedelta(days=1))
        expected = {kind: {DAY: 10 + i} for i, kind in enumerate(KINDS)}
        expected[KIND] = {DAY: 11, DAY + timedelta(days=1): 5}

        assert expected == _kept(counts, LONG_AGO, expected)

    @clause("C6")
    def test_c6_the_first_day_is_included(self) -> None:
        """
        The day asked from is told; days before it, and kinds of them, are not.
        """
        counts = self._open()
        before = DAY - timedelta(days=1)
        counts.add(LOADS[0], {KIND: 1, KINDS[1]: 1}, on=before)
        counts.add(LOADS[1], {KIND: 2}, on=DAY)
        expected = {KIND: {DAY: 2}}

        assert expected == _kept(counts, DAY, expected)

    @clause("C6")
    def test_c6_all_names_are_told(self) -> None:
        """
        Every owner comes with its name, whichever call it was given in.
        """
        counts = self._open()
        counts.give({"a": named("x")})
        counts.give({"b": named("x", "y")})
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
        at_first = (counts.kept(since=LONG_AGO), counts.names())
        counts.add(LOADS[0], {KIND: 3}, on=DAY)
        counts.give({"a": named("x")})
        for _ in range(2):
            found = (counts.kept(since=LONG_AGO), counts.names())
        expected_totals, expected_names = {KIND: 3}, {"a": "x"}

        assert ({}, {}) == at_first
        assert ({KIND: {DAY: 3}}, expected_names) == found
        assert expected_totals == counts.totals([KIND], since=LONG_AGO)
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
