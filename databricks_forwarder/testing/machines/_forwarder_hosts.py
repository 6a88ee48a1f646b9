"""
Hosts one after the other: how each puts its forwarder together.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from databricks_forwarder._forwarder import Forwarder
from databricks_forwarder.settings import UploadPolicy
from databricks_forwarder.testing._wrapping import wrapped
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.faults import faulty
from databricks_forwarder.testing.machines._machine import Machine
from databricks_forwarder.testing.machines._multiset import UNLUCKY, Multiset

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    import pyarrow as pa

    from databricks_forwarder.testing.machines._misfortunes import Misfortune

__all__ = ["POLICY", "ForwarderHosts"]

POLICY = UploadPolicy(max_age=timedelta(minutes=90), max_messages=6)


class ForwarderHosts(Machine):
    """
    A host with a forwarder whose parts may be faulty; another one may follow.

    Attributes:
        lease_seconds: How long the batcher lets a holder keep a load without
            a note.
    """

    lease_seconds: ClassVar[float] = 900.0

    def parts(self) -> Mapping[str, Any]:
        """
        Give new parts over what this run keeps, as a new process sees it.

        Returns:
            ``router``, ``batcher``, ``stager`` and ``loader``, as `Forwarder`
            takes them. All is empty at first. Batchers are closed in the end;
            what else is to be closed is for `closing`.
        """
        raise NotImplementedError

    def tables(self) -> Mapping[str, pa.Table]:
        """
        Read all tables, not through the loader.
        """
        raise NotImplementedError

    def staged(self) -> Collection[str]:
        """
        List the loads that have anything staged, not through the stager.
        """
        raise NotImplementedError

    def learnt(self) -> int | None:
        """
        How many messages the router has learnt of since ever, if it can be told.
        """
        return None

    def die(self, parts: Mapping[str, Any]) -> None:
        """
        Take from *parts* what the system takes from a process that ends.

        Nothing, unless it is said what: its lease then lasts until it expires.
        """

    def __init__(self) -> None:
        super().__init__()
        self._clock = FakeClock()
        self._sent = Multiset()
        self._is_broken = False
        self._begin([])

    def _begin(self, befalls: Sequence[Misfortune]) -> None:
        self._befalls = befalls
        self._parts = self.parts()
        self.closing.callback(self._parts["batcher"].close)
        inside = {**self._parts, "router": self._breaking(self._parts["router"])}
        self._forwarder = Forwarder(
            **{
                name: faulty(
                    part, *(f for b in befalls if b.part == name for f in b.faults)
                )
                for name, part in inside.items()
            },
            policy=POLICY,
            clock=self._clock,
            scratch=self.tmp_path / "scratch",
        )
        # As a host does that comes back: what it had no receipt for is there
        # when the checkpoint says so, and only then.
        self._sent.settle_doubts(self._parts["batcher"].checkpoint())

    def _breaking(self, router: Any) -> Any:
        own = getattr(router, "group", None)

        def group(batch: Any) -> str | None:
            if self._is_broken and batch.mpid == UNLUCKY:
                msg = "the router's group was to break on this batch"
                raise ValueError(msg)
            return None if own is None else own(batch)

        breaking: Any = wrapped(router, _made)
        breaking.group = group
        return breaking


def _made(
    _: str, call: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    return call(*args, **kwargs)
