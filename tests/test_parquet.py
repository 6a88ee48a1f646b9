"""
The Parquet files of one load.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from databricks_forwarder import _table_files
from databricks_forwarder._parquet import read_footer, read_table
from databricks_forwarder._table_files import TableFiles
from databricks_forwarder.model import LoadId, ParquetFile, TableName

LOAD = LoadId("0123456789ab-0-9")
SCHEMA = pa.schema([("number", pa.int64()), ("text", pa.string())])
Make = Callable[..., TableFiles]


def rows(first: int, count: int, width: int = 10) -> pa.RecordBatch:
    """
    Make numbered rows with texts of *width* characters.
    """
    numbers = range(first, first + count)
    texts = [f"{number:0{width}d}" for number in numbers]
    return pa.RecordBatch.from_arrays(
        [pa.array(numbers, pa.int64()), pa.array(texts)], schema=SCHEMA
    )


def put(files: TableFiles, table: str, batch: pa.RecordBatch) -> None:
    """
    Hand in rows with the memory that they take.
    """
    files.write(TableName(table), batch, batch.nbytes)


def numbers(file: ParquetFile) -> list[Any]:
    """
    Read the numbers of a file.
    """
    found: list[Any] = read_table(file.path)["number"].to_pylist()
    return found


def summary(files: Sequence[ParquetFile]) -> list[tuple[str, int, int]]:
    """
    Tell table, part and rows of each file.
    """
    return [(file.table, file.part, file.row_count) for file in files]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """
    Make writers in a folder of their own.
    """

    def made(name: str = "files", **limits: int) -> TableFiles:
        folder = tmp_path / name
        folder.mkdir()
        return TableFiles(folder, LOAD, **limits)

    return made


def test_nothing_written_makes_no_file(make: Make) -> None:
    """
    A load without rows has no files.
    """
    files = make()

    assert [] == list(files.finish())


def test_a_table_has_one_file(make: Make) -> None:
    """
    Each table has one file with all its rows in their order, sorted by name.
    """
    files = make()
    put(files, "b", rows(0, 2))
    put(files, "a", rows(5, 1))
    put(files, "b", rows(2, 3))
    made = files.finish()

    assert [("a", 0, 1), ("b", 0, 5)] == summary(made)
    assert [[5], [0, 1, 2, 3, 4]] == [numbers(file) for file in made]
    assert {LOAD} == {file.load_id for file in made}
    assert [file.path.stat().st_size for file in made] == [
        file.size_bytes for file in made
    ]
    assert all(SCHEMA.equals(read_footer(file.path).schema) for file in made)


def test_many_tables_have_more_room(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With more tables than usual more may wait, up to twice as much.
    """
    monkeypatch.setattr(_table_files, "_PIECE_BYTES", 0)
    monkeypatch.setattr(_table_files, "_USUAL_TABLES", 2)
    files = make(max_waiting_bytes=1000)
    for number in range(8):
        files.write(TableName(f"t{number}"), rows(0, 1), 240)
    waited = list(files._folder.iterdir())
    files.write(TableName("t8"), rows(0, 1), 240)

    assert [] == waited
    assert [] != list(files._folder.iterdir())


