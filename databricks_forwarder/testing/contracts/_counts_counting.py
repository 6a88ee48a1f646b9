"""
What event counts must count: C1 and C2.
"""

from __future__ import annotations

from datetime import timedelta

from databricks_forwarder.model import EventKind
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._counts_hooks import (
    DAY,
    KIND,
    KINDS,
    LOADS,
    LONG_AGO,
    CountsHooks,
)

__all__ = ["Counting"]


class Counting(CountsHooks):
    """
    Tests of adding and of totals.
    """

    @clause("C1")
    def test_c1_a_load_is_counted_once(self) -> None:
        """
        Adding a load again changes nothing, whatever is said about it.
        """
        counts = self._open()
        counts.add(LOADS[0], {KIND: 3}, on=DAY)
        counts.add(LOADS[0], {KIND: 3}, on=DAY)
        counts.add(LOADS[0], {KIND: 4, KINDS[1]: 1}, on=DAY + timedelta(days=1))
        expected = {KIND: 3}

        assert expected == counts.totals(KINDS, since=LONG_AGO)

    @clause("C1")
    def test_c1_a_load_is_counted_once_also_after_others(self) -> None:
        """
        A load that is added again after newer ones is still known.
        """
        counts = self._open()
        for load_id in [*LOADS, LOADS[0]]:
            counts.add(load_id, {KIND: 1}, on=DAY)
        expected = {KIND: len(LOADS)}

        assert expected == counts.totals([KIND], since=LONG_AGO)

    @clause("C1")
    def test_c1_a_load_without_messages_is_counted_once(self) -> None:
        """
        A load that counted nothing is a load that was counted.
        """
        counts = self._open()
        counts.add(LOADS[0], {}, on=DAY)
        counts.add(LOADS[0], {KIND: 1}, on=DAY)

        assert not counts.totals([KIND], since=LONG_AGO)

    @clause("C1")
    def test_c1_a_load_is_counted_once_also_after_reopening(self) -> None:
        """
        Which loads were counted is kept where the counts are.
        """
        self._open().add(LOADS[0], {KIND: 3}, on=DAY)
        counts = self._open()
        counts.add(LOADS[0], {KIND: 3}, on=DAY)
        expected = {KIND: 3}

        assert expected == counts.totals([KIND], since=LONG_AGO)

    @clause("C2")
    def test_c2_the_first_day_is_included(self) -> None:
        """
        The day asked from counts, the day before it does not.
        """
        counts = self._open()
        for age_days, load_id in enumerate(LOADS):
            counts.add(load_id, {KIND: 1}, on=DAY - timedelta(days=age_days))
        expected = {KIND: 31}

        assert expected == counts.totals([KIND], since=DAY - timedelta(days=30))

    @clause("C2")
    def test_c2_later_days_are_included(self) -> None:
        """
        There is no last day: what was counted later counts too.
        """
        counts = self._open()
        counts.add(LOADS[0], {KIND: 1}, on=DAY + timedelta(days=300))
        expected = {KIND: 1}

        assert expected == counts.totals([KIND], since=DAY)

    @clause("C2")
    def test_c2_each_kind_has_its_own_total(self) -> None:
        """
        Kinds that look alike are counted apart.
        """
        counts = self._open()
        expected = {kind: 10 + place for place, kind in enumerate(KINDS)}
        counts.add(LOADS[0], expected, on=DAY)

        assert expected == counts.totals(KINDS, since=DAY)

    @clause("C2")
    def test_c2_only_what_was_asked_and_forwarded_is_told(self) -> None:
        """
        Kinds not asked for, never forwarded or too old are left out.
        """
        counts = self._open()
        counts.add(LOADS[0], {KINDS[0]: 1, KINDS[1]: 1}, on=DAY)
        counts.add(LOADS[1], {KINDS[2]: 1}, on=DAY - timedelta(days=1))
        expected = {KINDS[0]: 1}

        assert expected == counts.totals([KINDS[0], *KINDS[2:]], since=DAY)

    @clause("C2")
    def test_c2_no_kinds_have_no_totals(self) -> None:
        """
        Asking for no kind is allowed.
        """
        counts = self._open()

        assert not counts.totals([], since=DAY)

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
        counts.add(LOADS[0], expected, on=DAY)

        assert expected == counts.totals(list(expected), since=DAY)
