"""
Misfortunes by script: this call of that method fails, in this way.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import attrs

from databricks_forwarder.testing._wrapping import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Fail", "Killed", "faulty"]

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


def faulty(part: _Part, *faults: Fail) -> _Part:
    """
    Wrap *part* so that it fails as *faults* say, and works otherwise.

    Two threads that call the same method at once are counted in any order.
    """
    counts: Counter[str] = Counter()

    def called(
        method: str,
        call: Callable[..., Any],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        counts[method] += 1
        due = {
            fault.when: fault.error
            for fault in faults
            if (fault.method, fault.nth) == (method, counts[method])
        }
        if "before" in due:
            raise due["before"]
        answer = call(*args, **kwargs)
        if "after" in due:
            raise due["after"]
        return answer

    return wrapped(part, called)
