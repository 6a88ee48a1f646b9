"""
Which rows are of an event kind, as an expression over a table's columns.

It says of a row what `KeyMaker` says of its event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from databricks_forwarder.loaders._said import kind_said
from databricks_forwarder.mparticle.keys import SOURCE_FEED

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyarrow.dataset import Dataset

    from databricks_forwarder.model import EventKind

__all__ = ["kinds_in", "of_feeds", "rows_of"]


def rows_of(kind: EventKind) -> pc.Expression:
    """
    What holds for the rows of *kind*, in a table that has the fields of its type.

    Args:
        kind: One whose event type is said.
    """
    condition = pc.field("event_type") == pc.scalar(kind.event_type)
    name = pc.scalar(kind.event_name or "")
    if kind.event_type == "custom_event":
        custom = pc.scalar(kind.custom_event_type or "")
        condition &= _said(pc.field("data", "custom_event_type")) == custom
        condition &= _said(pc.field("data", "event_name")) == name
    elif kind.event_type == "commerce_event":
        condition &= _commerce_name() == name
    return condition


def of_feeds() -> pc.Expression:
    """
    What holds for the rows of partner feeds, in a table with the fields of all types.
    """
    attributes = pc.field("data", "custom_attributes")
    feed = _said(pc.map_lookup(attributes, SOURCE_FEED, "first"))
    return (_said(pc.field("source_info", "channel")) == pc.scalar("partner")) | (
        feed != pc.scalar("")
    )


def kinds_in(rows: Dataset) -> Collection[EventKind]:
    """
    The kinds that *rows* are of, but for those that say no event type.
    """
    columns = {
        "event_type": pc.field("event_type"),
        "custom_event_type": _said(pc.field("data", "custom_event_type")),
        "event_name": _said(pc.field("data", "event_name")),
        "done": _commerce_name(),
    }
    said: set[tuple[str, str, str, str]] = set()
    for batch in rows.to_batches(columns=columns):
        each_once = pa.Table.from_batches([batch]).group_by(list(columns)).aggregate([])
        said.update(zip(*each_once.to_pydict().values(), strict=True))
    return {kind_said(*each) for each in said if each[0]}


def _said(text: pc.Expression) -> pc.Expression:
    return pc.coalesce(text, pc.scalar(""))


def _commerce_name() -> pc.Expression:
    """
    Name of a commerce event, or what was done; empty if it says neither.
    """
    named = _said(pc.field("data", "event_name"))
    promotion = _said(pc.field("data", "promotion_action", "action"))
    impressions = pc.list_value_length(pc.field("data", "product_impressions"))
    done = pc.if_else(
        pc.is_valid(pc.field("data", "product_action")),
        _said(pc.field("data", "product_action", "action")),
        pc.if_else(
            pc.is_valid(pc.field("data", "promotion_action")),
            pc.if_else(
                promotion == pc.scalar(""),
                pc.scalar(""),
                pc.binary_join_element_wise(
                    pc.scalar("promotion_"), promotion, pc.scalar("")
                ),
            ),
            pc.if_else(
                pc.coalesce(impressions, pc.scalar(0)) > pc.scalar(0),
                pc.scalar("impression"),
                pc.scalar(""),
            ),
        ),
    )
    return pc.if_else(named == pc.scalar(""), done, named)
