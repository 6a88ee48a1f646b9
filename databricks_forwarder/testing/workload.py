"""
A seeded stream of batches with the shape of real traffic, for measuring.

Five events a batch on average, 18 device fields, 5 user attributes, 6 custom
attributes an event, 60 event names whose frequency falls as 1/rank, one event
in ten a commerce event with one to three products: about 875 bytes an event.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["workload"]

_CITIES = ("Lisbon", "Osaka", "Tromsø", "Quito", "Kraków", "Accra", "Perth")
_CUSTOM_TYPES = ("navigation", "search", "social", "other", "media")
_ACTIONS = ("add_to_cart", "view_detail", "purchase", "remove_from_cart")


def workload(
    batch_count: int, *, seed: int = 20_000, event_name_count: int = 60
) -> Iterator[bytes]:
    """
    Make *batch_count* payloads; the same arguments give the same bytes.

    Args:
        batch_count: How many batches; five events each on average.
        seed: Another seed, other people and products.
        event_name_count: Distinct names of custom events, the most frequent
            first.

    Yields:
        One mParticle batch as compact JSON, UTF-8. All people are invented.
    """
    maker = _Maker(random.Random(seed), event_name_count)  # noqa: S311  # no secret
    for number in range(batch_count):
        batch = maker.batch(number)
        yield json.dumps(batch, ensure_ascii=False, separators=(",", ":")).encode()


class _Maker:
    """
    Strictly private.
    """

    def __init__(self, source: random.Random, event_name_count: int) -> None:
        self._random = source
        self._names = [f"Event Name {rank:04d}" for rank in range(event_name_count)]
        self._weights = [1 / (rank + 1) for rank in range(event_name_count)]

    def batch(self, number: int) -> dict[str, Any]:
        pick = self._random
        at = 1_760_000_000_000 + number * 137
        return {
            "events": [
                self._event(number, position, at)
                for position in range(pick.randint(1, 9))
            ],
            "device_info": self._device(),
            "user_attributes": {
                "$Age": str(pick.randint(18, 90)),
                "$City": pick.choice(_CITIES),
                "plan": pick.choice(("free", "plus", "pro")),
                "signed up": "2025-03-14T09:26:53.5897932",
                "visits": str(pick.randint(1, 500)),
            },
            "user_identities": {
                "customer_id": f"customer-{pick.randint(1, 50_000)}",
                "email": f"person{pick.randint(1, 50_000)}@example.com",
            },
            "application_info": {
                "application_name": "Corner Shop",
                "application_version": f"4.{pick.randint(0, 9)}.1",
                "package": "com.example.cornershop",
                "os": "Android",
            },
            "source_info": {"channel": "native"},
            "context": {"data_plan": {"plan_id": "shop", "plan_version": 3}},
            "environment": "production",
            "mpid": pick.getrandbits(63),
            "batch_id": -pick.getrandbits(62),
            "timestamp_unixtime_ms": at,
            "source_request_id": f"{pick.getrandbits(128):032x}",
            "ip": f"192.0.2.{pick.randint(1, 254)}",
            "schema_version": 2,
        }

    def _device(self) -> dict[str, Any]:
        pick = self._random
        return {
            "brand": pick.choice(("Aster", "Birch", "Cedar")),
            "product": "phone",
            "device": f"model-{pick.randint(1, 40)}",
            "device_manufacturer": "Example Works",
            "platform": "Android",
            "os_version": f"{pick.randint(9, 15)}",
            "device_model": f"EX-{pick.randint(100, 140)}",
            "screen_height": 2400,
            "screen_width": 1080,
            "screen_dpi": 420,
            "locale_language": "en",
            "locale_country": pick.choice(("PT", "JP", "NO", "EC")),
            "network_country": "PT",
            "network_carrier": "Example Mobile",
            "timezone_offset": pick.randint(-11, 12),
            "android_advertising_id": f"{pick.getrandbits(128):032x}",
            "is_tablet": False,
            "limit_ad_tracking": pick.random() < 0.3,  # a third
        }

    def _event(self, number: int, position: int, at: int) -> dict[str, Any]:
        pick = self._random
        data: dict[str, Any] = {
            "timestamp_unixtime_ms": at - pick.randint(0, 60_000),
            "event_id": pick.getrandbits(63) - (1 << 62),
            "source_message_id": f"{pick.getrandbits(128):032x}",
            "session_id": pick.getrandbits(62),
            "session_uuid": f"{number:08x}-0000-4000-8000-{number:012x}",
            "session_start_unixtime_ms": at - 90_000,
            "event_num": position,
            "location": {"latitude": pick.uniform(-60, 60), "longitude": 9.25},
            "custom_attributes": {
                "screen": f"screen {pick.randint(1, 30)}",
                "button": f"button-{pick.randint(1, 12)}",
                "experiment": pick.choice(("control", "variant-a", "variant-b")),
                "referrer": "https://www.example.com/landing?from=newsletter",
                "elapsed": str(pick.randint(1, 90_000)),
                "note": "lorem ipsum dolor sit amet consectetur",
            },
        }
        if pick.random() < 0.1:  # one event in ten
            return {"data": self._commerce(data), "event_type": "commerce_event"}
        (data["event_name"],) = pick.choices(self._names, self._weights)
        rank = self._names.index(data["event_name"])
        data["custom_event_type"] = _CUSTOM_TYPES[rank % len(_CUSTOM_TYPES)]
        return {"data": data, "event_type": "custom_event"}

    def _commerce(self, data: dict[str, Any]) -> dict[str, Any]:
        pick = self._random
        products: list[dict[str, Any]] = [
            {
                "id": f"sku-{pick.randint(1, 9_000)}",
                "name": "An Example Product",
                "brand": "Example",
                "category": pick.choice(("garden", "kitchen", "books")),
                "price": round(pick.uniform(1, 200), 2),
                "quantity": pick.randint(1, 4),
                "position": place,
            }
            for place in range(pick.randint(1, 3))
        ]
        data["currency_code"] = "EUR"
        data["product_action"] = {
            "action": pick.choice(_ACTIONS),
            "transaction_id": f"t-{pick.getrandbits(40):x}",
            "total_amount": round(sum(each["price"] for each in products), 2),
            "products": products,
        }
        return data
