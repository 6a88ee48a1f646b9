"""
The rule by which names are given; pure, the same for every storage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from databricks_forwarder.model import TableName

__all__ = ["newly_given"]


def newly_given(
    wishes: Mapping[str, Sequence[TableName]],
    *,
    given: Mapping[str, TableName],
    taken: Collection[TableName],
) -> Mapping[str, TableName]:
    """
    Choose a free name for each owner that has none, in the order of *wishes*.

    Args:
        wishes: Owner → names, the most wanted first.
        given: Owner → the name it has.
        taken: Names that have an owner; asked by ``in`` only.

    Raises:
        ValueError: All names that an owner wishes are others'.
    """
    new: dict[str, TableName] = {}
    fresh: set[TableName] = set()
    for owner, names in wishes.items():
        if owner in given:
            continue
        free = (name for name in names if name not in taken and name not in fresh)
        name = next(free, None)
        if name is None:
            msg = (
                f"no table name is free for {owner}: others have {', '.join(names)}; "
                "wish for one more"
            )
            raise ValueError(msg)
        new[owner] = name
        fresh.add(name)
    return new
