"""
Objects as columns of Python values, gathered a few objects at a time.

What a decoder just made is near the processor: reading the members of a few
objects then costs a third of what it costs once thousands more were made, and
an object that was read can go.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from databricks_forwarder.mparticle.shapes import Object

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Gathered"]


class Gathered:
    """
    The members of objects of one class, field by field.

    Attributes:
        shape: Of the class.
        length: How many rows were added, those without an object included.
        rows: The rows that have an object, in order.
        columns: Of each field of the shape the values of those rows: a list,
            or for a member that is an object again what was gathered of it.
    """

    def __init__(self, shape: Object) -> None:
        self.shape = shape
        self.length = 0
        self.rows: list[int] = []
        self.columns: list[list[Any] | Gathered] = [
            Gathered(each.shape) if isinstance(each.shape, Object) else []
            for each in shape.fields
        ]
        self._getters = [attrgetter(each.name) for each in shape.fields]

    @classmethod
    def of(cls, shape: Object, objects: Sequence[Any]) -> Gathered:
        """
        Gather *objects*, of which some may be None, at once.
        """
        gathered = cls(shape)
        gathered.add(objects)
        return gathered

    def add(self, objects: Sequence[Any]) -> None:
        """
        Gather a few more rows.
        """
        first = self.length
        self.length += len(objects)
        present = [each for each in objects if each is not None]
        if not present:
            return
        if len(present) == len(objects):
            self.rows.extend(range(first, self.length))
        else:
            self.rows.extend(
                row for row, each in enumerate(objects, first) if each is not None
            )
        for getter, column in zip(self._getters, self.columns, strict=True):
            if isinstance(column, Gathered):
                column.add(list(map(getter, present)))
            else:
                column.extend(map(getter, present))
