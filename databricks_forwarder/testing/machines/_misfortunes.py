"""
What may befall a forwarder while it lives, drawn: deaths, and errors of parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from hypothesis import strategies as st

from databricks_forwarder.errors import (
    BatcherError,
    PermanentError,
    SetupError,
    TransientError,
)
from databricks_forwarder.testing.faults import Fail, Killed

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Misfortune", "misfortunes"]

_CALLS = {
    "loader": ("load", "prepare"),
    "batcher": ("commit", "note", "append", "lease", "park", "replay", "carry_on"),
    "router": ("loaded", "route"),
    "stager": ("stage", "discard", "staged"),
}
_CALLED = [(part, method) for part, methods in _CALLS.items() for method in methods]
# Where a death hurts most.
_CALLED += 2 * [("loader", "load"), ("batcher", "note"), ("batcher", "commit")]
# Few lives are long: most of what is to happen late never does.
_NTH = st.sampled_from([1, 1, 1, 2, 3, 5])

# What each part may raise besides dying, before it has done anything. After
# it has, only what says that nothing certain is known.
_ERRORS: dict[str, tuple[type[BaseException], ...]] = {
    "batcher": (BatcherError,),
    "router": (ValueError, PermanentError),
    "stager": (TransientError, SetupError),
    "loader": (TransientError, SetupError, PermanentError),
}
_UNCERTAIN: tuple[type[BaseException], ...] = (TransientError, SetupError)


@attrs.frozen
class Misfortune:
    """
    One call of one part that fails, and fails again some times.

    Attributes:
        part: ``batcher``, ``router``, ``stager`` or ``loader``.
        method: Which of its methods.
        nth: Which of its calls in this life fails first.
        error: What is raised.
        when: As in `Fail`.
        times: How many of its calls fail, one after the other.
    """

    part: str
    method: str
    nth: int
    error: type[BaseException]
    when: str = "before"
    times: int = 1

    @property
    def faults(self) -> Sequence[Fail]:
        """
        The same for `faulty`.
        """
        error: BaseException | type[BaseException] = self.error
        if self.error is not Killed:
            error = self.error(f"{self.part}.{self.method} was to fail")
        return [
            Fail(
                method=self.method,
                nth=self.nth + again,
                error=error,
                when="after" if self.when == "after" else "before",
            )
            for again in range(self.times)
        ]


@st.composite
def _misfortune(draw: st.DrawFn) -> Misfortune:
    part, method = draw(st.sampled_from(_CALLED))
    nth = draw(_NTH)
    when = draw(st.sampled_from(["after", "before"]))
    if draw(st.sampled_from([True, True, False])):
        return Misfortune(part, method, nth, Killed, when)
    errors = _ERRORS[part]
    if when == "after":
        errors = tuple(error for error in errors if error in _UNCERTAIN) or (Killed,)
    error = draw(st.sampled_from(errors))
    times = 1 if error is Killed else draw(st.sampled_from([1, 5]))
    return Misfortune(part, method, nth, error, when, times)


def misfortunes(*, min_size: int = 0) -> st.SearchStrategy[list[Misfortune]]:
    """
    What happens to one life: up to two misfortunes.
    """
    return st.lists(_misfortune(), min_size=min_size, max_size=2)
