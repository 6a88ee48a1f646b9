"""
Events of many kinds, odd ones among them, and the kinds that they are of.
"""

from __future__ import annotations

from typing import Any

from walking import batch, custom

from databricks_forwarder.model import EventKind
from databricks_forwarder.mparticle.keys import KeyMaker

_NAMES = ("Buy", "buy", "", "Bu'y", 'B"uy', "B\\uy", "B\nuy", "Käufe 漢字", "%", "null")


def _commerce(**data: Any) -> dict[str, Any]:
    return {"event_type": "commerce_event", "data": data}


EVENTS: tuple[dict[str, Any], ...] = (
    *(custom(name) for name in _NAMES),
    *({"event_type": "custom_event", "data": {"event_name": name}} for name in _NAMES),
    custom("Buy", custom_event_type=5),
    {"event_type": "custom_event", "data": {"event_name": 5}},
    {"event_type": "custom_event", "data": {"event_name": True}},
    {"event_type": "custom_event", "data": {"event_name": {"an": "object"}}},
    {"event_type": "custom_event", "data": {"custom_event_type": ["other"]}},
    {"event_type": "custom_event", "data": {}},
    {"event_type": "custom_event", "data": None},
    {"event_type": "custom_event"},
    _commerce(product_action={"action": "purchase"}),
    _commerce(event_name="purchase", promotion_action={"action": "view"}),
    _commerce(event_name="", product_action={"action": "purchase"}),
    _commerce(product_action={}, promotion_action={"action": "view"}),
    _commerce(product_action={"action": ""}, product_impressions=[{}]),
    _commerce(product_action=None, promotion_action={"action": "view"}),
    _commerce(promotion_action={"action": ""}, product_impressions=[{}]),
    _commerce(promotion_action={}),
    _commerce(product_impressions=[{}]),
    _commerce(product_impressions=[None]),
    _commerce(product_impressions=[]),
    _commerce(product_action="purchase", product_impressions=[{}]),
    _commerce(custom_event_type="other"),
    _commerce(),
    {"event_type": "commerce_event"},
    {"event_type": "screen_view", "data": {"screen_name": "Buy", "event_name": "Buy"}},
    {"event_type": "screen_view"},
    {"event_type": "mystery", "data": {"event_name": "Buy"}},
    {"event_type": "Custom_Event", "data": {"event_name": "Buy"}},
    {"event_type": "", "data": {"event_name": "Buy"}},
    {"data": {"event_name": "Buy"}},
)

PAYLOADS = [*(batch(event) for event in EVENTS), batch()]
"""A payload for each event, and one without any."""


def kinds_by_offset() -> dict[int, EventKind]:
    """
    The kind of the one event of each payload, by the payload's place.
    """
    keys = KeyMaker()
    return {
        place: keys.glance(payload)[0].kind for place, payload in enumerate(PAYLOADS)
    }


def offsets_by_kind() -> dict[EventKind, set[int]]:
    """
    The places of the payloads of each kind that says its event type.
    """
    found: dict[EventKind, set[int]] = {}
    for place, kind in kinds_by_offset().items():
        if kind.event_type:
            found.setdefault(kind, set()).add(place)
    return found
