"""
Batch and event → `EventKey`: what routing may depend on.

Counting a load's keys needs a few members of each event only, so there is a
glance: a decoding into the smallest classes that hold them, whose keys are
looked up rather than made. What the glance can't read, text that is no text
among it, is decoded in full, and both answer alike.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs
import msgspec
from msgspec import Struct, field

from databricks_forwarder.errors import RouteError
from databricks_forwarder.model import EventKey
from databricks_forwarder.mparticle.coerce import UNFIT, as_plain_text
from databricks_forwarder.mparticle.decode import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from databricks_forwarder.mparticle.batch import Batch
    from databricks_forwarder.mparticle.decoded import DecodedBatch

__all__ = ["SOURCE_FEED", "KeyMaker"]

SOURCE_FEED = "mParticle Source Feed"
"""
Event attribute that mParticle adds to each event of a feed.

Source: mParticle, "JSON Reference", read 2026-11-23.
"""


class _Seen(Struct, frozen=True, gc=False):
    """
    Strictly private; what says the same is equal, and text is all it can say.
    """


class _Attributes(_Seen, frozen=True, gc=False):
    source_feed: str | None = field(default=None, name=SOURCE_FEED)


class _Action(_Seen, frozen=True, gc=False):
    action: str | None = None


class _Impression(_Seen, frozen=True, gc=False):
    pass


class _Data(_Seen, frozen=True, gc=False):
    event_name: str | None = None
    custom_event_type: str | None = None
    product_action: _Action | None = None
    promotion_action: _Action | None = None
    product_impressions: tuple[_Impression | None, ...] | None = None
    custom_attributes: _Attributes | None = None


class _Event(_Seen, frozen=True, gc=False):
    event_type: str | None = None
    data: _Data | None = None


class _SourceInfo(_Seen, frozen=True, gc=False):
    channel: str | None = None
    partner: str | None = None


class _Glance(_Seen, frozen=True, gc=False):
    events: tuple[_Event, ...] | None = None
    environment: str | None = None
    source_info: _SourceInfo | None = None


_glance_decoder = msgspec.json.Decoder(_Glance)


@attrs.define
class KeyMaker:
    """
    Makes the event keys of one load, each distinct key once.

    Attributes:
        group: The router's ``group``, or None.
    """

    group: Callable[[Batch], str | None] | None = None
    _made: dict[tuple[str | None, ...], EventKey] = attrs.field(
        factory=dict, init=False, repr=False
    )
    _glanced: dict[Any, dict[Any, EventKey]] = attrs.field(
        factory=lambda: defaultdict(dict), init=False, repr=False
    )

    def glance(self, payload: bytes) -> Sequence[EventKey]:
        """
        Read the keys of a payload's messages without decoding all of it.

        Returns:
            One key for each event, or one for a batch without events.

        Raises:
            DecodeError: The payload is no batch.
            RouteError: The router's ``group`` raised.
        """
        if self.group is None:
            try:
                glance = _glance_decoder.decode(payload)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                pass
            else:
                return self._looked_up(glance)
        return self.keys(decode(payload))

    def _looked_up(self, glance: _Glance) -> list[EventKey]:
        if not glance.events:
            return self._keys(glance, (), None)
        known = self._glanced[glance.environment, glance.source_info]
        try:
            return [known[event] for event in glance.events]
        except KeyError:
            keys = self._keys(glance, glance.events, None)
            known.update(zip(glance.events, keys, strict=True))
            return keys

    def keys(self, decoded: DecodedBatch) -> Sequence[EventKey]:
        """
        The keys of a decoded batch: the same as `glance` reads.

        Raises:
            RouteError: The router's ``group`` raised.
        """
        group = None if self.group is None else self._group_of(decoded.batch)
        return self._keys(decoded.batch, decoded.events, group)

    def _group_of(self, batch: Batch) -> str | None:
        try:
            group: object = self.group(batch)  # type: ignore[misc]  # asked when there
        except Exception as error:
            msg = f"the router's group raised {type(error).__name__}"
            raise RouteError(msg) from error
        if group is None or isinstance(group, str):
            return group
        msg = f"the router's group must be text or None, not {type(group).__name__}"
        raise RouteError(msg)

    def _keys(
        self, batch: Any, events: Iterable[Any], group: str | None
    ) -> list[EventKey]:
        environment = _text(batch.environment)
        feed = _batch_feed(batch.source_info)
        made = self._made
        keys = []
        for event in events:
            said = (
                *_named(event.event_type, event.data),
                feed or _event_feed(event.data),
                environment,
                group,
            )
            keys.append(made.get(said) or self._make(said))
        return keys or [self._make((None, None, None, feed, environment, group))]

    def _make(self, said: tuple[str | None, ...]) -> EventKey:
        """
        Make the key of what an event said, or find it: ``""`` says nothing.
        """
        event_type, *rest = said
        custom_type, name, feed, environment, group = (each or None for each in rest)
        key = EventKey(
            event_type,
            custom_event_type=custom_type,
            event_name=name,
            feed=feed,
            environment=environment,
            group=group,
        )
        return self._made.setdefault(said, key)


def _text(value: Any) -> str | None:
    """
    A key's part: text, or None for what says nothing.
    """
    if value is None or type(value) is str:
        return value
    text = as_plain_text(value)
    return None if text is UNFIT else text


def _named(event_type: Any, data: Any) -> tuple[str, str | None, str | None]:
    kind = event_type if type(event_type) is str else _text(event_type) or ""
    if data is None or kind not in _NAMED:
        return kind, None, None
    name = _text(data.event_name)
    if not name and kind == "commerce_event":
        name = _commerce_action(data)
    return kind, _text(data.custom_event_type), name


_NAMED = frozenset({"custom_event", "commerce_event"})


def _commerce_action(data: Any) -> str | None:
    """
    Name a commerce event that has no name by what was done.
    """
    if data.product_action is not None:
        return _text(data.product_action.action)
    if data.promotion_action is not None:
        action = _text(data.promotion_action.action)
        return action and f"promotion_{action}"
    return "impression" if data.product_impressions else None


def _batch_feed(source_info: Any) -> str | None:
    if source_info is None or source_info.channel != "partner":
        return None
    return _text(source_info.partner) or "partner"


def _event_feed(data: Any) -> str | None:
    attributes = None if data is None else data.custom_attributes
    if attributes is None:
        return None
    if isinstance(attributes, dict):
        return _text(attributes.get(SOURCE_FEED))
    return _text(attributes.source_feed)
