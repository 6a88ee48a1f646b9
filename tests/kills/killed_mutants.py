"""
Hosts with one guarantee taken away each: what the kill test must see.

Each is made by wrapping parts, so that the walk stays as it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

from databricks_forwarder._parts import Parts
from databricks_forwarder._progress import Progress, Staging
from databricks_forwarder._reports import carried_report
from databricks_forwarder.model import Lease, LoadId, Offset, OffsetRange
from databricks_forwarder.routers.threshold import ThresholdRouter
from databricks_forwarder.testing._wrapping import wrapped

Mutant = Callable[[Parts], Parts]
"""Parts → what takes their places."""


def _once_staged(
    parts: Parts, act: Callable[[Lease, Staging, datetime], None]
) -> Parts:
    """
    Have something done each time before the tables of a load are loaded.
    """
    leases: dict[LoadId, Lease] = {}

    def around(name: str, method: Any, args: Sequence[Any], kwargs: Any) -> Any:
        answer = method(*args, **kwargs)
        notes: dict[str, str] = {}
        if name == "lease" and answer is not None:
            leases[answer.load_id] = answer
            load_id, notes = answer.load_id, dict(answer.notes)
        elif name == "note":
            load_id, key, noted = args
            notes = {key: noted}
        staging = Progress(notes).staging
        if staging is not None:
            act(leases[load_id], staging, kwargs["at"])
        return answer

    return attrs.evolve(parts, batcher=wrapped(parts.batcher, around))


def _commits_first(parts: Parts) -> Parts:
    """
    Have the batcher let go of the records before their rows are loaded.
    """
    gone: set[LoadId] = set()

    def act(lease: Lease, staging: Staging, at: datetime) -> None:
        report = carried_report(lease, staging, {}, at=at)
        parts.batcher.commit(lease.load_id, report, at=at)
        gone.add(lease.load_id)

    def around(name: str, method: Any, args: Sequence[Any], kwargs: Any) -> Any:
        # Of a load that is committed it takes no notes.
        if name == "note" and args[0] in gone:
            return None
        return method(*args, **kwargs)

    first = _once_staged(parts, act)
    return attrs.evolve(first, batcher=wrapped(first.batcher, around))


def _counts_first(parts: Parts) -> Parts:
    """
    Count before the tables are loaded, each time that a load comes by.
    """
    learner = ThresholdRouter(parts.counts, schema_name="any")

    def act(lease: Lease, staging: Staging, at: datetime) -> None:
        counted = LoadId(f"{lease.load_id}-{secrets.token_hex(4)}")
        learner.loaded(counted, staging.counts, at=at)

    def around(name: str, method: Any, args: Sequence[Any], kwargs: Any) -> Any:
        return None if name == "add" else method(*args, **kwargs)

    counts = wrapped(parts.counts, around)
    return attrs.evolve(_once_staged(parts, act), counts=counts)


def _forgetful(parts: Parts) -> Parts:
    """
    Have the tables forget which loads they have.
    """

    def around(name: str, method: Any, args: Sequence[Any], kwargs: Any) -> Any:
        if name != "load":
            return method(*args, **kwargs)
        load_id, *rest = args
        return method(f"{load_id}-{secrets.token_hex(4)}", *rest, **kwargs)

    return attrs.evolve(parts, loader=wrapped(parts.loader, around))


def _hasty(parts: Parts) -> Parts:
    """
    Give receipts first, and store when something else is asked for.
    """
    owed: list[tuple[Sequence[Any], Mapping[str, Any]]] = []

    def around(name: str, method: Any, args: Sequence[Any], kwargs: Any) -> Any:
        while owed:
            later, options = owed.pop(0)
            parts.batcher.append(*later, **options)
        if name != "append":
            return method(*args, **kwargs)
        owed.append((args, kwargs))
        return OffsetRange(Offset(0), Offset(0))

    return attrs.evolve(parts, batcher=wrapped(parts.batcher, around))


def _wayward(parts: Parts) -> Parts:
    """
    Have the batcher forget where a load was routed.
    """

    def around(name: str, method: Any, args: Sequence[Any], kwargs: Any) -> Any:
        if name == "note" and args[1] == "routes":
            return None
        return method(*args, **kwargs)

    return attrs.evolve(parts, batcher=wrapped(parts.batcher, around))


MUTANTS: Mapping[str, Mutant] = {
    "commits before it loads": _commits_first,
    "counts before it loads": _counts_first,
    "forgets what is loaded": _forgetful,
    "gives receipts too soon": _hasty,
    "does not note routes": _wayward,
}
