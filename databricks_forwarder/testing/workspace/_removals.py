"""
When files were taken out of a table: what a vacuum goes by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from databricks_forwarder.testing.workspace._log import Action

__all__ = ["dated", "removal"]


def removal(path: str, *, changes_rows: bool = True) -> Action:
    """
    The action that takes a file out of a table.

    Args:
        path: Its name.
        changes_rows: Whether the table's rows are others without it.
    """
    return {"remove": {"path": path, "dataChange": changes_rows}}


def dated(actions: Iterable[Action], at: datetime) -> list[Action]:
    """
    Say in each removal among *actions* that it was *at* that moment.
    """
    milliseconds = int(at.timestamp() * 1000)
    return [
        {"remove": {**action["remove"], "deletionTimestamp": milliseconds}}
        if "remove" in action
        else action
        for action in actions
    ]
