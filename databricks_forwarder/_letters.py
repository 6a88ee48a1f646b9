"""
Which dead letters are meant, and putting them back in the queue.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Any

    from databricks_forwarder.model import DeadLetter, LoadId, Offset
    from databricks_forwarder.protocols import Batcher

__all__ = ["DeadLetterFilter", "Replayed", "replay"]


def _require_aware(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, datetime) and value.tzinfo):
        msg = f"{field.name} must be a datetime with a time zone, not {value!r}"
        raise ConfigurationError(msg)


@attrs.frozen(kw_only=True)
class DeadLetterFilter:
    """
    Which dead letters: those to which all that is said applies.

    Attributes:
        load_id: Of this load.
        reason: With this text in their reason, in upper or lower case.
        since: Received then or later.
        until: Received then or earlier.
        is_damaged: Whether their bytes are no longer what was received.

    Raises:
        ConfigurationError: A moment has no time zone.
    """

    load_id: LoadId | None = None
    reason: str | None = None
    since: datetime | None = attrs.field(default=None, validator=_require_aware)
    until: datetime | None = attrs.field(default=None, validator=_require_aware)
    is_damaged: bool | None = None

    def of(self, letters: Iterable[DeadLetter]) -> Iterable[DeadLetter]:
        """
        Give those of *letters* that are meant; each iteration reads anew.
        """
        return _Meant(letters, self)

    def means(self, letter: DeadLetter) -> bool:
        """
        Whether *letter* is meant.
        """
        reason = self.reason
        return (
            (self.load_id is None or self.load_id == letter.load_id)
            and (reason is None or reason.casefold() in letter.reason.casefold())
            and (self.since is None or self.since <= letter.received_at)
            and (self.until is None or letter.received_at <= self.until)
            and (self.is_damaged is None or self.is_damaged == letter.is_damaged)
        )


@attrs.frozen
class _Meant:
    letters: Iterable[DeadLetter] = attrs.field(repr=False)
    where: DeadLetterFilter

    def __iter__(self) -> Iterator[DeadLetter]:
        return filter(self.where.means, self.letters)


@attrs.frozen
class Replayed:
    """
    What became of dead letters that were to be replayed.

    Attributes:
        replayed: How many are back in the queue.
        damaged: Those that stay, because they are damaged.
    """

    replayed: int
    damaged: Sequence[Offset]


def replay(
    batcher: Batcher, offsets: Collection[Offset] | None, where: DeadLetterFilter
) -> Replayed:
    """
    Put the dead letters that are meant back in the queue, but for damaged ones.

    Args:
        batcher: Whose they are.
        offsets: Which; None for all.
        where: Which of them.
    """
    named = None if offsets is None else frozenset(offsets)
    whole: list[Offset] = []
    damaged: list[Offset] = []
    for letter in where.of(batcher.dead_letters()):
        if named is None or letter.offset in named:
            (damaged if letter.is_damaged else whole).append(letter.offset)
    return Replayed(batcher.replay(whole), damaged)
