"""
Which rows are of an event kind, as a condition of SQL.

It says of a row what `KeyMaker` says of its event.

Sources: Databricks, "coalesce function", "nullif function", "concat function"
and "size function", read 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._databricks.statements import literal

if TYPE_CHECKING:
    from databricks_forwarder.model import EventKind

__all__ = ["COMMERCE_NAME", "kind_condition"]

COMMERCE_NAME = (
    "coalesce(nullif(`data`.`event_name`, ''), CASE"
    " WHEN `data`.`product_action` IS NOT NULL THEN `data`.`product_action`.`action`"
    " WHEN `data`.`promotion_action` IS NOT NULL"
    " THEN concat('promotion_', nullif(`data`.`promotion_action`.`action`, ''))"
    " WHEN size(`data`.`product_impressions`) > 0 THEN 'impression' END, '')"
)
"""Name of a commerce event, or what was done; empty if it says neither."""


def kind_condition(kind: EventKind) -> str:
    """
    The condition that holds for the rows of *kind*, in a table of all event types.

    Args:
        kind: One whose event type is said.
    """
    conditions = [f"`event_type` = {literal(kind.event_type or '')}"]
    name = literal(kind.event_name or "")
    if kind.event_type == "custom_event":
        custom = literal(kind.custom_event_type or "")
        conditions += [
            f"coalesce(`data`.`custom_event_type`, '') = {custom}",
            f"coalesce(`data`.`event_name`, '') = {name}",
        ]
    elif kind.event_type == "commerce_event":
        conditions.append(f"{COMMERCE_NAME} = {name}")
    return " AND ".join(conditions)
