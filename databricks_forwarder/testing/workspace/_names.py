"""
Names in Unity Catalog: what they may be, and what a short one stands for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, get_args

from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.testing.workspace._results import Session

__all__ = ["DEPTHS", "Kind", "full_name", "parent", "shown"]

Kind = Literal["CATALOG", "SCHEMA", "TABLE", "VOLUME", "WAREHOUSE"]
"""What privileges are granted on."""

DEPTHS: dict[Kind, int] = dict(zip(get_args(Kind), (1, 2, 3, 3, 1), strict=True))
"""How many parts the full name of each has."""

_NEVER = re.compile(r"[\x00-\x20./\x7f]")


def full_name(parts: Sequence[str], kind: Kind, session: Session) -> str:
    """
    The whole dotted name, in lower case, of what *parts* names for *session*.

    Raises:
        RefusedError: It has too many parts, or one that can be no name.

    Source: Databricks, "Names", read 2026-11-23: at most 255 characters, no
    period, space, slash or control character, stored in lower case. Which
    class refuses such a name is not documented.
    """
    depth = DEPTHS[kind]
    if len(parts) > depth:
        raise RefusedError(
            "REQUIRES_SINGLE_PART_NAMESPACE" if depth == 1 else "INVALID_IDENTIFIER",
            f"{'.'.join(parts)!r} is no name of a {kind.lower()}.",
            sqlstate="42602",
        )
    above = (session.catalog, session.schema)[: depth - len(parts)]
    for part in parts:
        if not 0 < len(part) <= 255 or _NEVER.search(part):
            raise RefusedError(
                "INVALID_PARAMETER_VALUE",
                f"{part!r} is not a valid name: 1 to 255 characters, without period, "
                "space, slash or control characters.",
                sqlstate="22023",
            )
    return ".".join((*above, *parts)).lower()


def parent(name: str) -> str:
    """
    What a dotted name is in.
    """
    return name.rpartition(".")[0]


def shown(name: str) -> str:
    """
    A dotted name as the platform quotes it.
    """
    return ".".join(f"`{part.replace('`', '``')}`" for part in name.split("."))
