"""
The kind of an event, from what its row says.
"""

from __future__ import annotations

from databricks_forwarder.model import EventKind

__all__ = ["kind_said"]


def kind_said(
    event_type: str, custom_event_type: str, event_name: str, done: str
) -> EventKind:
    """
    The kind of a row; empty texts say nothing.

    Args:
        event_type: As the event says.
        custom_event_type: As the event says.
        event_name: As the event says.
        done: Name of a commerce event, or what was done.
    """
    if event_type == "custom_event":
        return EventKind(event_type, custom_event_type or None, event_name or None)
    if event_type == "commerce_event":
        return EventKind(event_type, None, done or None)
    return EventKind(event_type)
