"""
What decoding makes of a payload, and how it names a place in it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from databricks_forwarder.mparticle.batch import Batch, EventData

__all__ = ["DecodedBatch", "DecodedEvent", "escaped"]


class DecodedEvent(msgspec.Struct, gc=False):
    """
    One event of a batch.

    Attributes:
        event_type: As text; None if the event does not say.
        data: Of the class of its type; None if it has none.
        rescued: What had no place in it.
    """

    event_type: str | None
    data: EventData | None
    rescued: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return object.__repr__(self)


class DecodedBatch(msgspec.Struct, gc=False):
    """
    A batch with its events apart; its credentials are gone.

    Attributes:
        batch: Without its events.
        events: In their order; empty for a batch without events.
        rescued: What had no place in the batch itself.
    """

    batch: Batch
    events: list[DecodedEvent]
    rescued: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return object.__repr__(self)


def escaped(key: str) -> str:
    """
    A member's name as a step of a JSON Pointer.
    """
    return key.replace("~", "~0").replace("/", "~1")
