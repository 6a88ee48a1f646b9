"""
What a test is shown of the requests that a workspace was asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping


__all__ = ["SeenRequest"]


@attrs.frozen(kw_only=True)
class SeenRequest:
    """
    One request that was made, without anything secret.

    Attributes:
        method: HTTP method.
        path: Decoded; of presigned addresses only how they begin.
        query: Name → value; left out where no sign-in is needed.
        principal: Client id of who asked; None if that is not known.
        status: HTTP status of the reply; None if there was none, or is none yet.
        statement: The SQL that it ran, if it ran any.
        statement_id: What it was given as a name, as the query history has it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    principal: str | None
    status: int | None
    statement: str | None
    statement_id: str | None = None
