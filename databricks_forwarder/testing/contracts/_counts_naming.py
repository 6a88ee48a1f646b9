"""
What names event counts must give: C3.
"""

from __future__ import annotations

import pytest

from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._counts_hooks import CountsHooks, named

__all__ = ["Naming"]


class Naming(CountsHooks):
    """
    Tests of giving and proposing names.
    """

    @clause("C3")
    def test_c3_the_most_wanted_name_is_given(self) -> None:
        """
        An owner gets the first of its wishes that no one has.
        """
        counts = self._open()
        counts.give({"a": named("x")})
        expected = {"b": "y"}

        assert expected == counts.give({"b": named("x", "y", "z")})

    @clause("C3")
    def test_c3_a_name_stays(self) -> None:
        """
        An owner keeps its name, whatever it wishes later.
        """
        counts = self._open()
        counts.give({"a": named("x")})
        expected = {"a": "x"}

        assert expected == counts.give({"a": named("y")})
        assert expected == counts.give({"a": []})
        assert expected == counts.given(["a", "b"])

    @clause("C3")
    def test_c3_a_name_that_was_only_wished_is_free(self) -> None:
        """
        What an owner wished and did not get belongs to no one.
        """
        counts = self._open()
        counts.give({"a": named("x", "y")})
        expected = {"b": "y"}

        assert expected == counts.give({"b": named("y")})

    @clause("C3")
    def test_c3_no_two_owners_share_within_one_call(self) -> None:
        """
        Owners that wish for the same name in one call get different ones.
        """
        counts = self._open()
        given = counts.give(
            {owner: named("x", f"x_{owner}") for owner in ("a", "b", "c")}
        )
        expected = {"a": "x", "b": "x_b", "c": "x_c"}

        assert expected == given

    @clause("C3")
    def test_c3_nothing_is_given_if_one_owner_gets_nothing(self) -> None:
        """
        When all wishes of an owner are others', it is named and no one gets any.
        """
        counts = self._open()
        counts.give({"a": named("x")})

        with pytest.raises(ValueError, match="unlucky"):
            counts.give({"b": named("y"), "unlucky": named("x")})
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
        wishes = {f"owner {place}": named(f"n{place}") for place in range(5_000)}
        expected = {owner: names[0] for owner, names in wishes.items()}

        assert expected == counts.give(wishes)
        assert expected == counts.given(list(wishes))

    @clause("C3")
    def test_c3_a_proposal_is_what_would_be_given(self) -> None:
        """
        What is proposed is what is given then, old names and new ones.
        """
        counts = self._open()
        counts.give({"a": named("x")})
        wishes = {"a": named("z"), "b": named("x", "y"), "c": named("y", "z")}
        expected = {"a": "x", "b": "y", "c": "z"}

        assert expected == counts.propose(wishes)
        assert expected == counts.give(wishes)

    @clause("C3")
    def test_c3_a_proposal_gives_nothing(self) -> None:
        """
        A name that was only proposed is nobody's.
        """
        counts = self._open()
        counts.propose({"a": named("x")})
        expected = {"b": "x"}

        assert not counts.given(["a"])
        assert expected == counts.give({"b": named("x")})

    @clause("C3")
    def test_c3_a_proposal_is_refused_as_giving_would_be(self) -> None:
        """
        When all wishes of an owner are others', there is nothing to propose.
        """
        counts = self._open()
        counts.give({"a": named("x")})

        with pytest.raises(ValueError, match="unlucky"):
            counts.propose({"unlucky": named("x")})
