"""
Tables for the batches of partner feeds.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.answers import Reason
from databricks_forwarder.model import Table, TableName
from databricks_forwarder.mparticle.names import feed_name, feed_owner, table_name
from databricks_forwarder.routers._giving import Proposed, give_names, naming_of
from databricks_forwarder.settings import ConnectionSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from databricks_forwarder.answers import Rule
    from databricks_forwarder.model import EventKey
    from databricks_forwarder.protocols import EventCounts

__all__ = ["FeedRouter"]


def _as_dict(
    feeds: Mapping[str, ConnectionSettings] | None,
) -> Mapping[str, ConnectionSettings]:
    return dict(feeds or {})


def _as_set(names: Collection[TableName]) -> Collection[TableName]:
    return frozenset(names)


def _chosen_names(router: FeedRouter) -> Mapping[ConnectionSettings, TableName]:
    return {
        settings: table_name(settings.table_name)
        for settings in (router.connection, *router.feeds.values())
        if settings.table_name is not None
        and not settings.split_partner_feed_data_by_event_name
    }


@attrs.frozen
class _Place:
    """
    What a key's table belongs to, and what it is named after.
    """

    owner: str
    text: str


@attrs.frozen(eq=False)
class FeedRouter:
    """
    Send the batches of partner feeds to tables of their own.

    Answers for keys with a feed and leaves out all others. A feed has one
    table, named after the partner or as its settings say, or, when it is
    split, one for each event name; an event without a name then goes by its
    event type, a batch without events to the table named after the partner.
    All these tables have the columns of all event types.

    Feeds whose settings say the same ``table_name`` share that table on
    purpose. It is kept from all that are named by rule, unless one of those
    had the name before: then that table is shared too.

    Args:
        counts: Where names given are kept.
        connection: Settings of the feeds that have none of their own.
        feeds: Settings by the feed's name.
        reserved: Names that no feed gets by rule, such as the common table's.

    Raises:
        ConfigurationError: A ``table_name`` can't name a table.
    """

    counts: EventCounts
    connection: ConnectionSettings = attrs.field(factory=ConnectionSettings)
    feeds: Mapping[str, ConnectionSettings] = attrs.field(
        default=None, kw_only=True, converter=_as_dict
    )
    reserved: Collection[TableName] = attrs.field(
        default=(), kw_only=True, converter=_as_set
    )
    _chosen: Mapping[ConnectionSettings, TableName] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(_chosen_names, takes_self=True),
    )

    def route(
        self,
        counts: Mapping[EventKey, int],
        /,
        *,
        at: datetime,  # noqa: ARG002 (where a feed goes does not depend on time)
    ) -> Mapping[EventKey, Table | None]:
        """
        Name the table of each key that has a feed.
        """
        self._keep_chosen_names()
        tables, places = self._sorted(counts)
        names = self._names(places.values())
        tables.update({key: Table(names[place.owner]) for key, place in places.items()})
        return tables

    def preview(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Answer as `route` would now.
        """
        return self.rehearsal(Proposed).route(counts, at=at)

    def explain(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Reason]:
        """
        Give the setting that decided for each key that has a feed.
        """
        _, places = self._sorted(counts)
        given = self.counts.given([place.owner for place in places.values()])
        return {
            key: self._reason(key, table, places.get(key), given)
            for key, table in self.preview(counts, at=at).items()
        }

    def rehearsal(self, over: Callable[[EventCounts], EventCounts], /) -> FeedRouter:
        """
        Make the same router over other counts.
        """
        return attrs.evolve(self, counts=over(self.counts))

    def _sorted(
        self, keys: Iterable[EventKey]
    ) -> tuple[dict[EventKey, Table | None], dict[EventKey, _Place]]:
        """
        Tell where keys go by a setting, and whose table others go to by rule.
        """
        tables: dict[EventKey, Table | None] = {}
        places: dict[EventKey, _Place] = {}
        for key in keys:
            if key.feed is None:
                continue
            settings = self._settings_of(key.feed)
            if key.event_type is None and not settings.send_batches_without_events:
                tables[key] = None
            elif settings in self._chosen:
                tables[key] = Table(self._chosen[settings])
            else:
                places[key] = _place(key, key.feed, settings)
        return tables, places

    def _settings_of(self, feed: str) -> ConnectionSettings:
        return self.feeds.get(feed, self.connection)

    def _reason(
        self,
        key: EventKey,
        table: Table | None,
        place: _Place | None,
        given: Collection[str],
    ) -> Reason:
        """
        Put in words what was decided for a key that has a feed.
        """
        feed = key.feed or ""
        whose = f"feed {feed!r}" if feed in self.feeds else "all feeds"
        split = self._settings_of(feed).split_partner_feed_data_by_event_name
        rule, setting = _rule_of(table, place, split=split)
        naming = None
        if table is not None and place is not None:
            naming = naming_of(
                table.name, place.text, place.owner, reserved=self.reserved
            )
        return Reason(
            key=key,
            table=table,
            rule=rule,
            router=type(self).__name__,
            setting=setting and f"{setting} of {whose}",
            was_named=None if place is None else place.owner in given,
            naming=naming,
        )

    def _names(self, places: Collection[_Place]) -> Mapping[str, TableName]:
        texts = {place.owner: place.text for place in places}
        given = self.counts.given(list(texts))
        new = {owner: text for owner, text in texts.items() if owner not in given}
        return {**given, **give_names(self.counts, new, reserved=self.reserved)}

    def _keep_chosen_names(self) -> None:
        """
        Let no kind and no feed get a name by rule that a person chose.
        """
        names = {f"table:{name}": name for name in self._chosen.values()}
        kept = self.counts.given(list(names))
        for owner in names.keys() - kept.keys():
            # Somebody has the name already: shared, as the setting says.
            with suppress(ValueError):
                self.counts.give({owner: [names[owner]]})


def _rule_of(
    table: Table | None, place: _Place | None, *, split: bool
) -> tuple[Rule, str | None]:
    """
    What decided for a feed's key, and by which setting.
    """
    if table is None:
        return "dropped", "send_batches_without_events"
    if place is None:
        return "chosen", "table_name"
    return (
        ("split feed", "split_partner_feed_data_by_event_name")
        if split
        else ("feed", None)
    )


def _place(key: EventKey, feed: str, settings: ConnectionSettings) -> _Place:
    split = settings.split_partner_feed_data_by_event_name
    if not split or key.event_type is None:
        return _Place(feed_owner(feed), feed_name(feed))
    if key.event_name:
        owner = feed_owner(feed, "name", key.event_name)
        return _Place(owner, feed_name(feed, key.event_name))
    owner = feed_owner(feed, "type", key.event_type)
    return _Place(owner, feed_name(feed, key.event_type or "unknown_event"))