def test_a_row_group_is_no_larger_than_it_must_be(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What waits of a large table is written in row groups, piece after piece.
    """
    monkeypatch.setattr(_table_files, "_PIECE_BYTES", 0)
    monkeypatch.setattr(_table_files, "_GROUP_BYTES", 100)
    files = make()
    for first in range(0, 12, 3):
        files.write(TableName("large"), rows(first, 3), 60)
    (made,) = files.finish()
    groups = pq.ParquetFile(made.path).metadata

    assert [6, 6] == [groups.row_group(n).num_rows for n in range(2)]
    assert list(range(12)) == numbers(made)


def test_files_that_can_not_be_made_are_closed_all_the_same(make: Make) -> None:
    """
    Without their folder nothing is written, and nothing is left to be closed.
    """
    files = make()
    put(files, "a", rows(0, 2))
    files._folder.rmdir()

    with pytest.raises(FileNotFoundError):
        files.finish()
    files.close()

    assert not files._folder.exists()


def test_small_tables_wait_until_the_end(make: Make) -> None:
    """
    Nothing is written as long as all that waits has room.
    """
    files = make()
    for number in range(100):
        put(files, f"t{number}", rows(0, 10))

    assert [] == list(files._folder.iterdir())
    assert 100 == len(files.finish())


def test_room_is_made_by_writing_the_largest(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    When too much waits the largest table is written, the small ones wait on.
    """
    monkeypatch.setattr(_table_files, "_PIECE_BYTES", 0)
    files = make(max_waiting_bytes=20_000)
    put(files, "small", rows(0, 10))
    put(files, "large", rows(0, 1_000))
    put(files, "small", rows(10, 10))

    assert ["large"] == list(files._open)

    put(files, "large", rows(1_000, 1_000))
    made = files.finish()

    assert [("large", 0, 2_000), ("small", 0, 20)] == summary(made)
    assert list(range(2_000)) == numbers(made[0])
    assert list(range(20)) == numbers(made[1])
    assert [1, 2] == sorted(pq.ParquetFile(file.path).num_row_groups for file in made)


def test_many_small_pieces_are_not_for_nothing(make: Make) -> None:
    """
    A piece counts for what it takes however few its rows, until it is copied.
    """
    files = make(max_waiting_bytes=40 * 2**14)
    for number in range(30):
        put(files, "often", rows(number, 1))
        put(files, f"t{number}", rows(number, 1))

    assert files._waiting_bytes <= 40 * 2**14
    assert 60 == sum(file.row_count for file in files.finish())


def test_what_waits_is_at_most_the_limit(make: Make) -> None:
    """
    After each write what waits is within its room.
    """
    files = make(max_waiting_bytes=50_000)
    for number in range(200):
        put(files, f"t{number % 7}", rows(number * 100, 100))

        assert files._waiting_bytes <= 50_000

    made = files.finish()

    assert 20_000 == sum(file.row_count for file in made)
    assert {0} == {file.part for file in made}


def test_a_file_that_has_grown_is_closed(make: Make) -> None:
    """
    A table goes on in a next part when its file is as large as it may be.
    """
    files = make(max_waiting_bytes=1, max_file_bytes=1)
    for first in (0, 10, 20):
        put(files, "t", rows(first, 10))

        assert {} == files._open

    made = files.finish()

    assert [("t", 0, 10), ("t", 1, 10), ("t", 2, 10)] == summary(made)
    assert list(range(30)) == [number for file in made for number in numbers(file)]


def test_what_waits_at_the_end_may_close_its_file_too(make: Make) -> None:
    """
    A file that grows too large with its last rows is closed once.
    """
    files = make(max_file_bytes=1)
    put(files, "t", rows(0, 10))

    assert [("t", 0, 10)] == summary(files.finish())


NESTED = pa.schema(
    [
        ("struct", pa.struct([("a", pa.int64()), ("b", pa.string())])),
        ("map", pa.map_(pa.string(), pa.struct([("c", pa.string())]))),
        ("list", pa.list_(pa.struct([("d", pa.float64()), ("e", pa.string())]))),
        ("nothing", pa.struct([("f", pa.string()), ("g", pa.list_(pa.int64()))])),
    ]
)
NESTED_ROWS = [
    {"struct": {"a": 1, "b": None}, "map": None, "list": None, "nothing": None},
    {
        "struct": None,
        "map": [("k", {"c": "x"}), ("l", None)],
        "list": [],
        "nothing": None,
    },
    {
        "struct": {"a": None, "b": None},
        "map": [],
        "list": [{"d": 1.5, "e": None}, None],
        "nothing": None,
    },
    {"struct": None, "map": None, "list": None, "nothing": None},
]


@pytest.mark.parametrize("room", [1, 10_000])
def test_nested_columns_come_back_as_they_were(make: Make, room: int) -> None:
    """
    Structs, maps and lists keep their values and nulls, whatever is empty of them.
    """
    files = make(max_waiting_bytes=room)
    for row in NESTED_ROWS:
        put(files, "t", pa.RecordBatch.from_pylist([row], schema=NESTED))
    (file,) = files.finish()
    found = read_table(file.path)

    assert NESTED_ROWS == found.to_pylist()
    assert NESTED.equals(found.schema)


def test_the_idlest_file_is_closed_when_too_many_are_open(make: Make) -> None:
    """
    One file more than may be open closes the one written longest ago.
    """
    files = make(max_waiting_bytes=1, max_open_files=2)
    for name, first in (("a", 0), ("b", 0), ("a", 10), ("c", 0), ("b", 10)):
        put(files, name, rows(first, 10))

        assert len(files._open) <= 2

    made = files.finish()

    assert [("a", 0, 20), ("b", 0, 10), ("b", 1, 10), ("c", 0, 10)] == summary(made)
    assert list(range(20)) == numbers(made[0])
    assert len(made) == len({file.path for file in made})


def test_parts_of_a_table_have_names_of_their_own(make: Make) -> None:
    """
    No two files of a load have one name.
    """
    files = make(max_waiting_bytes=1, max_open_files=1)
    for number in range(20):
        put(files, f"t{number % 4}", rows(number, 1))
    made = files.finish()

    assert 20 == len(made) == len({file.name for file in made})


def test_the_same_rows_give_the_same_files(make: Make) -> None:
    """
    A load that is done again has the same files to the last byte.
    """
    contents = []
    for name in ("once", "twice"):
        files = make(name, max_waiting_bytes=20_000, max_open_files=2)
        for number in range(60):
            put(files, f"t{number % 5}", rows(number * 100, 20 * (number % 5 + 1)))
        made = files.finish()
        contents.append([(file.name, file.path.read_bytes()) for file in made])

    assert contents[0] == contents[1]


def test_what_is_given_up_is_closed(make: Make) -> None:
    """
    Files that are not finished are closed, and none of them counts.
    """
    files = make(max_waiting_bytes=1)
    with closing(files):
        put(files, "t", rows(0, 10))

        assert ["t"] == list(files._open)

    assert {} == files._open
    files.close()


def test_memory_is_bounded_by_the_room_not_by_the_load(make: Make) -> None:
    """
    However many chunks for however many tables pass, memory stays under a bound.
    """
    room = 4 * 2**20
    files = make(max_waiting_bytes=room, max_open_files=8)
    gc.collect()
    before = pa.total_allocated_bytes()
    most = passed = 0
    for number in range(80):
        # One chunk, cut for fifty tables, as the walk cuts it.
        chunk = rows(number * 5_000, 5_000, width=100)
        passed += chunk.nbytes
        for index in range(50):
            put(files, f"t{index}", chunk.slice(index * 100, 100))
        del chunk
        most = max(most, pa.total_allocated_bytes() - before)
    made = files.finish()

    assert 400_000 == sum(file.row_count for file in made)
    assert passed > 10 * room
    assert most < 3 * room
