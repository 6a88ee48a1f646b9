"""
COPY INTO: files in, each once.

The memory of what was loaded is the table's own log: each file is a named
transaction of the commit that brought its rows, so rows, memory and new
columns come together or not at all.

Undocumented, and taken strictly here: a file that is named and not there is an
error even when it was loaded before; nothing is cast; names match by case.
Without the format option mergeSchema the columns may be those of any one file,
and what the others have besides is lost: such files are refused here.

Source: Databricks, "COPY INTO", read 2026-11-23.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

from databricks_forwarder.testing.workspace._copy_statement import (
    CopyInto,
    read_copy_into,
)
from databricks_forwarder.testing.workspace._fields import refuse_odd_names
from databricks_forwarder.testing.workspace._log import changed
from databricks_forwarder.testing.workspace._merging import merged, refuse_nulls
from databricks_forwarder.testing.workspace._parts import unsupported
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._results import Result
from databricks_forwarder.testing.workspace._tables import while_there
from databricks_forwarder.testing.workspace._types import (
    field,
    from_arrow,
    to_arrow_schema,
)
from databricks_forwarder.testing.workspace._volumes import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from databricks_forwarder.testing.workspace._log import Action, Snapshot
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Session
    from databricks_forwarder.testing.workspace._tables import Table
    from databricks_forwarder.testing.workspace._types import Field, Type

__all__ = ["CopyInto", "Copying", "copy_into"]


@attrs.frozen
class Copying:
    """
    A COPY INTO whose files are read and not committed yet.

    Others may commit meanwhile; what that means shows at `commit`.
    """

    table: Table
    read: Snapshot
    actions: Sequence[Action]
    row_count: int

    def commit(self) -> Result:
        """
        Make the rows the table's.
        """
        if self.actions:
            with while_there(self.table):
                self.table.log.commit(self.read, self.actions, rows="appended")
        counts = {
            "num_affected_rows": self.row_count,
            "num_inserted_rows": self.row_count,
            "num_skipped_corrupt_files": 0,
        }
        schema = pa.schema([(name, pa.int64()) for name in counts])
        told = pa.Table.from_pylist([counts], schema=schema)
        return Result(told, modified_row_count=self.row_count)


def copy_into(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows COPY INTO.
    """
    return prepared(read_copy_into(reader, session), session, parts).commit()


def prepared(statement: CopyInto, session: Session, parts: Parts) -> Copying:
    """
    Read the files that are to be loaded and write their rows, uncommitted.
    """
    principal = session.principal
    table = parts.tables.find(statement.table, principal, "MODIFY", "SELECT")
    place = parts.volumes.path_of(statement.source, principal, write=False)
    found = _found(statement, place)
    with while_there(table):
        snapshot = table.log.read()
    new = {
        path: file
        for path, file in found.items()
        if statement.force or _transaction(path) not in snapshot.transactions
    }
    return _read(statement, table, snapshot, new)


def _read(
    statement: CopyInto, table: Table, snapshot: Snapshot, new: Mapping[str, Path]
) -> Copying:
    held = fields = snapshot.fields
    groups: dict[pa.Schema, dict[str, Path]] = {}
    first: list[Field] | None = None
    for path, file in new.items():
        theirs = _fields_of(path, file)
        first = first or theirs
        if not statement.is_mixed and _by_name(theirs) != _by_name(first):
            raise unsupported(
                "COPY INTO of files with different columns, without FORMAT_OPTIONS "
                "('mergeSchema' = 'true')"
            )
        fields = merged(table.name, fields, theirs, evolve=statement.evolve)
        groups.setdefault(to_arrow_schema(theirs), {})[path] = file
    actions: list[Action] = []
    if fields != held:
        refuse_odd_names(fields)
        actions.append(changed(snapshot, fields=fields))
    row_count = 0
    for schema, files in groups.items():
        with while_there(table):
            add, count = table.write(schema, _batches(files, schema, fields))
        actions.append(add)
        row_count += count
    actions += [
        {"txn": {"appId": _transaction(path), "version": 0}}
        for path in new
        if _transaction(path) not in snapshot.transactions
    ]
    return Copying(table, snapshot, actions, row_count)


def _found(statement: CopyInto, place: Path) -> dict[str, Path]:
    source = canonical(statement.source)
    if statement.files is None:
        if place.is_file():
            return {source: place}
        if not place.is_dir():
            raise _no_path(source)
        return {
            f"{source}/{file.name}": file
            for file in sorted(place.iterdir())
            if file.is_file() and _is_wanted(file.name, statement.pattern)
        }
    found = {}
    for name in statement.files:
        path = canonical(f"{source}/{name}")
        found[path] = place.joinpath(*path.removeprefix(f"{source}/").split("/"))
        if not found[path].is_file():
            raise _no_path(path)
    return found


def _no_path(path: str) -> RefusedError:
    return RefusedError(
        "PATH_NOT_FOUND", f"Path does not exist: dbfs:{path}.", sqlstate="42K03"
    )


def _is_wanted(name: str, pattern: str | None) -> bool:
    # Spark passes over what begins so.
    if name.startswith(("_", ".")):
        return False
    return pattern is None or bool(_glob(pattern).fullmatch(name))


def _glob(pattern: str) -> re.Pattern[str]:
    """
    A pattern with ``*``, ``?``, ``[ab]`` and ``{one,other}``.
    """
    known = {"*": ".*", "?": ".", "{": "(?:", "}": ")", ",": "|", "[": "[", "]": "]"}
    text = "".join(known.get(each, re.escape(each)) for each in pattern)
    try:
        return re.compile(text)
    except re.error as error:
        raise RefusedError(
            "COPY_INTO_SYNTAX_ERROR",
            f"Failed to parse the COPY INTO command. {pattern!r} is no glob pattern.",
            sqlstate="42601",
        ) from error


def _transaction(path: str) -> str:
    return f"copy-into:{path}"


@contextmanager
def _reading(path: str, file: Path) -> Iterator[pq.ParquetFile]:
    """
    Open a file of the source; whatever is wrong with it refuses the statement.
    """
    try:
        with pq.ParquetFile(file) as source:
            yield source
    except FileNotFoundError as error:
        raise _no_path(path) from error
    except (pa.ArrowException, OSError) as error:
        raise RefusedError(
            "FAILED_READ_FILE.NO_HINT",
            f"Error while reading file dbfs:{path}.",
            sqlstate="KD001",
        ) from error


def _fields_of(path: str, file: Path) -> list[Field]:
    with _reading(path, file) as source:
        return [field(each.name, from_arrow(each.type)) for each in source.schema_arrow]


def _by_name(fields: Sequence[Field]) -> dict[str, Type]:
    return {each["name"]: each["type"] for each in fields}


def _batches(
    files: Mapping[str, Path], schema: pa.Schema, fields: Sequence[Field]
) -> Iterator[pa.RecordBatch]:
    for path, file in files.items():
        with _reading(path, file) as source:
            for batch in source.iter_batches():
                refuse_nulls(fields, batch)
                yield batch.cast(schema)
