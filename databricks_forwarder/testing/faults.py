"""
Misfortunes by script: this call of that method fails, in this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs

from databricks_forwarder.testing._wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Fail", "Faults", "Killed", "faulty"]

_Part = TypeVar("_Part")


class Killed(BaseException):
    """
    The process dies here: nothing after this point has been done.

    No `Exception`: code that handles errors must not survive it.
    """


@attrs.frozen(kw_only=True)
class Fail:
    """
    One call that fails; it fails once.

    Attributes:
        method: Name of the method.
        nth: Which of its calls, counted by the wrapper from 1.
        error: What is raised.
        when: ``before``: nothing of the call was done. ``after``: all of it
            was done, and its answer is lost.
    """

    method: str
    nth: int = 1
    error: BaseException | type[BaseException] = Killed
    when: Literal["before", "after"] = "before"


@attrs.define
class _Open:
    fault: Fail
    calls_left: int


class Faults:
    """
    The faults of a part; more can be ordered while it is at work.

    Two threads that call the same method at once are counted in any order.

    Args:
        faults: Those that are there from the beginning.
    """

    def __init__(self, *faults: Fail) -> None:
        self._ordered: list[_Open] = []
        self.order(*faults)

    def order(self, *faults: Fail) -> None:
        """
        Let *faults* happen too; their calls are counted from now on.
        """
        self._ordered += [_Open(fault, fault.nth) for fault in faults]

    def around(self, part: _Part) -> _Part:
        """
        Wrap *part* so that it fails as ordered, and works otherwise.
        """
        return wrapped(part, self._called)

    def _called(
        self,
        method: str,
        call: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        due = {fault.when: fault.error for fault in self._due(method)}
        if "before" in due:
            raise due["before"]
        answer = call(*args, **kwargs)
        if "after" in due:
            raise due["after"]
        return answer

    def _due(self, method: str) -> list[Fail]:
        of_method = [each for each in self._ordered if each.fault.method == method]
        for each in of_method:
            each.calls_left -= 1
        return [each.fault for each in of_method if each.calls_left == 0]


def faulty(part: _Part, *faults: Fail) -> _Part:
    """
    Wrap *part* so that it fails as *faults* say, and works otherwise.
    """
    return Faults(*faults).around(part)
