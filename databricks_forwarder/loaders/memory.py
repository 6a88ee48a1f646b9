"""
Tables in memory, for tests and trials.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from databricks_forwarder._parquet import read_table
from databricks_forwarder.answers import Described
from databricks_forwarder.errors import PermanentError, SetupError
from databricks_forwarder.loaders._counting import counted
from databricks_forwarder.loaders._places import places_in
from databricks_forwarder.loaders._schemas import widened
from databricks_forwarder.model import (
    Finding,
    LoadId,
    LoadResult,
    RowCount,
    StagedFile,
    TableName,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from databricks_forwarder.erasure import Place
    from databricks_forwarder.mparticle.person import Person

__all__ = ["MemoryLake", "MemoryLoader"]


@attrs.define
class _MemoryTable:
    # Both only ever grow, and a load's files are replaced, each step by one
    # atomic call: so many threads can load without a lock.
    name: TableName
    schemas: list[pa.Schema] = attrs.field(factory=list)
    loads: dict[LoadId, list[pa.Table]] = attrs.field(factory=dict)

    def schema(self) -> pa.Schema:
        held = pa.schema([])
        for wanted in tuple(self.schemas):
            held = widened(held, wanted, self.name)
        return held

    def rows(self) -> pa.Table:
        # Loads first: a load's columns are in the schema before its rows are.
        files = [file for files in tuple(self.loads.values()) for file in files]
        schema = self.schema()
        return pa.concat_tables(
            [schema.empty_table(), *(_conformed(file, schema) for file in files)]
        )


@attrs.define
class MemoryLake:
    """
    What loaders in memory load into; lasts as long as someone holds it.
    """

    _tables: dict[TableName, _MemoryTable] = attrs.field(
        factory=dict, init=False, repr=False
    )

    @property
    def tables(self) -> Mapping[TableName, pa.Table]:
        """
        The tables as they are now, each with all rows loaded into it.
        """
        return {name: table.rows() for name, table in tuple(self._tables.items())}

    def widen(self, name: TableName, schema: pa.Schema) -> None:
        """
        See that a table is there and has at least the fields of *schema*.

        Raises:
            SchemaError: Nothing was changed.
        """
        table = self._tables.get(name, _MemoryTable(name))
        if any(known.equals(schema) for known in tuple(table.schemas)):
            return
        held = table.schema()
        if not widened(held, schema, name).equals(held) or not table.schemas:
            self._tables.setdefault(name, table).schemas.append(schema)

    def holds(self, load_id: LoadId, name: TableName) -> bool:
        """
        Whether the rows of a load are in the table.
        """
        return name in self._tables and load_id in self._tables[name].loads

    def add(self, load_id: LoadId, name: TableName, files: list[pa.Table]) -> bool:
        """
        Keep the rows of a load, unless that load's are in the table already.

        Returns:
            Whether they were added.

        Raises:
            SchemaError: Nothing was added.
        """
        for file in files:
            self.widen(name, file.schema)
        return self._tables[name].loads.setdefault(load_id, files) is files

    def remove(self, name: TableName, offsets: Mapping[LoadId, Collection[int]]) -> int:
        """
        Take the rows of some offsets of loads out of a table; tell how many.
        """
        loads = self._tables[name].loads if name in self._tables else {}
        removed = 0
        for load_id in offsets.keys() & loads.keys():
            gone = pa.array(offsets[load_id], pa.int64())
            files = loads[load_id]
            kept = [
                file.filter(pc.invert(pc.is_in(file["_offset"], gone)))
                for file in files
            ]
            removed += sum(map(len, files)) - sum(map(len, kept))
            loads[load_id] = kept
        return removed


class MemoryLoader:
    """
    A loader whose tables are Arrow tables.

    Args:
        files: Where staged files are found, URI → bytes: the mapping of the
            `MemoryStager` of the same destination.
        lake: Where the tables are; hand in the same one to find the tables
            of an earlier loader again.
    """

    def __init__(
        self, files: Mapping[str, bytes], lake: MemoryLake | None = None
    ) -> None:
        self._files = files
        self._lake = MemoryLake() if lake is None else lake

    @property
    def tables(self) -> Mapping[TableName, pa.Table]:
        """
        The tables as they are now, each with all rows loaded into it.
        """
        return self._lake.tables

    def prepare(self, table: TableName, schema: pa.Schema, /) -> None:
        """
        See that *table* is there and has at least the fields of *schema*.
        """
        self._lake.widen(table, schema)

    def load(
        self, load_id: LoadId, table: TableName, files: Sequence[StagedFile], /
    ) -> LoadResult:
        """
        Keep the rows of *files*, unless this load's are in the table already.

        Columns that the table lacks are added.
        """
        if not files:
            return LoadResult(0)
        row_count = sum(file.row_count for file in files)
        if self._lake.holds(load_id, table):
            return LoadResult(row_count, was_repeat=True)
        was_added = self._lake.add(load_id, table, [self._read(file) for file in files])
        return LoadResult(row_count, was_repeat=not was_added)

    def describe(
        self,
        load_id: LoadId,
        table: TableName,
        schema: pa.Schema,
        files: Sequence[StagedFile],
        /,
    ) -> Described:
        """
        Tell the columns that the table would get, a line each.
        """
        rows = self._lake.tables.get(table)
        held = pa.schema([]) if rows is None else rows.schema
        new = [field for field in widened(held, schema, table) if field not in held]
        doing = f"make table {table}" if rows is None else f"widen table {table}"
        row_count = sum(file.row_count for file in files)
        return Described(
            is_there=rows is not None,
            preparing=("\n".join([doing, *map(str, new)]),) if new else (),
            loading=(f"keep {row_count} rows of {load_id} in table {table}",)
            if files
            else (),
        )

    def count_rows(
        self, batcher_id: str, tables: Collection[TableName], /
    ) -> Mapping[TableName, Mapping[LoadId, RowCount]]:
        """
        Count the rows of a batcher's loads, as the tables are now.
        """
        held = self._lake.tables
        return {
            table: counted(ds.dataset(held[table]), batcher_id, table)
            for table in tables
            if table in held
        }

    def places(self, person: Person, /) -> Mapping[TableName, Sequence[Place]]:
        """
        Look into every table.
        """
        found = {
            name: places_in(ds.dataset(rows), person)
            for name, rows in self._lake.tables.items()
        }
        return {table: places for table, places in found.items() if places}

    def erase(self, table: TableName, places: Sequence[Place], /) -> Sequence[str]:
        """
        Take rows out of a table; there is no history that could tell of it.
        """
        offsets: dict[LoadId, list[int]] = {}
        for place in places:
            offsets.setdefault(place.load_id, []).append(place.offset)
        removed = self._lake.remove(table, offsets)
        return (f"{removed} rows",) if removed else ()

    def check(self) -> Sequence[Finding]:
        """
        Say that there is nothing in memory that could be set up wrongly.
        """
        return [Finding("tables in memory")]

    def _read(self, file: StagedFile) -> pa.Table:
        content = self._files.get(file.uri)
        if content is None:
            msg = (
                f"{file.uri} of load {file.load_id} is not staged here; hand the "
                "loader the mapping that its stager keeps files in"
            )
            raise SetupError(msg)
        try:
            return read_table(content)
        except pa.ArrowInvalid as error:
            msg = f"{file.uri} of load {file.load_id} is no Parquet file"
            raise PermanentError(msg) from error


def _conformed(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = [
        rows[field.name].cast(field.type)
        if field.name in rows.schema.names
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
