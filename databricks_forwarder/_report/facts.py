"""
What a report is made from: how a forwarder stands, and what it did lately.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._abilities import offers
from databricks_forwarder._dying import reason_like
from databricks_forwarder._open_loads import OpenLoad, open_loads
from databricks_forwarder._report.words import utc_day
from databricks_forwarder.abilities import ForeseeingRouter
from databricks_forwarder.errors import ForwarderError
from databricks_forwarder.settings import UploadPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from databricks_forwarder._status import Status
    from databricks_forwarder.answers import Prospect
    from databricks_forwarder.model import DeadLetter, LoadReport
    from databricks_forwarder.protocols import Batcher, Router

__all__ = ["DeadGroup", "Facts", "Foresight", "dead_groups", "foresight", "gather"]

# All that a spool keeps.
_EVERY_LOAD = 10_000


@attrs.frozen(kw_only=True)
class DeadGroup:
    """
    Dead letters of one reason.

    Attributes:
        reason: In words; figures that differ among them are ``…``.
    """

    reason: str
    payload_count: int
    message_count: int
    oldest_received_at: datetime
    newest_received_at: datetime


@attrs.frozen(kw_only=True)
class Foresight:
    """
    Which kinds are on their way to tables of their own.

    Attributes:
        prospects: The likeliest to be next first.
        unknown: Why nothing is known, in a sentence; None if it is.
    """

    prospects: Sequence[Prospect] = ()
    unknown: str | None = None


@attrs.frozen(kw_only=True)
class Facts:
    """
    All that a report shows.

    Attributes:
        at: The moment that it tells of.
        days: How many days it looks back, in UTC, today included.
        spool_id: Whose account it is.
        status: How it stands.
        loads: Of those days: the reports of committed loads, newest first.
        parked: Of the loads that are set aside, oldest first.
        dead: The dead letters by reason, the most messages first.
        open_loads: What is known of the loads that are begun and not finished.
        max_age: How old a message may be when its load is due.
    """

    at: datetime
    days: int
    spool_id: str
    status: Status
    loads: Sequence[LoadReport]
    parked: Sequence[LoadReport]
    dead: Sequence[DeadGroup]
    foresight: Foresight
    open_loads: Sequence[OpenLoad] = ()
    max_age: timedelta = UploadPolicy().max_age


def gather(  # noqa: PLR0913  # each of them is shown
    batcher: Batcher,
    status: Status,
    foreseen: Foresight,
    policy: UploadPolicy,
    *,
    at: datetime,
    days: int,
) -> Facts:
    """
    Ask a batcher for what a report shows.
    """
    first = utc_day(at) - timedelta(days=days - 1)
    loads = batcher.loads(_EVERY_LOAD)
    return Facts(
        at=at,
        days=days,
        spool_id=batcher.id,
        status=status,
        loads=[load for load in loads if utc_day(load.settled_at) >= first],
        parked=batcher.parked(),
        dead=dead_groups(batcher.dead_letters()),
        foresight=foreseen,
        open_loads=open_loads(batcher, batcher.status()),
        max_age=policy.max_age,
    )


def foresight(router: Router, *, at: datetime) -> Foresight:
    """
    Ask a router for what it foresees; why it can't tell is told, too.
    """
    if not offers(router, ForeseeingRouter):
        name = type(router).__name__
        return Foresight(unknown=f"{name} gives no tables by a threshold.")
    try:
        return Foresight(prospects=router.foresee(at=at))
    except ForwarderError as error:
        return Foresight(unknown=str(error))


def dead_groups(letters: Iterable[DeadLetter]) -> Sequence[DeadGroup]:
    """
    Put dead letters together by reason, the most messages first.
    """
    grouped: dict[str, list[DeadLetter]] = defaultdict(list)
    for letter in letters:
        kept = attrs.evolve(letter, payload=None)
        grouped[reason_like(letter.reason)].append(kept)
    groups = [_group(like, group) for like, group in grouped.items()]
    return sorted(groups, key=lambda group: (-group.message_count, group.reason))


def _group(like: str, letters: Sequence[DeadLetter]) -> DeadGroup:
    reasons = {letter.reason for letter in letters}
    moments = [letter.received_at for letter in letters]
    return DeadGroup(
        reason=reasons.pop() if len(reasons) == 1 else like,
        payload_count=len(letters),
        message_count=sum(letter.message_count for letter in letters),
        oldest_received_at=min(moments),
        newest_received_at=max(moments),
    )
