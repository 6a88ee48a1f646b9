"""
What a killed host hands in, and its ledger of what it tried and was told.

The ledger is two files: each thing that the host is about to hand in
(``tried``), and each receipt (``got``).
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

Kind = tuple[str | None, str | None, str | None]
"""Event type, custom event type and event name: what the counts go by."""

WITHOUT_EVENTS: Kind = (None, None, None)
DEAD_MESSAGES = 2


def make_batch(number: int, chance: random.Random) -> bytes:
    """
    Make a batch whose rows can be told: by its own number, and the events'.
    """
    source = {}
    if chance.random() < 0.15:
        source = {"source_info": {"channel": "partner", "partner": "Parcelpost"}}
    events = [_event(place, chance) for place in range(chance.choice((0, 1, 1, 2, 5)))]
    return json.dumps({"batch_id": number, "events": events, **source}).encode()


def _event(place: int, chance: random.Random) -> dict[str, Any]:
    kind = chance.choice(("custom_event", "custom_event", "screen_view", "first_run"))
    data: dict[str, Any] = {"custom_attributes": {"place": str(place)}}
    if kind == "custom_event":
        data["custom_event_type"] = "other"
        data["event_name"] = chance.choice(("Open", "Open", "Open", "Close", "Rare"))
    return {"event_type": kind, "data": data}


def kinds_of(batch: bytes) -> list[Kind]:
    """
    List the kinds of a batch's events, in their order.
    """
    return [
        (
            event["event_type"],
            event["data"].get("custom_event_type"),
            event["data"].get("event_name"),
        )
        for event in json.loads(batch)["events"]
    ]


def make_dead(number: int) -> bytes:
    """
    Make what can't be read once it is stored, and can be told by its number.
    """
    return f'{{"dead": {number}'.encode()


def number_of_dead(payload: bytes) -> int:
    """
    Tell the number of what `make_dead` made.
    """
    return int(payload.rpartition(b" ")[2])


class Ledger:
    """
    What the host tried and what it was told.

    An entry is one write, with a line's end on both sides: should a SIGKILL
    cut one short, it spoils no other.
    """

    def __init__(self, folder: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        self._files = {
            name: os.open(folder / name, flags, 0o600) for name in ("tried", "got")
        }

    def write(self, name: str, entry: Any) -> None:
        """
        Add an entry to one of the files.
        """
        os.write(self._files[name], b"\n" + json.dumps(entry).encode() + b"\n")


@attrs.frozen
class Told:
    """
    One file of the ledger, read.

    Attributes:
        batches: Number → kinds of its events.
        dead: Numbers of what can't be read.
    """

    batches: Mapping[int, Sequence[Kind]] = attrs.field(factory=dict)
    dead: frozenset[int] = frozenset()

    @property
    def message_count(self) -> int:
        """
        Messages of them all.
        """
        alive = sum(max(1, len(kinds)) for kinds in self.batches.values())
        return alive + DEAD_MESSAGES * len(self.dead)


def read_ledger(folder: Path, name: Literal["tried", "got"]) -> Told:
    """
    Read what the host tried, or what it was told.
    """
    path = folder / name
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    entries = [json.loads(line) for line in lines if _is_whole(line)]
    return Told(
        {
            number: [(kind[0], kind[1], kind[2]) for kind in kinds]
            for entry in entries
            for number, kinds in entry.get("batches", ())
        },
        frozenset(entry["dead"] for entry in entries if "dead" in entry),
    )


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"}")
