"""
Which rows are of an event kind, as a condition of SQL.

It says of a row what `KeyMaker` says of its event.

Sources: Databricks, "coalesce function", "nullif function", "|| (pipe pipe sign)
operator" and "size function", read 2026-11-25.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._databricks.statements import identifier, literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.model import EventKind

__all__ = ["DATABRICKS", "Dialect", "kind_condition"]


@attrs.frozen(kw_only=True)
class Dialect:
    """
    How an engine's SQL spells what a condition is made of.

    Attributes:
        field: A field of a column, by the path down to it.
        literal: A text.
        length: Name of the function that counts the items of a list.
    """

    field: Callable[[tuple[str, ...]], str]
    literal: Callable[[str], str]
    length: str


DATABRICKS = Dialect(
    field=lambda path: ".".join(map(identifier, path)), literal=literal, length="size"
)
"""The platform's own."""


def kind_condition(kind: EventKind, dialect: Dialect = DATABRICKS) -> str:
    """
    The condition that holds for the rows of *kind*, in a table of all event types.

    Args:
        kind: One whose event type is said.
        dialect: Of the engine that is asked.
    """
    text = dialect.literal
    conditions = [f"{dialect.field(('event_type',))} = {text(kind.event_type or '')}"]
    name = text(kind.event_name or "")
    if kind.event_type == "custom_event":
        custom = text(kind.custom_event_type or "")
        conditions += [
            f"coalesce({dialect.field(('data', 'custom_event_type'))}, '') = {custom}",
            f"coalesce({dialect.field(('data', 'event_name'))}, '') = {name}",
        ]
    elif kind.event_type == "commerce_event":
        conditions.append(f"{commerce_name(dialect)} = {name}")
    return " AND ".join(conditions)


def commerce_name(dialect: Dialect = DATABRICKS) -> str:
    """
    Name of a commerce event, or what was done; empty if it says neither.
    """
    named = dialect.field(("data", "event_name"))
    action = dialect.field(("data", "product_action"))
    product = dialect.field(("data", "product_action", "action"))
    promoted = dialect.field(("data", "promotion_action"))
    promotion = dialect.field(("data", "promotion_action", "action"))
    impressions = dialect.field(("data", "product_impressions"))
    return (
        f"coalesce(nullif({named}, ''), CASE WHEN {action} IS NOT NULL THEN {product}"
        f" WHEN {promoted} IS NOT NULL THEN 'promotion_' || nullif({promotion}, '')"
        f" WHEN {dialect.length}({impressions}) > 0 THEN 'impression' END, '')"
    )
