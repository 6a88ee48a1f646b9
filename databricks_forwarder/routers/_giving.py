"""
How routers ask the event counts for the names of tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.mparticle.names import candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from databricks_forwarder.model import EventKind, LoadId, TableName
    from databricks_forwarder.protocols import EventCounts

__all__ = ["Proposed", "give_names"]


def give_names(
    counts: EventCounts,
    texts: Mapping[str, str],
    *,
    reserved: Collection[TableName],
) -> Mapping[str, TableName]:
    """
    Give each owner a name made from its text, and none of *reserved*.

    Args:
        counts: Where names are kept.
        texts: Owner → what its table is named after.
        reserved: Names that belong to nobody.
    """
    # Sorted, so that it doesn't depend on the order of the load's events who
    # gets a name that two owners wish for.
    wishes = {
        owner: [
            name for name in candidates(texts[owner], owner) if name not in reserved
        ]
        for owner in sorted(texts)
    }
    return counts.give(wishes) if wishes else {}


class Proposed:
    """
    Event counts for one preview: what is given is only proposed.

    Proposals of one preview know of one another, as names given in turn would.
    """

    def __init__(self, counts: EventCounts) -> None:
        self._counts = counts
        self._wishes: dict[str, Sequence[TableName]] = {}

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Tell what was forwarded.
        """
        return self._counts.totals(kinds, since=since)

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count nothing: a preview loads nothing.
        """

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        Tell the names that were given.
        """
        return self._counts.given(owners)

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Propose the names, behind those proposed before.
        """
        return self.propose(wishes)

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Propose the names, behind those proposed before.
        """
        wished = {**self._wishes, **wishes}
        proposed = self._counts.propose(wished)
        self._wishes = wished
        return {owner: proposed[owner] for owner in wishes}
