"""
How tables in Unity Catalog lie, and what puts them in order.

A vacuum here says no time of its own: the table's counts, which is seven days if
it says nothing, and that is longer than any statement lives. So it takes no file
that a ``COPY INTO`` has written and not committed. What was loaded is remembered
in the table's log, which neither statement shortens.

Sources: Databricks, "Remove unused data files with vacuum", "Optimize data file
layout" and "COPY INTO", read 2026-11-26.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from databricks_forwarder._databricks.count_statements import COUNTS
from databricks_forwarder._databricks.fates import (
    MissingTableError,
    UnknownOutcomeError,
)
from databricks_forwarder._databricks.layout_statements import (
    ClusterBy,
    DescribeDetail,
    DescribeTable,
    Marked,
    Optimize,
    SetProperties,
    Vacuum,
)
from databricks_forwarder._databricks.name_statements import NAMES
from databricks_forwarder._databricks.repeats import repeated
from databricks_forwarder.errors import ForwarderError, TransientError
from databricks_forwarder.loaders._each_table import of_each
from databricks_forwarder.loaders._intervals import interval, spelled
from databricks_forwarder.loaders._vacuums import refuse_hasty
from databricks_forwarder.loaders._warehouse_erasing import placed_tables
from databricks_forwarder.maintenance import (
    DEFAULT_KEPT,
    SMALL_BYTES,
    Done,
    TableLayout,
)
from databricks_forwarder.model import TableName

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from databricks_forwarder._databricks.client import DatabricksClient
    from databricks_forwarder._databricks.statements import Statement
    from databricks_forwarder.maintenance import Work

__all__ = ["done_to", "layouts_of", "spell"]

_KEPT = "delta.deletedFileRetentionDuration"
_CLUSTERED_ON = "_event_timestamp"
_LOG_KEPT = "delta.logRetentionDuration"

# As a person reads it in the answer to DESCRIBE TABLE EXTENDED.
_TENDED = "Predictive Optimization"


def layouts_of(
    client: DatabricksClient, tables: Collection[TableName] | None
) -> Sequence[TableLayout]:
    """
    Look at tables, side by side; None for the schema's of this library.
    """
    if tables is None:
        tables = [*map(TableName, (COUNTS, NAMES)), *placed_tables(client)]
    found = of_each(
        lambda table: _layout_of(client, table), tables, breadth=client.breadth
    )
    return [each for each in found.values() if each is not None]


def _layout_of(client: DatabricksClient, table: TableName) -> TableLayout | None:
    """
    Look at a table, without reading it; None if it is not there.
    """
    name = client.table(table)
    try:
        (detail,) = _run(client, DescribeDetail(name))
        told = _run(client, DescribeTable(name))
    except MissingTableError:
        return None
    except ForwarderError as error:
        return TableLayout(table=table, problem=str(error))
    return _layout(table, _by_name(detail), told)


def spell(client: DatabricksClient, table: TableName, work: Work) -> str | None:
    """
    The statement that does *work*; None if it is nothing for this table.
    """
    if work == "cluster" and table in {COUNTS, NAMES}:
        return None
    return _statement(client, table, work).to_sql()


def done_to(client: DatabricksClient, table: TableName, work: Work) -> Done:
    """
    Do *work* to a table; the statement is found by its mark.

    Raises:
        SetupError: It is a vacuum, of a table that keeps files for too short.
    """
    if work == "vacuum":
        (detail,) = _run(client, DescribeDetail(client.table(table)))
        properties = _mapping(_by_name(detail)["properties"])
        refuse_hasty(table, interval(properties.get(_KEPT)))
    mark = f"maintenance {secrets.token_hex(8)}"
    rows = _work(client, Marked(_statement(client, table, work), mark))
    return Done(statement_id=mark, metrics=_metrics(rows) if work == "compact" else {})


def _statement(client: DatabricksClient, table: TableName, work: Work) -> Statement:
    name = client.table(table)
    statements: dict[Work, Statement] = {
        "compact": Optimize(name),
        "cluster": ClusterBy(name, [_CLUSTERED_ON]),
        "retain": SetProperties(name, {_KEPT: spelled(DEFAULT_KEPT)}),
        "vacuum": Vacuum(name),
    }
    return statements[work]


def _layout(
    table: TableName, detail: Mapping[str, Any], told: Sequence[tuple[Any, ...]]
) -> TableLayout:
    properties = _mapping(detail["properties"])
    files, size = detail["numFiles"], detail["sizeInBytes"]
    tended = [str(value) for name, value, *_ in told if name == _TENDED]
    return TableLayout(
        table=table,
        file_count=files,
        size_bytes=size,
        # No more than this many can be large.
        small_file_count=max(0, files - size // SMALL_BYTES),
        clustered_by=tuple(_read(detail.get("clusteringColumns")) or ()),
        is_self_clustered=bool(detail.get("clusterByAuto")),
        kept=interval(properties.get(_KEPT)),
        log_kept=interval(properties.get(_LOG_KEPT)),
        is_tended=tended[0].upper().startswith("ENABLE") if tended else None,
    )


def _metrics(rows: Sequence[tuple[Any, ...]]) -> dict[str, int]:
    ((_, metrics, *_),) = rows
    told = _mapping(metrics)
    names = ("numFilesAdded", "numFilesRemoved")
    return {name: told[name] for name in names if name in told}


def _by_name(row: Any) -> Mapping[str, Any]:
    """
    The values of the driver's row: which columns there are depends on versions.
    """
    named: dict[str, Any] = row.asDict()
    return named


def _mapping(value: Any) -> dict[str, Any]:
    return dict(_read(value) or {})


def _read(value: Any) -> Any:
    """
    A list, map or struct: as such, or as JSON where the platform sends texts.
    """
    return json.loads(value) if isinstance(value, str) else value


def _work(client: DatabricksClient, statement: Statement) -> Sequence[tuple[Any, ...]]:
    """
    Run what may take long: again after a conflict, not after a lost answer.
    """

    def step() -> Sequence[tuple[Any, ...]]:
        try:
            return client.warehouse.run(statement.to_sql())
        except UnknownOutcomeError as error:
            raise TransientError(str(error)) from error

    return repeated(step, client.clock)


def _run(client: DatabricksClient, statement: Statement) -> Sequence[tuple[Any, ...]]:
    return repeated(lambda: client.warehouse.run(statement.to_sql()), client.clock)
