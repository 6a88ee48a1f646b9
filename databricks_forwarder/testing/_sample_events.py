"""
The events of the samples: how frequent each type is, and what it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

__all__ = ["EVENTS", "event_of"]

_TEAS = (("Sencha", 7.5), ("Assam", 4.25), ("Rooibos", 3.9), ("Oolong", 11.0))
_CUSTOM_EVENTS = (
    ("Search", "search"),
    ("Recipe Read", "navigation"),
    ("Timer Started", "other"),
    ("Photo Shared", "social"),
)
_CUSTOM_EVENT_WEIGHTS = (10, 6, 2, 1)


def event_of(
    event_type: str, source: random.Random, at: int, *, name: str | None = None
) -> dict[str, Any]:
    """
    Make one event of a type.

    Args:
        event_type: One of `EVENTS`.
        source: What chance decides.
        at: Milliseconds since 1970.
        name: Of a custom event, instead of a usual one.
    """
    data: dict[str, Any] = {
        "timestamp_unixtime_ms": at,
        "event_id": source.getrandbits(63) - 2**62,
        "session_uuid": f"session-{at // 3_600_000}",
        **EVENTS[event_type][1](source),
    }
    if source.random() < 0.2:  # from a client that writes 64-bit ids as text
        data["event_id"] = str(data["event_id"])
    if name is not None:
        data["event_name"] = name
    return {"event_type": event_type, "data": data}


def _commerce(source: random.Random) -> dict[str, Any]:
    products = [_product(source) for _ in range(source.randint(1, 3))]
    total = sum(product["price"] * product["quantity"] for product in products)
    return {
        "currency_code": "EUR",
        "product_action": {
            "action": source.choices(("add_to_cart", "purchase"), (3, 2))[0],
            "transaction_id": f"order-{source.randint(1, 9999)}",
            "total_amount": round(total, 2),
            "products": products,
        },
    }


def _product(source: random.Random) -> dict[str, Any]:
    name, price = source.choice(_TEAS)
    return {
        "id": f"tea-{name.lower()}",
        "name": name,
        "category": "tea",
        "price": price,
        "quantity": source.randint(1, 4),
        "custom_attributes": {"harvest": source.choice(("spring", "autumn"))},
    }


def _custom(source: random.Random) -> dict[str, Any]:
    ((name, kind),) = source.choices(_CUSTOM_EVENTS, _CUSTOM_EVENT_WEIGHTS)
    return {
        "event_name": name,
        "custom_event_type": kind,
        "custom_attributes": {
            "term": source.choice(("green", "black", "white")),
            "results": str(source.randint(0, 40)),
        },
    }


def _screen(source: random.Random) -> dict[str, Any]:
    return {"screen_name": source.choice(("Home", "Tea", "Basket", "Account"))}


def _state(source: random.Random) -> dict[str, Any]:
    kind = source.choice(("application_background", "application_foreground"))
    return {"application_transition_type": kind, "is_first_run": False}


def _session_end(source: random.Random) -> dict[str, Any]:
    return {"session_duration_ms": source.randint(1_000, 900_000)}


def _network(source: random.Random) -> dict[str, Any]:
    return {
        "url": "https://www.example.com/teas",
        "http_verb": "GET",
        "response_code": source.choice((200, 304, 503)),
        "time_elapsed": source.randint(20, 900),
        "bytes_in": source.randint(200, 90_000),
    }


def _crash(source: random.Random) -> dict[str, Any]:
    return {
        "class_name": "KettleError",
        "message": "the kettle is empty",
        "severity": "error",
        "exception_handled": source.random() < 0.5,  # one in two
        "breadcrumbs": [{"event_type": "breadcrumb", "data": {"label": "kettle on"}}],
    }


def _push(source: random.Random) -> dict[str, Any]:
    return {
        "push_message_type": "received",
        "message": "A new harvest is here",
        "application_state": source.choice(("background", "foreground")),
    }


def _attribute_change(source: random.Random) -> dict[str, Any]:
    return {
        "user_attribute_name": "plan",
        "new": source.choice(("plus", ["plus", "gift"])),
        "old": "free",
        "is_new_attribute": False,
    }


def _identity_change(source: random.Random) -> dict[str, Any]:
    person = source.randint(41, 99)
    return {
        "new": {"identity_type": "email", "identity": f"person{person}@example.com"},
        "old": None,
    }


def _plain(_: random.Random) -> dict[str, Any]:
    return {}


EVENTS: Mapping[str, tuple[int, Callable[[random.Random], dict[str, Any]]]] = {
    "application_state_transition": (6, _state),
    "breadcrumb": (0, lambda _: {"label": "kettle on", "session_number": 7}),
    "commerce_event": (16, _commerce),
    "crash_report": (0, _crash),
    "custom_event": (30, _custom),
    "first_run": (0, _plain),
    "network_performance": (1, _network),
    "opt_out": (0, lambda _: {"is_opted_out": True}),
    "pre_attribution": (0, _plain),
    "profile": (0, lambda _: {"profile_event_type": "signup"}),
    "push_message": (1, _push),
    "push_reaction": (0, _plain),
    "push_registration": (0, lambda _: {"register": True}),
    "screen_view": (30, _screen),
    "session_end": (8, _session_end),
    "session_start": (8, _plain),
    "uninstall": (0, _plain),
    "user_attribute_change": (0, _attribute_change),
    "user_identity_change": (0, _identity_change),
}
"""Event type → how often chance picks it, and what makes its ``data``."""
