"""
Where rows of a person are in a table, read a few columns at a time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.erasure import Place
from databricks_forwarder.model import LoadId, Offset

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pyarrow.dataset import Dataset

    from databricks_forwarder.mparticle.person import Person

__all__ = ["PLACED", "places_in", "some_places"]

PLACED = ("_load_id", "_offset", "mpid", "user_identities")
"""The columns that tell whose rows are where; a table without is none of ours."""

_TYPES = {name: schema_of(None).field(name).type for name in PLACED}

# As for counting: narrow columns, but identities are texts.
_READING = {"batch_size": 16_384, "batch_readahead": 2, "fragment_readahead": 1}

_AT_ONCE = 2000
"""Places that one statement names."""


def places_in(rows: Dataset, person: Person) -> Sequence[Place]:
    """
    Find the rows of *person*; none in a table that has not all of the columns.
    """
    if not all(
        name in rows.schema.names and rows.schema.field(name).type == type_
        for name, type_ in _TYPES.items()
    ):
        return []
    counts: Counter[tuple[str, int]] = Counter()
    for batch in rows.to_batches(columns=list(PLACED), **_READING):
        found = batch.select(PLACED[:2]).filter(_mask(batch, person))
        counts.update(
            zip(*(column.to_pylist() for column in found.columns), strict=True)
        )
    return [
        Place(LoadId(load_id), Offset(offset), count)
        for (load_id, offset), count in sorted(counts.items())
    ]


def some_places(places: Sequence[Place]) -> Sequence[dict[LoadId, list[int]]]:
    """
    Give the offsets by load, as many at a time as one statement names.
    """
    some: list[dict[LoadId, list[int]]] = []
    for first in range(0, len(places), _AT_ONCE):
        offsets: dict[LoadId, list[int]] = {}
        for place in places[first : first + _AT_ONCE]:
            offsets.setdefault(place.load_id, []).append(place.offset)
        some.append(offsets)
    return some


def _mask(batch: pa.RecordBatch, person: Person) -> pa.Array:
    mask = _is_in(batch["mpid"], person.mpids)
    for key, values in person.identities.items():
        entries = pc.map_lookup(batch["user_identities"], key, "first")
        mask = pc.or_(mask, _is_in(pc.struct_field(entries, "identity"), values))
    return mask


def _is_in(column: pa.Array, values: Collection[int] | Collection[str]) -> pa.Array:
    return pc.is_in(column, pa.array(list(values), column.type))
