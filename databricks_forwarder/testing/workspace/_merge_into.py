"""
MERGE INTO, done.

Two sessions that merge at once conflict where they change rows of one file, and
nowhere else: what the platform promises is a conflict over the same row, and
none over rows that both insert. So who relies on more than that learns it here.

Sources: Databricks, "MERGE INTO" and "Row-level concurrency", read 2026-11-25.
The four columns of the result: Delta Lake, ``MergeIntoCommandBase``.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from databricks_forwarder.testing.workspace._merge_statement import read_merge
from databricks_forwarder.testing.workspace._merging import refuse_nulls
from databricks_forwarder.testing.workspace._names import full_name, shown
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._removals import dated, removal
from databricks_forwarder.testing.workspace._results import Result
from databricks_forwarder.testing.workspace._select import answered, over
from databricks_forwarder.testing.workspace._tables import while_there
from databricks_forwarder.testing.workspace._types import to_arrow_schema
from databricks_forwarder.testing.workspace._writing import fitted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from databricks_forwarder.testing.workspace._log import Action, Snapshot
    from databricks_forwarder.testing.workspace._merge_statement import Merge, When
    from databricks_forwarder.testing.workspace._parts import Parts
    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Session
    from databricks_forwarder.testing.workspace._tables import Table
    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["merge_into"]

_ROW = "_row of the target"


@attrs.frozen
class _Change:
    """
    What one clause does.

    Attributes:
        way: Which rows it was for.
        places: Where the changed rows were; None for new ones.
        rows: What they are now; None for those that are deleted.
    """

    way: str
    places: Any
    rows: Any

    @property
    def deed(self) -> str:
        """
        What it does to its rows, in one word.
        """
        if self.rows is None:
            return "deleted"
        return "inserted" if self.places is None else "updated"

    @property
    def count(self) -> int:
        """
        How many rows it is.
        """
        return len(self.rows if self.places is None else self.places)


def merge_into(reader: Reader, session: Session, parts: Parts) -> Result:
    """
    Read and do what follows MERGE INTO.
    """
    name = full_name(reader.name(), "TABLE", session)
    merge = read_merge(f"MERGE INTO {shown(name)} {reader.rest()}", name)
    table = parts.tables.find(name, session.principal, "MODIFY", "SELECT")
    with while_there(table):
        snapshot = table.log.read()
        held, files = _held(table, snapshot)
    source = answered(merge.query, session, parts)
    changes = list(_changes(merge, snapshot.fields, held, source, parts))
    _refuse_ambiguous(changes)
    with while_there(table):
        actions = dated(
            _actions(table, snapshot, held, files, changes), parts.clock.now()
        )
        if actions:
            table.log.commit(snapshot, actions, rows="merged")
    return _told(changes)


def _held(table: Table, snapshot: Snapshot) -> tuple[pa.Table, dict[int, str]]:
    """
    The rows with their places, and the first place in each file.
    """
    schema = to_arrow_schema(snapshot.fields)
    parts, firsts, count = [schema.empty_table()], {}, 0
    for name, action in snapshot.files.items():
        alone = attrs.evolve(snapshot, files={name: action})
        parts.append(table.dataset(alone).to_table())
        firsts[count] = name
        count += parts[-1].num_rows
    held = pa.concat_tables(parts)
    return held.append_column(_ROW, pa.array(range(count), pa.int64())), firsts


def _changes(
    merge: Merge,
    fields: Sequence[Field],
    held: pa.Table,
    source: pa.Table,
    parts: Parts,
) -> Iterator[_Change]:
    rows = {"t": held, "s": source}
    earlier: dict[str, list[exp.Expr]] = defaultdict(list)
    for when in merge.whens:
        condition = when.condition or exp.true()
        found = over(rows, _asked(merge, when, fields, earlier[when.way]), parts)
        earlier[when.way].append(condition)
        places = None
        if when.way != "NOT MATCHED BY TARGET":
            places = found.column(0)
            found = found.remove_column(0)
        if when.values is not None:
            found = fitted(merge.target, fields, _targets(when, fields), found)
            for batch in found.to_batches():
                refuse_nulls(fields, batch)
        yield _Change(when.way, places, None if when.values is None else found)


def _targets(when: When, fields: Sequence[Field]) -> list[str]:
    if when.way == "NOT MATCHED BY TARGET":
        return list(when.values or ())
    unknown = {name.lower() for name in when.values or ()} - {
        each["name"].lower() for each in fields
    }
    return [each["name"] for each in fields] + sorted(unknown)


def _asked(
    merge: Merge, when: When, fields: Sequence[Field], earlier: Sequence[exp.Expr]
) -> str:
    """
    What to ask the database for: places, and what the rows become.
    """
    on = merge.on.sql(dialect="duckdb")
    target, source = f't AS "{merge.target}"', f's AS "{merge.source}"'
    wanted = [each.sql(dialect="duckdb") for each in _wanted(merge, when, fields)]
    where = [f"NOT coalesce({each.sql(dialect='duckdb')}, false)" for each in earlier]
    if when.condition is not None:
        where.append(when.condition.sql(dialect="duckdb"))
    place, other = (target, source)
    if when.way == "NOT MATCHED BY TARGET":
        place, other = other, place
    if when.way == "MATCHED":
        place = f"{place} JOIN {other} ON {on}"
    else:
        where.append(f"NOT EXISTS (FROM {other} WHERE {on})")
    if when.way != "NOT MATCHED BY TARGET":
        wanted.insert(0, f'"{merge.target}"."{_ROW}"')
    columns = ", ".join(f"{each} AS c{at}" for at, each in enumerate(wanted))
    filtered = " AND ".join(f"({each})" for each in where) or "true"
    return f"SELECT {columns} FROM {place} WHERE {filtered}"  # noqa: S608 (parsed)


def _wanted(merge: Merge, when: When, fields: Sequence[Field]) -> Iterator[exp.Expr]:
    if when.values is None:
        return
    if when.way == "NOT MATCHED BY TARGET":
        yield from when.values.values()
        return
    given = {name.lower(): value for name, value in when.values.items()}
    for name in _targets(when, fields):
        kept = exp.column(name, table=merge.target, quoted=True)
        yield given.get(name.lower(), kept)


def _refuse_ambiguous(changes: Sequence[_Change]) -> None:
    places = [each.places for each in changes if each.way == "MATCHED"]
    touched = [place.as_py() for some in places if some is not None for place in some]
    if len(set(touched)) < len(touched):
        raise RefusedError(
            "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE",
            "Cannot perform Merge as multiple source rows matched and attempted to "
            "modify the same target row in the Delta table in possibly conflicting "
            "ways.",
            sqlstate="21506",
        )


def _actions(
    table: Table,
    snapshot: Snapshot,
    held: pa.Table,
    firsts: dict[int, str],
    changes: Sequence[_Change],
) -> Iterator[Action]:
    """
    Write the files of changed rows anew, and new rows into files of their own.
    """
    schema = to_arrow_schema(snapshot.fields)
    changed = {
        place.as_py()
        for each in changes
        if each.places is not None
        for place in each.places
    }
    kept = [schema.empty_table()]
    bounds = [*firsts, held.num_rows]
    for first, end in pairwise(bounds):
        if changed.isdisjoint(range(first, end)):
            continue
        yield removal(firsts[first])
        some = held.slice(first, end - first)
        is_changed = pc.is_in(some[_ROW], pa.array(sorted(changed), pa.int64()))
        kept.append(some.filter(pc.invert(is_changed)).drop_columns([_ROW]))
    kept += [each.rows for each in changes if each.deed == "updated"]
    new = [each.rows for each in changes if each.deed == "inserted"]
    for some in (pa.concat_tables(kept), pa.concat_tables([kept[0], *new])):
        if some.num_rows:
            yield table.write(schema, some.cast(schema).to_batches())[0]


def _told(changes: Sequence[_Change]) -> Result:
    counts = dict.fromkeys(
        ("num_updated_rows", "num_deleted_rows", "num_inserted_rows"), 0
    )
    for each in changes:
        counts[f"num_{each.deed}_rows"] += each.count
    affected = sum(counts.values())
    told: dict[str, Any] = {"num_affected_rows": affected, **counts}
    schema = pa.schema([(name, pa.int64()) for name in told])
    return Result(
        pa.Table.from_pylist([told], schema=schema), modified_row_count=affected
    )
