"""
Facts for tests of observers: one of any kind, with values that could be.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, TypeVar

import attrs

from databricks_forwarder.facts import FACTS, Fact
from databricks_forwarder.model import LoadId, Offset, OffsetRange, TableName

__all__ = ["make_fact", "one_of_each"]

_Kind = TypeVar("_Kind", bound=Fact)

_USUAL: dict[str, Any] = {
    "at": datetime(2026, 1, 1, tzinfo=timezone.utc),
    "attempt": 1,
    "error": None,
    "file": "event_navigation_signup-0123456789ab-0000.parquet",
    "load_id": LoadId("0123456789ab-0-9"),
    "message": "it is away",
    "offset": Offset(3),
    "offsets": OffsetRange(Offset(0), Offset(9)),
    "operation": "COPY INTO",
    "reason": "not JSON: Expecting value at character 0",
    "reasons": "1 of not JSON: Expecting value at character …",
    "seconds": 0.5,
    "pause_seconds": 2.0,
    "size_bytes": 4096,
    "statement_id": "01ef0000-0000-1000-8000-000000000000",
    "statement_ids": ("01ef0000-0000-1000-8000-000000000000",),
    "table": TableName("event_navigation_signup"),
    "was_repeat": False,
}


def make_fact(kind: type[_Kind], /, **fields: Any) -> _Kind:
    """
    Make a fact of *kind*; what is not given is as usual, numbers are 1.

    Args:
        kind: Any kind of fact.
        fields: Instead of the usual ones.
    """
    names = [field.name for field in attrs.fields(kind)]
    usual = {name: _USUAL.get(name, 1) for name in names}
    if usual.get("error", "") is None and "operation" not in usual:
        usual["error"] = "TransientError"
    return kind(**{**usual, **fields})


def one_of_each() -> list[Fact]:
    """
    Make one fact of each kind there is, of one load.
    """
    return [make_fact(kind) for kind in FACTS]
