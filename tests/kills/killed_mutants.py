"""
Hosts with one guarantee taken away each: what the kill test must see.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from databricks_forwarder._parts import Parts
from databricks_forwarder._pipeline import Pipeline
from databricks_forwarder._reports import carried_report
from databricks_forwarder.model import Offset, OffsetRange
from databricks_forwarder.protocols import LearningRouter
from databricks_forwarder.testing._wrapping import wrapped


def _same(part: Any) -> Any:
    return part


@attrs.frozen
class Mutant:
    """
    What is put in the place of the parts and of the walk.
    """

    parts: Callable[[Parts], Parts] = _same
    pipeline: Callable[[Pipeline], Pipeline] = _same


class _CommitsFirst(Pipeline):
    """
    A walk that lets go of the records before their rows are loaded.
    """

    def _carry(self, load: Any) -> Any:
        staging = load.progress.staging or self._stage(load)
        at = self.clock.now()
        report = carried_report(load.lease, staging, {}, at=at)
        self.batcher.commit(load.id, report, at=at)
        for table in staging.tables:
            self._load_table(load.id, table)
        if isinstance(self.router, LearningRouter):
            self.router.loaded(load.id, staging.counts, at=at)
        self._discard(load.id)
        return report


class _CountsFirst(Pipeline):
    """
    A walk that counts before it loads, each time it comes by.
    """

    def _load(self, load: Any, staging: Any) -> Any:
        counted = f"{load.id}-{secrets.token_hex(4)}"
        if isinstance(self.router, LearningRouter):
            self.router.loaded(counted, staging.counts, at=self.clock.now())
        return super()._load(load, staging)


def _walking(walk: type[Pipeline]) -> Callable[[Pipeline], Pipeline]:
    def instead(pipeline: Pipeline) -> Pipeline:
        names = (each.name for each in attrs.fields(Pipeline))
        return walk(**{name: getattr(pipeline, name) for name in names})

    return instead


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
    "commits before it loads": Mutant(pipeline=_walking(_CommitsFirst)),
    "counts before it loads": Mutant(pipeline=_walking(_CountsFirst)),
    "forgets what is loaded": Mutant(parts=_forgetful),
    "gives receipts too soon": Mutant(parts=_hasty),
    "does not note routes": Mutant(parts=_wayward),
}
