"""
What a part offers beyond its protocol.
"""

from __future__ import annotations

from typing import Any

import pytest

from databricks_forwarder._abilities import offers
from databricks_forwarder.abilities import (
    GroupingRouter,
    LearningRouter,
    PreviewingRouter,
    SideBySide,
    SurveyingLoader,
)
from databricks_forwarder.counts.memory import MemoryEventCounts
from databricks_forwarder.loaders.memory import MemoryLake, MemoryLoader
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.routers.threshold import ThresholdRouter


class Handing:
    """
    A wrapper that hands on whatever it is asked for.
    """

    def __init__(self, part: object) -> None:
        self.part = part

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)


def threshold_router() -> ThresholdRouter:
    """
    Make a router that learns and previews, and names no groups.
    """
    return ThresholdRouter(MemoryEventCounts(), schema_name="shop")


@pytest.mark.parametrize("wrap", [lambda part: part, Handing], ids=["bare", "wrapped"])
def test_a_part_offers_what_it_has(wrap: Any) -> None:
    """
    A part offers the protocols whose members it has, wrapped or not.
    """
    router = wrap(threshold_router())

    assert (True, True, False) == (
        offers(router, LearningRouter),
        offers(router, PreviewingRouter),
        offers(router, GroupingRouter),
    )


def test_a_part_that_lacks_a_member_does_not_offer() -> None:
    """
    One member that is missing is enough for a part not to offer a protocol.
    """
    router = FunctionRouter(lambda _: "events")
    loader = MemoryLoader({}, MemoryLake())

    assert (False, False, False) == (
        offers(router, LearningRouter),
        offers(loader, SurveyingLoader),
        offers(loader, SideBySide),
    )
