"""
Batches for tests: some to make, some that are shipped.

All people are invented.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "make_batch",
    "make_event",
    "make_payload",
    "odd_paths",
    "sample_batches",
    "sample_paths",
]

_SAMPLES = Path(__file__).parent / "samples"
_AT_MS = 1_764_547_200_000  # 2025-12-01


def make_event(event_type: str = "custom_event", **data: Any) -> dict[str, Any]:
    """
    Make one event.

    Args:
        event_type: Its type.
        data: Members of its ``data``, besides or instead of the usual ones. A
            custom event has a name and a type, every event a moment.
    """
    usual: dict[str, Any] = {"timestamp_unixtime_ms": _AT_MS}
    if event_type == "custom_event":
        usual |= {"event_name": "Search", "custom_event_type": "search"}
    return {"event_type": event_type, "data": {**usual, **data}}


def make_batch(**overrides: Any) -> dict[str, Any]:
    """
    Make one batch, of one event unless said otherwise.

    Args:
        overrides: Members besides or instead of the usual ones.
    """
    return {
        "environment": "production",
        "mpid": 7_000_000_000_000_000_001,
        "timestamp_unixtime_ms": _AT_MS,
        "ip": "192.0.2.1",
        "user_identities": {
            "customer_id": "customer-1",
            "email": "person1@example.com",
        },
        "events": [make_event()],
        **overrides,
    }


def make_payload(*events: Mapping[str, Any], **overrides: Any) -> bytes:
    """
    Make one payload: a batch as JSON.

    Args:
        events: Its events; one plain event if there are none.
        overrides: As for `make_batch`; ``events=[]`` makes one without events.
    """
    if events:
        overrides["events"] = events
    return json.dumps(make_batch(**overrides)).encode()


def sample_paths() -> list[Path]:
    """
    The files of the shipped samples: 420 batches, then one of all event types.

    Two are NDJSON in gzip, one is an array of batches, one a single batch over
    many lines: what ``python -m databricks_forwarder forward`` reads.
    """
    return sorted(path for path in _SAMPLES.iterdir() if path.is_file())


def sample_batches(path: Path) -> Iterator[bytes | dict[str, Any]]:
    """
    Read one of the sample files, batch by batch, as they can be submitted.

    Args:
        path: One of `sample_paths`: gzipped NDJSON, or JSON.

    Yields:
        Each line of an NDJSON file; the batch of a JSON file, or each of its
        list.
    """
    if path.suffix == ".gz":
        with gzip.open(path) as lines:
            yield from lines
    else:
        document = json.loads(path.read_bytes())
        yield from document if isinstance(document, list) else [document]


def odd_paths() -> list[Path]:
    """
    Small files of one oddity each; the door refuses those named ``refused-…``.
    """
    return sorted((_SAMPLES / "odd").iterdir())
