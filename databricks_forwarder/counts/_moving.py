"""
What a host counted for itself, brought to the counts that it shares from now on.
"""

from __future__ import annotations

import logging
import threading
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from databricks_forwarder.counts._copy import CountsCopy
    from databricks_forwarder.counts.sqlite import SqliteEventCounts
    from databricks_forwarder.model import LoadId, TableName

__all__ = ["Earlier", "Joining", "Shared"]

_log = logging.getLogger("databricks_forwarder")


class Shared(Protocol):
    """
    Where they are brought to.
    """

    def given(self, owners: Collection[str], /) -> Mapping[str, TableName]:
        """
        The names already given to *owners*.
        """

    def give(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Give each owner a name.
        """

    def propose(
        self, wishes: Mapping[str, Sequence[TableName]], /
    ) -> Mapping[str, TableName]:
        """
        Answer as `give` would now.
        """

    def add_days(
        self, load_id: str, days: Sequence[tuple[str, date, int]], *, on: date
    ) -> None:
        """
        Count days once under a name.
        """


@attrs.frozen
class Earlier:
    """
    Counts and names in a file of one host.

    Attributes:
        counts: The file; it is read and left as it is.
        name: A name that no other host's file has; months are counted once
            under it.
    """

    counts: SqliteEventCounts
    name: str

    def move(self, shared: Shared) -> None:
        """
        Bring everything; doing it again does nothing.

        An owner that has a shared name keeps that, and so does an owner that
        has got the name that this one had here.

        Raises:
            TransientError: Some of it may be there; do it again.
        """
        self._move_names(shared)
        self._move_days(shared)

    def has_counted(self, load_id: LoadId) -> bool:
        """
        Whether a load is among what is brought: told again, it is not counted again.
        """
        return self.counts.has_counted(load_id)

    def _move_names(self, shared: Shared) -> None:
        names = self.counts.names()
        given = shared.given(list(names))
        wishes = {}
        for owner, name in names.items():
            if owner in given:
                if given[owner] != name:
                    _log.warning(
                        "rows of table %s go to table %s from now on: other hosts "
                        "gave that name first",
                        name,
                        given[owner],
                    )
            elif _is_free(shared, owner, name):
                wishes[owner] = [name]
            else:
                _log.warning(
                    "rows of table %s go to another table from now on: other hosts "
                    "gave the name to something else",
                    name,
                )
        if wishes:
            shared.give(wishes)

    def _move_days(self, shared: Shared) -> None:
        days = self.counts.days()
        for month, some in groupby(days, key=lambda each: each[1].strftime("%Y-%m")):
            shared.add_days(f"{self.name}-{month}", list(some), on=days[-1][1])


def _is_free(shared: Shared, owner: str, name: TableName) -> bool:
    try:
        shared.propose({owner: [name]})
    except ValueError:
        return False
    return True


class Joining:
    """
    Brings earlier counts along before anything else is asked; once.

    Args:
        shared: Where to.
        copy: Remembers that it was done.
        earlier: What to bring, if there is anything.
    """

    def __init__(
        self, shared: Shared, copy: CountsCopy, earlier: Earlier | None
    ) -> None:
        self._shared = shared
        self._copy = copy
        self._earlier = earlier
        self._is_over = earlier is None
        self._lock = threading.RLock()
        self._is_under_way = False

    @property
    def awaited(self) -> Earlier | None:
        """
        What is still to be brought along, if there is anything.
        """
        return None if self._copy.has_moved() else self._earlier

    def has_counted(self, load_id: LoadId) -> bool:
        """
        Whether a load is among what is, or was, brought along.
        """
        return self._earlier is not None and self._earlier.has_counted(load_id)

    def join(self) -> None:
        """
        Do it, if it was not done; other threads wait for that.

        Raises:
            TransientError: It was not done yet, or not wholly.
        """
        if not self._is_over:
            # What is brought along comes by the calls that everyone makes: the
            # same thread may be back here, and goes on.
            with self._lock:
                if not self._is_under_way:
                    self._join()

    def _join(self) -> None:
        self._is_under_way = True
        try:
            if self._earlier is not None and not self._copy.has_moved():
                self._earlier.move(self._shared)
                self._copy.note_moved()
            self._is_over = True
        finally:
            self._is_under_way = False
