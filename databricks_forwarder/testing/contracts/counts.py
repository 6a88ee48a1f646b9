"""
What event counts must do: clauses C1 to C5, and C6 of those that list.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._counts_counting import Counting
from databricks_forwarder.testing.contracts._counts_hooks import (
    DAY,
    KIND,
    LOADS,
    LONG_AGO,
    named,
)
from databricks_forwarder.testing.contracts._counts_listing import Listing
from databricks_forwarder.testing.contracts._counts_naming import Naming

__all__ = ["EventCountsContract"]


# pytest collects the tests of the last one first: C1 comes before C3.
class EventCountsContract(Listing, Naming, Counting):
    """
    Inherit this to examine event counts.

    C6, of `databricks_forwarder.abilities.ListingEventCounts`, is asked of those
    that are such.
    """

    @clause("C4")
    def test_c4_what_was_kept_is_found_after_reopening(self) -> None:
        """
        Counts and names are there when opened again.
        """
        first = self._open()
        first.add(LOADS[0], {KIND: 3}, on=DAY)
        first.give({"a": named("x")})
        second = self._open()
        expected_totals, expected_names = {KIND: 3}, {"a": "x", "b": "y"}

        assert expected_totals == second.totals([KIND], since=LONG_AGO)
        assert expected_names == second.give({"b": named("x", "y"), "a": named("z")})

    @clause("C5")
    def test_c5_many_threads_add(self) -> None:
        """
        Nothing that threads add side by side is lost.
        """
        counts = self._open()
        with ThreadPoolExecutor(8) as threads:
            list(
                threads.map(
                    lambda load_id: counts.add(load_id, {KIND: 1}, on=DAY),
                    LOADS,
                )
            )
        expected = {KIND: len(LOADS)}

        assert expected == counts.totals([KIND], since=LONG_AGO)

    @clause("C5")
    def test_c5_many_threads_give(self) -> None:
        """
        Threads that wish for one name at a time each get a name of their own.
        """
        counts = self._open()
        owners = [f"owner{place}" for place in range(40)]
        wishes = [{owner: named("x", f"x_{owner}")} for owner in owners]
        with ThreadPoolExecutor(8) as threads:
            given = list(threads.map(counts.give, wishes))
        names = {name for answer in given for name in answer.values()}

        assert len(owners) == len(names)
        assert "x" in names
