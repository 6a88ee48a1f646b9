"""
Small files with one oddity each, and whether the door takes them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ODDITIES"]


def _event(**data: Any) -> dict[str, Any]:
    return {
        "event_type": "custom_event",
        "data": {"event_name": "Search", "custom_event_type": "search", **data},
    }


def _file(**members: Any) -> bytes:
    batch = {"environment": "development", "mpid": 41, "events": [_event()], **members}
    return json.dumps(batch).encode() + b"\n"


_PLAIN = _file()

ODDITIES: Mapping[str, bytes] = {
    "byte-order-mark.json": b"\xef\xbb\xbf" + _PLAIN,
    "duplicate-key.json": _PLAIN.replace(b'"mpid": 41', b'"mpid": 40, "mpid": 41'),
    "empty-array.json": b"[]\n",
    "empty.json": b"",
    "event-without-data.json": _file(events=[{"event_type": "custom_event"}]),
    "event-no-object.json": _file(events=[_event(), 3]),
    "event-type-unknown.json": _file(events=[{"event_type": "teleport", "data": {}}]),
    "events-empty.json": _file(events=[]),
    "events-null.json": _file(events=None),
    "half-a-surrogate.json": _file(ip="\ud800"),
    "ids-as-text.json": _file(mpid="9223372036854775807", batch_id="-1"),
    "lines-crlf.ndjson": _PLAIN.strip() + b"\r\n\r\n" + _PLAIN.strip(),
    "number-as-text.json": _file(timestamp_unixtime_ms="1764547200000"),
    "number-too-large.json": _file(mpid=2**63),
    "price-with-comma.json": _file(
        events=[
            {
                "event_type": "commerce_event",
                "data": {"product_action": {"products": [{"price": "1,50"}]}},
            }
        ]
    ),
    "refused-array-of-numbers.json": b"[1, 2]\n",
    "refused-cut-short.json": _PLAIN[:40],
    "refused-events-no-list.json": _file(events="none"),
    "refused-not-a-number.json": _PLAIN.replace(b"41", b"NaN"),
    "refused-not-utf8.json": _PLAIN.replace(b"Search", b"\xff"),
    "unknown-member.json": _file(weather="rain"),
    "word-for-number.json": _file(device_info={"screen_width": "wide"}),
}
"""File name → content. The door refuses those whose names say so."""
