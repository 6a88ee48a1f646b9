"""
A load while it is carried: its lease, and what is noted of it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._load_facts import LoadFacts
from databricks_forwarder._progress import (
    Progress,
    failure_note,
    restaged_mark,
    staging_note,
)
from databricks_forwarder.errors import ConfigurationError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder._progress import Staging
    from databricks_forwarder._telling import Teller
    from databricks_forwarder.model import Lease, LoadId, ParquetFile, TableName
    from databricks_forwarder.protocols import Batcher, Clock

__all__ = ["BEAT", "CarriedLoad"]

BEAT = timedelta(minutes=1)
"""How long a load may go without a note: well below a lease that makes sense."""

# Of more files than that a loader may have loaded some and not the others:
# which rows are in which of them then matters.
_AT_ONCE = 1000

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


@attrs.define
class CarriedLoad:
    """
    One load in the hands of one holder; all that lasts of it is in its notes.

    Attributes:
        progress: How far it got, as the batcher knows it.
        told: What is told of it.
        begun_at: When this holder took it up.
    """

    lease: Lease
    progress: Progress
    told: LoadFacts
    _batcher: Batcher
    _clock: Clock
    begun_at: datetime
    _noted_at: datetime

    @classmethod
    def of(
        cls, lease: Lease, batcher: Batcher, clock: Clock, teller: Teller
    ) -> CarriedLoad:
        """
        Take up what *batcher* handed out just now.

        Raises:
            ConfigurationError: Its id can't name a folder; nothing was noted.
        """
        _require_plain(lease.load_id)
        told = LoadFacts.of(lease, teller)
        progress, now = Progress(dict(lease.notes)), clock.now()
        return cls(lease, progress, told, batcher, clock, now, now)

    @property
    def id(self) -> LoadId:
        """
        Its name.
        """
        return self.lease.load_id

    def note(self, note: tuple[str, str]) -> None:
        """
        Keep a note with it, durably, and the lease alive.

        Raises:
            LeaseLostError: Another holder has it; nothing was noted.
        """
        at = self._clock.now()
        self._batcher.note(self.id, *note, at=at)
        self.progress.keep(note)
        self._noted_at = at

    def note_staged(self, staging: Staging) -> None:
        """
        Keep what was staged, and that what was erased is no part of it.

        Raises:
            LeaseLostError: Another holder has it.
        """
        self.note(staging_note(staging))
        if self.progress.is_outdated:
            self.note(restaged_mark())

    def require_same_files(self, made: Sequence[ParquetFile]) -> None:
        """
        See that files made again are what was staged before, name by name.

        They would take the places of the earlier ones, which a table may have
        loaded, its answer lost. A table whose note says that it is loaded is
        not loaded again, so its files do not matter. Where records were erased
        since, there may be fewer files, and fewer rows in them: a table that
        has the earlier ones passes the names over.

        Raises:
            PermanentError: They are not; none of them may be staged.
        """
        before = self.progress.staging
        if before is None:
            return
        earlier, again = before.files, _by_table(made)
        for table in sorted(earlier.keys() | again.keys()):
            is_same = earlier.get(table) == again.get(table) or (
                self.progress.is_outdated
                and _is_less(again.get(table, ()), earlier.get(table, ()))
            )
            if not is_same and self.progress.loaded(table) is None:
                msg = (
                    f"table {table} of load {self.id} was staged as other files "
                    "before, by other rules of routing or of how files are cut; see "
                    "whether its rows are there before it is carried on"
                )
                raise PermanentError(msg)

    def beat(self) -> None:
        """
        Keep the lease alive if nothing was noted for long.
        """
        now = self._clock.now()
        if now - self._noted_at >= BEAT:
            self.note(("alive", now.isoformat()))

    def failed(self, what: str) -> int:
        """
        Count a failure, and say how many there were since it was taken up.
        """
        earlier = 0 if self.lease.attempt == 1 else self.progress.failures(what)
        self.note(failure_note(what, earlier + 1))
        return earlier + 1


def _is_less(
    again: Sequence[tuple[str, int]], earlier: Sequence[tuple[str, int]]
) -> bool:
    """
    Whether files are the first ones of *earlier*, with no more rows in all.
    """
    names, known = ([name for name, _ in files] for files in (again, earlier))
    counts, most = (sum(count for _, count in files) for files in (again, earlier))
    is_at_once = len(known) <= _AT_ONCE
    return is_at_once and names == known[: len(names)] and counts <= most


def _require_plain(load_id: LoadId) -> None:
    """
    See that an id can name a folder; our own batchers give no others.
    """
    if not _PLAIN.fullmatch(load_id):
        msg = (
            f"load id {load_id!r} can't name a folder; a batcher names its loads "
            "<id>-<first>-<last>, of letters, digits and hyphens"
        )
        raise ConfigurationError(msg)


def _by_table(
    files: Sequence[ParquetFile],
) -> Mapping[TableName, Sequence[tuple[str, int]]]:
    """
    Of each table its files in order, as `Staging.files` tells them.
    """
    by_table: dict[TableName, list[tuple[str, int]]] = {}
    for file in files:
        by_table.setdefault(file.table, []).append((file.name, file.row_count))
    return by_table
