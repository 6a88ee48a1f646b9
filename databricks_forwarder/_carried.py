"""
A load while it is carried: its lease, and what is noted of it.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._progress import Progress, failure_note, staging_note
from databricks_forwarder.errors import ConfigurationError, PermanentError

if TYPE_CHECKING:
    from datetime import datetime

    from databricks_forwarder._progress import Staging
    from databricks_forwarder.model import Lease, LoadId
    from databricks_forwarder.protocols import Batcher, Clock

__all__ = ["BEAT", "CarriedLoad"]

BEAT = timedelta(minutes=1)
"""How long a load may go without a note: well below a lease that makes sense."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,199}")


@attrs.define
class CarriedLoad:
    """
    One load in the hands of one holder; all that lasts of it is in its notes.

    Attributes:
        progress: How far it got, as the batcher knows it.
    """

    lease: Lease
    progress: Progress
    _batcher: Batcher
    _clock: Clock
    _noted_at: datetime

    @classmethod
    def of(cls, lease: Lease, batcher: Batcher, clock: Clock) -> CarriedLoad:
        """
        Take up what *batcher* handed out just now.

        Raises:
            ConfigurationError: Its id can't name a folder; nothing was noted.
        """
        _require_plain(lease.load_id)
        return cls(lease, Progress(dict(lease.notes)), batcher, clock, clock.now())

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

    def note_staging(self, staging: Staging) -> None:
        """
        Note what was staged, which stays: it is loaded from then on.

        Raises:
            PermanentError: It was staged as other files before.
        """
        self._require_same_files(staging)
        self.note(staging_note(staging))

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

    def _require_same_files(self, again: Staging) -> None:
        """
        See that what is staged again is what was staged before, file by file.

        A table may have been loaded with the earlier files, and its answer
        lost: other files would be other rows to it.
        """
        before = self.progress.staging
        earlier = {} if before is None else before.files
        for table, files in again.files.items():
            is_same = earlier.get(table, files) == files
            if not is_same and self.progress.loaded(table) is None:
                msg = (
                    f"table {table} of load {self.id} was staged as other files "
                    "before, by other rules of how files are cut; see whether its "
                    "rows are there before it is carried on"
                )
                raise PermanentError(msg)


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
