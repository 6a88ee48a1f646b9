"""
What is kept of a driver's exception: its class, its text, no object of it.

A driver's exception leads to requests with their headers, to frames with
tokens in their locals, and to open sockets. None of that goes further.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ForeignError", "apart", "chain", "first_line", "masked", "stripped"]

# Tokens of the platform are JWTs; some servers quote what they refuse. What
# stands before the host of a proxy may be a password.
_TOKEN = re.compile(
    r"\beyJ[\w-]+\.[\w-]+(\.[\w-]*)?|(?<=Bearer )\S+|(?<=Basic )\S+"
    r"|(?<=://)[^/@\s]+(?=@)"
)

_MOST_CHARACTERS = 500


class ForeignError(Exception):
    """
    An exception of a driver, as far as it can be shown.
    """


def stripped(error: BaseException) -> ForeignError:
    """
    Say what *error* and all that led to it were, and hold on to none of them.
    """
    return ForeignError(
        " <- ".join(
            f"{type(each).__module__}.{type(each).__qualname__}: {first_line(each)}"
            for each in chain(error)
        )
    )


def apart(error: BaseException, handled: BaseException | None) -> None:
    """
    Take *error* apart from what was being handled when it was raised.

    Python makes that its context; it is no part of how *error* came about.

    Args:
        error: What a driver raised.
        handled: ``sys.exc_info()[1]`` from before the driver was called.
    """
    for each in list(chain(error)):
        if handled is not None and each.__context__ is handled:
            each.__context__ = None


def first_line(error: BaseException) -> str:
    """
    The first line of the text of *error*, not too long and without tokens.
    """
    # The system's errors begin with their number.
    texts = [each for each in error.args if isinstance(each, str)]
    said = str((texts or error.args or ("",))[0])
    return masked(said.split("\n", 1)[0])


def masked(said: str) -> str:
    """
    What was said, in one line, not too long and without tokens.
    """
    return _TOKEN.sub("***", " ".join(said.split()))[:_MOST_CHARACTERS]


def chain(error: BaseException) -> Iterator[BaseException]:
    """
    Give *error* and all exceptions that it came from, each once.

    Drivers hand them on as causes, as arguments, as a reason, or in a mapping
    of details: observed with databricks-sql-connector 4.9.0, urllib3 2.8.0 and
    requests 2.34.2.
    """
    waiting = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        details = getattr(each, "context", None)
        found = (
            *each.args,
            getattr(each, "reason", None),
            *(details.values() if isinstance(details, Mapping) else ()),
            each.__cause__,
            each.__context__,
        )
        waiting += [part for part in found if isinstance(part, BaseException)]
