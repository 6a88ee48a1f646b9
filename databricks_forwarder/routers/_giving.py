"""
How routers ask the event counts for the names of tables, and rehearse doing so.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Protocol

from databricks_forwarder.mparticle.names import MAX_NAME_LENGTH, candidates

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from databricks_forwarder.model import EventKind, LoadId, TableName
    from databricks_forwarder.protocols import EventCounts

__all__ = ["Known", "Proposed", "give_names", "naming_of"]


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


def naming_of(
    name: TableName, text: str, owner: str, *, reserved: Collection[TableName]
) -> str | None:
    """
    Say why *name* is not just what *text* is spelled as; None when it is.
    """
    wanted, *others = candidates(text, owner)
    if name in others:
        whose = "belongs to the common table" if wanted in reserved else "is another's"
        return f"Its name ends with a hash because the plain name, {wanted}, {whose}."
    if name != wanted:
        return f"Its name was given under other rules: it would be {wanted} today."
    if _is_cut(text):
        return (
            "Its name ends with a hash because what it is made from is too long for a "
            "name, or has neither letter nor digit."
        )
    return None


def _is_cut(text: str) -> bool:
    spaceless = "".join(text.split())
    return len(spaceless) > MAX_NAME_LENGTH or not any(map(str.isalnum, spaceless))


class Known(Protocol):
    """
    What of event counts a rehearsal asks.
    """

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Messages forwarded of each of *kinds* since that day.
        """

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        The names already given to *owners*.
        """

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Answer as giving names would.
        """


class Proposed:
    """
    Event counts for a rehearsal: what is given and added stays in here.

    Proposals of one rehearsal know of one another, as names given in turn would.
    """

    def __init__(self, counts: Known) -> None:
        self._counts = counts
        self._wishes: dict[str, Sequence[TableName]] = {}
        self._added: dict[LoadId, tuple[date, Mapping[EventKind, int]]] = {}

    def totals(
        self, kinds: Collection[EventKind], /, *, since: date
    ) -> Mapping[EventKind, int]:
        """
        Tell what was forwarded, and what was added in here.
        """
        totals = Counter(self._counts.totals(kinds, since=since))
        for day, counts in self._added.values():
            if day >= since:
                totals.update(
                    {kind: counts[kind] for kind in counts.keys() & set(kinds)}
                )
        return totals

    def add(
        self, load_id: LoadId, counts: Mapping[EventKind, int], /, *, on: date
    ) -> None:
        """
        Count in here.
        """
        self._added.setdefault(load_id, (on, counts))

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        Tell the names that were given, in here too.
        """
        given = dict(self._counts.given(owners))
        mine = [
            owner for owner in owners if owner in self._wishes.keys() - given.keys()
        ]
        return {**given, **self.propose(dict.fromkeys(mine, ()))}

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Propose the names, behind those proposed before, and remember them.
        """
        proposed = self.propose(wishes)
        self._wishes = self._behind(wishes)
        return proposed

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Propose the names, behind those proposed before.
        """
        if not wishes:
            return {}
        proposed = self._counts.propose(self._behind(wishes))
        return {owner: proposed[owner] for owner in wishes}

    def _behind(
        self, wishes: Mapping[str, Sequence[TableName]]
    ) -> dict[str, Sequence[TableName]]:
        """
        Put *wishes* behind the earlier ones; who has a wish already keeps that.
        """
        new = {owner: wishes[owner] for owner in wishes if owner not in self._wishes}
        return {**self._wishes, **new}
