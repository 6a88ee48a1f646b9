"""
A function as a router.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import attrs

from databricks_forwarder.answers import Reason
from databricks_forwarder.model import Table
from databricks_forwarder.mparticle.names import table_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from databricks_forwarder.model import EventKey
    from databricks_forwarder.mparticle.batch import Batch
    from databricks_forwarder.protocols import EventCounts

__all__ = ["Answer", "Drop", "FunctionRouter"]


class Drop(Enum):
    """
    The answer that says: do not forward, count as dropped.
    """

    DROP = "drop"


Answer = str | Table | Drop | None
"""
What a routing function returns: a table's name, for a table with the columns
of all event types; a `Table`; `FunctionRouter.DROP`; or None to leave the key
to the next router, and without one to the common table.
"""


class FunctionRouter:
    """
    Ask a function for the table of each key, once a load and key.

    Two keys with one answer share a table: the function says so. An exception
    in the function comes out as it is.

    Args:
        function: Key → answer; pure, so that a load goes the same way again.
        group: Names the group of a batch, which the function then finds in
            the key, when nothing else in a key says what it depends on.
    """

    DROP: Final = Drop.DROP

    group: Callable[[Batch], str | None]

    def __init__(
        self,
        function: Callable[[EventKey], Answer],
        *,
        group: Callable[[Batch], str | None] | None = None,
    ) -> None:
        self.function = function
        # Set only if there is one: who has a `group` is asked for each batch.
        if group is not None:
            self.group = group

    def __repr__(self) -> str:
        return f"FunctionRouter({self.function!r})"

    def route(
        self,
        counts: Mapping[EventKey, int],
        /,
        *,
        at: datetime,  # noqa: ARG002 (the function is asked for a key alone)
    ) -> Mapping[EventKey, Table | None]:
        """
        Name a table for each key that the function has an answer for.

        Raises:
            ConfigurationError: The function returned no name, or one that the
                catalog would refuse.
        """
        answers = ((key, self.function(key)) for key in counts)
        return {key: _table(answer) for key, answer in answers if answer is not None}

    def preview(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Table | None]:
        """
        Ask the function: it gives no names that would have to be kept.
        """
        return self.route(counts, at=at)

    def explain(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, Reason]:
        """
        Name the function: why it answers so, it alone knows.
        """
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return {
            key: Reason(key=key, table=table, rule="router", router=name)
            for key, table in self.route(counts, at=at).items()
        }

    def rehearsal(
        self,
        over: Callable[[EventCounts], EventCounts],  # noqa: ARG002 (it has none)
        /,
    ) -> FunctionRouter:
        """
        Stand in for itself: it learns nothing.
        """
        return self


def _table(answer: str | Table | Drop) -> Table | None:
    if answer is Drop.DROP:
        return None
    if isinstance(answer, Table):
        return attrs.evolve(answer, name=table_name(answer.name))
    return Table(table_name(answer))
