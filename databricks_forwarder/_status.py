"""
What a forwarder tells of itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._markup import facts
from databricks_forwarder._shown import account_table, listed, moment_text
from databricks_forwarder.errors import ForwarderError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from databricks_forwarder.maintenance import SmallFiles
    from databricks_forwarder.model import Account, BatcherStatus, LoadId

__all__ = ["Status", "status_of"]


@attrs.frozen(kw_only=True)
class Status:
    """
    How a forwarder stands.

    Attributes:
        account: Of all messages since the spool was made.
        waiting: Messages that are in no load yet.
        oldest_received_at: When the first record that waits was received.
        due_at: When the next load is due; in the past if it is overdue, None
            if nothing waits.
        open_load_ids: Loads begun and not finished.
        parked_load_ids: Loads set aside, wholly or in part.
        stored_bytes: Payload bytes in the spool.
        is_running: Whether the background thread runs.
        destination: How the destination stands, in words, if it has something
            to tell: that its warehouse is starting.
        last_error: What the latest step failed with, in words; None if it did
            not.
        small_files: How many small files the tables have, as far as is known
            without asking for it; None for a loader that can't say.
    """

    account: Account
    waiting: int
    oldest_received_at: datetime | None
    due_at: datetime | None
    open_load_ids: Sequence[LoadId]
    parked_load_ids: Sequence[LoadId]
    stored_bytes: int
    is_running: bool
    destination: str | None
    last_error: str | None
    small_files: SmallFiles | None = None

    def _repr_html_(self) -> str:
        moments = {
            "The oldest received at": self.oldest_received_at,
            "Next load due at": self.due_at,
        }
        told = {
            "Waiting": self.waiting,
            **{name: at and moment_text(at) for name, at in moments.items()},
            "Open loads": ", ".join(self.open_load_ids),
            "Parked loads": ", ".join(self.parked_load_ids),
            "Payload bytes in the spool": self.stored_bytes,
            "Background thread": "runs" if self.is_running else "does not run",
            "Destination": self.destination,
            "Last error": self.last_error,
        }
        return facts("Status", account_table(self.account), listed(told.items()))


def status_of(  # noqa: PLR0913  # each of them is told
    status: BatcherStatus,
    *,
    due_at: datetime | None,
    is_running: bool,
    destination: str | None,
    error: Exception | None,
    small_files: SmallFiles | None = None,
) -> Status:
    """
    Put together what the batcher tells and what the forwarder knows.
    """
    return Status(
        account=status.account,
        waiting=status.waiting,
        oldest_received_at=status.oldest_received_at,
        due_at=due_at,
        open_load_ids=status.open_load_ids,
        parked_load_ids=status.parked_load_ids,
        stored_bytes=status.stored_bytes,
        is_running=is_running,
        destination=destination,
        last_error=None if error is None else _in_words(error),
        small_files=small_files,
    )


def _in_words(error: Exception) -> str:
    name = type(error).__name__
    # Another's text may hold a host's data.
    return f"{name}: {error}" if isinstance(error, ForwarderError) else name
