"""
Counting rows by load, whatever the size of the table.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from databricks_forwarder.errors import ForwarderError, SchemaError
from databricks_forwarder.loaders import _counting
from databricks_forwarder.loaders._counting import counted
from databricks_forwarder.loaders.delta import DeltaLoader
from databricks_forwarder.model import LoadId, RowCount, TableName

T = TableName("t")


def table(places: Iterable[tuple[str | None, int | None, int | None]]) -> ds.Dataset:
    """
    Make a table of rows: load, offset, position.
    """
    names = ["_load_id", "_offset", "_position"]
    types = [pa.string(), pa.int64(), pa.int32()]
    rows = [dict(zip(names, place, strict=True)) for place in places]
    schema = pa.schema(list(zip(names, types, strict=True)))
    return ds.dataset(pa.Table.from_pylist(rows, schema=schema))


@pytest.mark.parametrize("max_rows", [1, 2, 5, 1_000])
def test_the_counts_are_the_same_however_many_rows_are_held(
    max_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Loads are looked at some at a time, and the sums don't depend on it.
    """
    monkeypatch.setattr(_counting, "_MAX_ROWS", max_rows)
    rows = table(
        [
            *(("b-0-9", offset, 0) for offset in range(10)),
            *(("b-10-11", offset, 1) for offset in (10, 11, 11, 11)),
            *(("b-100-100", 100, place) for place in (0, 0, 1)),
            ("b-odd", 5, 0),
            ("b-odd", 5, 0),
            (None, 1, 1),
            ("c-0-9", 1, 0),
        ]
    )

    assert {
        LoadId("b-0-9"): RowCount(10),
        LoadId("b-10-11"): RowCount(4, doubled=2),
        LoadId("b-100-100"): RowCount(3, doubled=1),
        LoadId("b-odd"): RowCount(2, doubled=1),
    } == counted(rows, "b", T)


def test_a_table_without_the_columns_is_refused_by_name() -> None:
    """
    Somebody else's table has no offsets to tell rows by.
    """
    rows = ds.dataset(pa.table({"_load_id": ["b-0-9"], "mpid": [1]}))

    with pytest.raises(SchemaError, match=r"table t has no column _offset, _position"):
        counted(rows, "b", T)


def test_a_broken_table_has_a_fate(tmp_path: Path) -> None:
    """
    A table whose log is empty is a set-up mistake in a sentence.
    """
    loader = DeltaLoader(tmp_path)
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)

    with pytest.raises(ForwarderError, match="counting the rows of table t"):
        loader.count_rows("b", [T])
