"""
Contracts as such: what a subclass may do, and what it must.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from memory_examination import MemoryBatcherExamination

from databricks_forwarder.batchers.memory import MemoryBatcher
from databricks_forwarder.model import Offset
from databricks_forwarder.testing.contracts.batcher import BatcherContract
from databricks_forwarder.testing.contracts.router import RouterContract


class Nameless(MemoryBatcher):
    """
    A batcher whose storages have one name.
    """

    @property
    def id(self) -> str:
        """
        The same for all.
        """
        return "0" * 12


class TestExemptedBatcher(MemoryBatcherExamination):
    """
    A part that can't show all, says why, and is examined in the rest.
    """

    part = Nameless
    damage = BatcherContract.damage
    exempt: ClassVar[dict[str, str]] = {
        "B11": "there is no back door to its storage",
        "test_b6_batchers_name_their_loads_differently": "there is only one of it",
    }


def test_a_test_of_a_contract_cannot_be_overridden() -> None:
    """
    A subclass that replaces a test is refused, and told what to do instead.
    """
    own = {"test_b7_committing_twice_is_committing_once": lambda _: None}

    with pytest.raises(TypeError, match="exempt the clause with a reason instead"):
        type("Lenient", (BatcherContract,), own)


@pytest.mark.parametrize(
    "hook",
    [
        BatcherContract.open,
        BatcherContract.open_another,
        lambda contract: contract.open_small(1),
        BatcherContract.stored,
        lambda contract: contract.damage(Offset(0)),
    ],
)
def test_a_batchers_hooks_are_asked_for(hook: Callable[[BatcherContract], Any]) -> None:
    """
    A subclass without a hook fails where the hook is needed.
    """
    with pytest.raises(NotImplementedError):
        hook(BatcherContract())


@pytest.mark.parametrize(
    ("hook", "words"),
    [
        (RouterContract.make, r"say how .* is made: make\(self\)"),
        (
            RouterContract.learnt,
            r"so its contract needs learnt\(self\)",
        ),
    ],
)
def test_a_routers_hooks_say_what_they_are_for(
    hook: Callable[[RouterContract], Any], words: str
) -> None:
    """
    A subclass without a hook is told which one is needed, and why.
    """
    with pytest.raises(NotImplementedError, match=words):
        hook(RouterContract())
