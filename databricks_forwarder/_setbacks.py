"""
How often an open load failed and with what, as a note that its batcher keeps.

It is there for who asks the spool from outside, and decides nothing.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._backoff import sentence
from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder.errors import BatcherError, ForwarderError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from databricks_forwarder._carried import CarriedLoad

__all__ = ["Setback", "forget_setback", "note_setback", "setback_of"]

_SETBACK = "error"


@attrs.frozen(kw_only=True)
class Setback:
    """
    What is noted of a load whose tries failed.

    Attributes:
        failures: Tries that failed since it was taken up.
        error: What the last one failed with: class and sentence.
        failed_at: When it did.
        begun_at: When the first try began.
        message_count: Messages of the load.
        oldest_received_at: When the first of its records was received.
    """

    failures: int
    error: str
    failed_at: datetime
    begun_at: datetime
    message_count: int
    oldest_received_at: datetime | None = None


def setback_of(notes: Mapping[str, str]) -> Setback | None:
    """
    What is noted among a load's notes; None if it did not fail.
    """
    text = notes.get(_SETBACK)
    return from_text(text, Setback) if text else None


def note_setback(load: CarriedLoad, error: Exception, *, at: datetime) -> None:
    """
    Note that a try has failed; *error* is raised all the same.

    A batcher that fails itself is asked for nothing more.
    """
    if isinstance(error, BatcherError):
        return
    # What is told from outside only must not take the error's place.
    with suppress(Exception):
        load.note((_SETBACK, to_text(_setback(load, error, at))))


def forget_setback(load: CarriedLoad) -> None:
    """
    Note that it is over: carried on later, the load is begun anew.

    Raises:
        LeaseLostError: Another holder has it; nothing was noted.
    """
    if setback_of(load.progress.notes) is not None:
        load.note((_SETBACK, ""))


def _setback(load: CarriedLoad, error: Exception, at: datetime) -> Setback:
    is_first = load.lease.attempt == 1
    before = None if is_first else setback_of(load.progress.notes)
    return Setback(
        failures=1 + (before.failures if before else 0),
        error=_in_words(error),
        failed_at=at,
        begun_at=before.begun_at if before else load.begun_at,
        message_count=load.lease.message_count,
        oldest_received_at=(
            before.oldest_received_at if before else _oldest_received_at(load)
        ),
    )


def _in_words(error: Exception) -> str:
    name = type(error).__name__
    return f"{name}: {sentence(error)}" if isinstance(error, ForwarderError) else name


def _oldest_received_at(load: CarriedLoad) -> datetime | None:
    staging = load.progress.staging
    if staging is not None:
        return staging.oldest_received_at
    return next((record.received_at for record in load.lease.records), None)
