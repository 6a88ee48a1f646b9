"""
Makes the sample batches: a month of an invented tea shop, the same each time.

``python -m databricks_forwarder.testing._sample_maker`` writes them anew. All
people are invented; addresses are of the ranges kept for documentation.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from databricks_forwarder.testing._sample_events import EVENTS, event_of
from databricks_forwarder.testing._sample_oddities import ODDITIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["make_samples"]

_FIRST_MOMENT_MS = 1_764_547_200_000  # 2025-12-01
_BATCH_COUNT = 420
_CITIES = ("Lisbon", "Osaka", "Tromsø", "Quito", "Kraków", "Accra", "Perth")


def make_samples() -> Mapping[str, bytes]:
    """
    Make the content of each file, uncompressed, by its path in the folder.

    ``batches-….ndjson.gz`` hold one batch a line, ``bulk.json`` is an array of
    batches, ``single.json`` one batch with all event types; the files in
    ``odd`` have one oddity each.
    """
    source = random.Random(19)  # noqa: S311 (the same each time, no secret)
    batches = [_batch(source, number) for number in range(_BATCH_COUNT)]
    return {
        "batches-1.ndjson.gz": _as_lines(batches[:200]),
        "batches-2.ndjson.gz": _as_lines(batches[200:400]),
        "bulk.json": b"[\n  " + b",\n  ".join(map(_as_json, batches[400:])) + b"\n]\n",
        "single.json": json.dumps(_batch_of_all(source), indent=2).encode() + b"\n",
        **{f"odd/{name}": content for name, content in ODDITIES.items()},
    }


def write_samples(folder: Path) -> None:
    """
    Write the files; those that end in ``gz`` are compressed.
    """
    for name, content in make_samples().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_gzip = path.suffix == ".gz"
        path.write_bytes(gzip.compress(content, mtime=0) if is_gzip else content)


def _as_json(batch: Mapping[str, Any]) -> bytes:
    return json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode()


def _as_lines(batches: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(_as_json(batch) + b"\n" for batch in batches)


def _batch(source: random.Random, number: int) -> dict[str, Any]:
    """
    One batch; which peculiarity it has follows from its number.
    """
    at = _FIRST_MOMENT_MS + number * 6_000_000
    batch = _surroundings(source, number, at)
    batch["events"] = _events(source, number, at)
    if number % 21 == 5:  # a profile update: no event
        batch["events"] = None
    if number % 14 == 3:
        batch["source_info"] = {"channel": "partner", "partner": "Parcel Post"}
        batch["events"] = [
            event_of("custom_event", source, at, name="Parcel Delivered")
            for _ in range(3)
        ]
    if number % 17 == 4:
        for event in batch["events"] or ():
            attributes = event["data"].setdefault("custom_attributes", {})
            attributes["mParticle Source Feed"] = "Newsletter"
    if number % 60 == 7:
        batch["shop_window"] = {"theme": "winter"}
    if number % 60 == 37:
        batch["device_info"]["screen_width"] = "wide"
    return batch


def _events(source: random.Random, number: int, at: int) -> list[dict[str, Any]]:
    """
    About five events, most of them frequent; each type once in 19 batches.
    """
    names = list(EVENTS)
    weights = [weight for weight, _ in EVENTS.values()]
    picked = source.choices(names, weights, k=source.randint(3, 8))
    rare = names[number % len(names)]
    return [
        event_of(event_type, source, at + 1000 * place)
        for place, event_type in enumerate([*picked, rare])
    ]


def _batch_of_all(source: random.Random) -> dict[str, Any]:
    batch = _surroundings(source, 1000, _FIRST_MOMENT_MS)
    batch["events"] = [
        event_of(event_type, source, _FIRST_MOMENT_MS) for event_type in EVENTS
    ]
    return batch


def _surroundings(source: random.Random, number: int, at: int) -> dict[str, Any]:
    person = source.randint(1, 40)
    mpid = 7_000_000_000_000_000_000 + person
    is_outbound = number % 3 == 1
    return {
        "mpid": str(mpid) if is_outbound else mpid,
        "batch_id": str(-(2**62) - number) if number % 4 == 2 else 2**62 + number,
        "environment": "development" if number % 10 == 9 else "production",
        "timestamp_unixtime_ms": at + 60_000,
        "schema_version": 2,
        "ip": f"192.0.2.{person}",
        "source_request_id": f"request-{number:04d}",
        "source_info": {"channel": "native"},
        "user_identities": _identities(person, at, is_outbound=is_outbound),
        "user_attributes": {
            "$City": source.choice(_CITIES),
            "plan": source.choice(("free", "plus")),
            "favourites": ["green", "black"][: source.randint(0, 2)],
            "newsletter": None,
        },
        "device_info": {
            "brand": "Aster",
            "platform": source.choice(("Android", "iOS")),
            "os_version": str(source.randint(12, 16)),
            "screen_width": 1080,
            "timezone_offset": source.randint(-11, 12),
            "is_tablet": False,
        },
        "application_info": {
            "application_name": "Tea Shop",
            "application_version": f"4.{source.randint(0, 3)}",
            "package": "com.example.teashop",
        },
        "consent_state": {
            "gdpr": {
                "analytics": {
                    "consented": True,
                    "timestamp_unixtime_ms": at - 86_400_000,
                }
            }
        },
        "context": {"data_plan": {"plan_id": "tea", "plan_version": 3}},
    }


def _identities(person: int, at: int, *, is_outbound: bool) -> Any:
    """
    Outbound a list, inbound an object.
    """
    identities = {
        "customer_id": f"customer-{person}",
        "email": f"person{person}@example.com",
    }
    if not is_outbound:
        return identities
    return [
        {
            "identity_type": kind,
            "identity": identity,
            "timestamp_unixtime_ms": at,
            "created_this_batch": False,
        }
        for kind, identity in identities.items()
    ]


if __name__ == "__main__":
    write_samples(
        Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent / "samples"
    )
