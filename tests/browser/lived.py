"""
A lake that a host has lived with for two weeks: what a report is looked at with.

All is drawn with a seed, and the clock stands where it is told to. The picture in
the README, ``docs/images/report.png``, is the upper part of what it looks like.
"""

from __future__ import annotations

import math
import random
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from databricks_forwarder import Forwarder
from databricks_forwarder._lake import open_lake
from databricks_forwarder.errors import SchemaError, SetupError
from databricks_forwarder.model import Payload
from databricks_forwarder.mparticle.names import common_name
from databricks_forwarder.routers.default import default_router
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.payloads import make_event, make_payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from databricks_forwarder._report.report import Report

NOW = datetime(2026, 3, 31, 16, 20, tzinfo=timezone.utc)
DAYS = 13
THRESHOLD = 3000

HOSTILE = "</style><script>alert(1)</script><img src=x onerror=alert(2)> \u202eevil"
"""Name of an event; it is in the names of kinds, and may be in none of the page."""

# Event, messages a day at first, and how they grow each day.
_EVENTS = (
    ("screen_view", {"screen_name": "Home"}, 330, 1.00),
    (
        "custom_event",
        {"event_name": "Search", "custom_event_type": "search"},
        210,
        1.02,
    ),
    ("session_start", {}, 150, 1.01),
    ("commerce_event", {"product_action": {"action": "purchase"}}, 60, 1.05),
    (
        "custom_event",
        {"event_name": "Add To Wishlist", "custom_event_type": "user_preference"},
        90,
        1.08,
    ),
    ("custom_event", {"event_name": "Share", "custom_event_type": "social"}, 70, 1.03),
    (
        "custom_event",
        {"event_name": "SignUp", "custom_event_type": "navigation"},
        34,
        1.0,
    ),
    ("custom_event", {"event_name": HOSTILE, "custom_event_type": "other"}, 12, 1.0),
)


class _Full:
    """
    A destination that is in trouble at times, in front of the lake's loader.
    """

    def __init__(self, loader: object, clock: FakeClock) -> None:
        self._loader = loader
        self._clock = clock
        self.fails: type[Exception] | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def prepare(self, table: str, schema: object, /) -> None:
        """
        Refuse a table, or all of them.
        """
        if self.fails is SetupError:
            raise SetupError("the lake can't be written: see that the disk is mounted")
        if self.fails is SchemaError and table == "screen_view":
            raise SchemaError(
                "column data.screen_name of screen_view is BIGINT, not STRING"
            )
        self._clock.advance(seconds=1.4 + len(table) / 10)
        self._loader.prepare(table, schema)  # type: ignore[attr-defined]


def live(folder: Path) -> Report:
    """
    Forward for two weeks, and make a report at the end.
    """
    clock = FakeClock(NOW - timedelta(days=DAYS))
    with ExitStack() as opened:
        parts = open_lake(
            folder / "lake",
            folder / "spool.db",
            counts="local",
            max_spool_bytes=None,
            opened=opened,
        )
        loader = _Full(parts.loader, clock)
        forwarder = Forwarder(
            router=default_router(
                parts.counts, schema_name="shop", events_threshold=THRESHOLD
            ),
            batcher=parts.batcher,
            stager=parts.stager,
            loader=loader,
            common_table=common_name("shop"),
            clock=clock,
            scratch=parts.scratch,
        )
        with forwarder:
            for hour, payloads in _hours(random.Random(7)):
                _hand_in(forwarder, payloads, clock, hour)
                loader.fails = _trouble(hour)
                _carry(forwarder)
            return forwarder.report(days=14)


def _hours(draw: random.Random) -> Iterator[tuple[int, list[bytes]]]:
    for hour in range(DAYS * 24):
        at = NOW - timedelta(hours=DAYS * 24 - hour)
        # More by day than by night.
        share = (1.15 - math.cos((at.hour - 3) / 24 * 2 * math.pi)) / 27
        events = [
            make_event(type_, **data)
            for type_, data, daily, growth in _EVENTS
            for _ in range(_around(draw, daily * growth ** (hour / 24) * share))
        ]
        draw.shuffle(events)
        yield (
            hour,
            [
                make_payload(*_odd(draw, events[first : first + 6]))
                for first in range(0, len(events), 6)
            ],
        )


def _around(draw: random.Random, number: float) -> int:
    return max(0, round(draw.gauss(number, math.sqrt(number) / 2)))


def _odd(draw: random.Random, events: list[dict]) -> list[dict]:
    """
    Have a value that does not fit, or a field that nobody knows, now and then.
    """
    for event in events:
        chance = draw.random()
        if chance < 0.012:
            event["data"]["timestamp_unixtime_ms"] = "yesterday"
        elif chance < 0.02:
            event["data"][
                "campaign_of_" + draw.choice(["anna@example.com", "spring"])
            ] = 1
        elif chance < 0.023:
            event["data"]["location"] = {"latitude": "north", "longitude": 7.1}
    return events


def _hand_in(
    forwarder: Forwarder, payloads: list[bytes], clock: FakeClock, hour: int
) -> None:
    for part in range(3):
        clock.set(NOW - timedelta(hours=DAYS * 24 - hour, minutes=60 - 20 * part))
        some = payloads[part::3]
        if some:
            forwarder.submit_many(some)
    for hours, first, broken in _BROKEN:
        if hour % hours == first:
            # The door refuses them; an older one, or a damaged disk, did not.
            forwarder._batcher.append([Payload(broken(hour), 4)], at=clock.now())


_BROKEN = (
    (61, 17, lambda hour: b'{"events": [{}], "x": "' + b"y" * hour + b'\xff"}'),
    (90, 40, lambda _: b'{"events": [{"event_type": "screen_view"}]}'),
    (150, 120, lambda _: b"[" * 3000 + b"]" * 3000),
)


def _trouble(hour: int) -> type[Exception] | None:
    if 200 <= hour < 207:
        return SetupError
    return SchemaError if hour in {300, 301} else None


def _carry(forwarder: Forwarder) -> None:
    try:
        forwarder.tick()
    except SetupError:
        return
