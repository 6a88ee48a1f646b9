"""
How a loader prepares tables: L4.
"""

from __future__ import annotations

import pyarrow as pa
import pytest

from databricks_forwarder.errors import SchemaError
from databricks_forwarder.testing.contracts._clause import clause
from databricks_forwarder.testing.contracts._loader_hooks import TABLE, LoaderHooks
from databricks_forwarder.testing.contracts._samples import (
    DEEP,
    LOAD,
    NARROW,
    NEXT,
    WIDE,
    at_once,
    rows,
)

__all__ = ["Preparing"]


class Preparing(LoaderHooks):
    """
    Tests of tables that are made and widened.
    """

    @clause("L4")
    def test_l4_prepared_table_is_empty(self) -> None:
        """
        A prepared table has no rows, however often it is prepared.
        """
        for _ in range(2):
            loader = self.open()
            loader.prepare(TABLE, NARROW)
            loader.prepare(TABLE, NARROW)

        assert [] == self.rows(TABLE)

    @clause("L4")
    def test_l4_columns_are_added(self) -> None:
        """
        After preparing for more columns, old rows stay and new ones have them.
        """
        self._grow(WIDE)

    @clause("L4")
    def test_l4_columns_are_added_inside_lists_and_maps(self) -> None:
        """
        So it is with fields of structs that lie in a list or a map.
        """
        self._grow(DEEP)

    def _grow(self, grown: pa.Schema) -> None:
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        loader.load(LOAD, TABLE, [self.staged(LOAD, rows(0, 3))])
        loader.prepare(TABLE, grown)
        content = rows(3, 3, grown, load_id=NEXT)
        loader.load(NEXT, TABLE, [self.staged(NEXT, content, schema=grown)])

        assert ([0, 1, 2], content) == (self.held_ids()[:3], self.held()[3:])

    @clause("L4")
    def test_l4_fewer_columns_drop_none(self) -> None:
        """
        Preparing for fewer columns leaves the others and their values.
        """
        loader = self.open()
        loader.prepare(TABLE, DEEP)
        loader.load(LOAD, TABLE, [self.staged(LOAD, rows(0, 3, DEEP), schema=DEEP)])
        self.open().prepare(TABLE, NARROW)

        assert rows(0, 3, DEEP) == self.held()

    @clause("L4")
    def test_l4_another_type_is_refused_by_its_path(self) -> None:
        """
        A nested column of another type is refused with its path.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        price = pa.list_(pa.struct({"price": pa.string()}))
        other = pa.schema({"data": pa.struct({"products": price})})

        with pytest.raises(SchemaError, match=r"data\.products\.element\.price"):
            loader.prepare(TABLE, other)

    @clause("L4")
    def test_l4_a_refused_schema_changes_nothing(self) -> None:
        """
        When one column is refused, no other column of the schema is added.
        """
        loader = self.open()
        loader.prepare(TABLE, NARROW)
        loader.load(LOAD, TABLE, [self.staged(LOAD, rows(0, 3))])
        conflicting = pa.schema({"new": pa.string(), "name": pa.int64()})
        with pytest.raises(SchemaError):
            loader.prepare(TABLE, conflicting)

        assert rows(0, 3) == self.held()

    @clause("L4")
    def test_l4_preparing_at_once_adds_all(self) -> None:
        """
        Two processes that prepare the same new table add the columns of both.
        """
        schemas = [pa.schema({"id": pa.int64(), name: pa.int64()}) for name in "ab"]
        loaders = [self.open(), self.open()]
        at_once(
            lambda: loaders[0].prepare(TABLE, schemas[0]),
            lambda: loaders[1].prepare(TABLE, schemas[1]),
        )
        both = pa.schema({"id": pa.int64(), "a": pa.int64(), "b": pa.int64()})
        content = [{"id": 1, "a": 2, "b": 3}]
        file = self.staged(LOAD, content, schema=both)
        self.open().load(LOAD, TABLE, [file])

        assert content == self.held()
