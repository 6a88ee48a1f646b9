"""
Calls of several callers, stored in one durable write; each has its own outcome.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeAlias

import attrs

from databricks_forwarder._door import admit, admit_all
from databricks_forwarder.batchers.rules import checked_checkpoint
from databricks_forwarder.errors import BatcherError, BatcherFullError
from databricks_forwarder.model import Offset, OffsetRange, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from databricks_forwarder.model import Payload

    Append: TypeAlias = Callable[[Sequence[Payload], Mapping[str, str] | None], Receipt]
    """Stores payloads with a checkpoint in one durable write, all or none."""

__all__ = ["Call", "Outcome", "store_together"]

Outcome: TypeAlias = Receipt | Exception
"""What became of a call: it is stored, or this is to be raised."""


@attrs.frozen(eq=False, kw_only=True)
class Call:
    """
    One call of `submit` or `submit_many`, not looked at yet.

    Attributes:
        payloads: As they were handed in.
        is_many: Whether it was `submit_many`, whose errors say which payload.
        checkpoint: The host's positions, stored with them.
    """

    payloads: Sequence[bytes | str | Mapping[str, Any]] = attrs.field(repr=False)
    is_many: bool = False
    checkpoint: Mapping[str, str] | None = attrs.field(default=None, repr=False)


@attrs.frozen(eq=False)
class _Admitted:
    payloads: Sequence[Payload] = attrs.field(repr=False)
    checkpoint: Mapping[str, str] | None = attrs.field(repr=False)


def store_together(
    calls: Sequence[Call], append: Append, max_bytes: int
) -> list[Outcome]:
    """
    Store all *calls* in their order, in one write if there is room for all.

    A call that is refused costs no other. If there is no room for all of them,
    each is stored alone, as long as there is room.

    Args:
        calls: Of several callers; each is stored wholly or not at all.
        append: Stores payloads in one write.
        max_bytes: Most bytes of one payload.

    Returns:
        An outcome for each call, in their order.
    """
    admitted = [_admitted(call, max_bytes) for call in calls]
    whole = [each for each in admitted if isinstance(each, _Admitted)]
    stored = iter(_stored(whole, append))
    return [next(stored) if isinstance(each, _Admitted) else each for each in admitted]


def _admitted(call: Call, max_bytes: int) -> _Admitted | Exception:
    try:
        checkpoint = checked_checkpoint(call.checkpoint) or None
        if call.is_many:
            return _Admitted(admit_all(call.payloads, max_bytes), checkpoint)
        (payload,) = call.payloads
        return _Admitted([admit(payload, max_bytes)], checkpoint)
    except Exception as error:  # noqa: BLE001  # whose payload it is raises it
        return error


def _stored(calls: Sequence[_Admitted], append: Append) -> Sequence[Outcome]:
    if not calls:
        return ()
    payloads = [payload for call in calls for payload in call.payloads]
    # Name by name a later call's position replaces an earlier one's.
    checkpoint = {
        name: position
        for call in calls
        for name, position in (call.checkpoint or {}).items()
    }
    try:
        receipt = append(payloads, checkpoint or None)
    except BatcherFullError as error:
        return [error] if len(calls) == 1 else _stored_singly(calls, append)
    except BaseException as error:  # noqa: BLE001  # who waits for it raises it
        return [_told(error) for _ in calls]
    return _shares(calls, receipt)


def _told(error: BaseException) -> Exception:
    """
    Make of an error what one of the callers raises: a traceback belongs to one.
    """
    told = (
        copy.copy(error)
        if isinstance(error, Exception)
        else BatcherError(
            f"storing payloads was broken off ({type(error).__name__}); whether they "
            "were stored is unknown: the checkpoint tells, if there was one"
        )
    )
    told.__cause__ = error
    return told


def _stored_singly(calls: Sequence[_Admitted], append: Append) -> list[Outcome]:
    return [outcome for call in calls for outcome in _stored([call], append)]


def _shares(calls: Sequence[_Admitted], receipt: Receipt) -> list[Outcome]:
    """
    Part a receipt; offsets of one write have no gaps (B2).
    """
    shares: list[Outcome] = []
    first = receipt.offsets.first if receipt.offsets else 0
    for call in calls:
        count = len(call.payloads)
        share = attrs.evolve(
            receipt,
            offsets=OffsetRange(Offset(first), Offset(first + count - 1))
            if count
            else None,
            record_count=count,
            message_count=sum(payload.message_count for payload in call.payloads),
        )
        shares.append(share)
        first += count
    return shares
