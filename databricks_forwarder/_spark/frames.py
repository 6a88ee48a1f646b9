"""
What is asked of Spark's DataFrames: counting, choosing, and keeping a note.

PySpark's functions are imported when they are called for: who imports this
module may have no Spark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder._databricks.statements import identifier
from databricks_forwarder._spark.loads import Counted
from databricks_forwarder._spark.rows import DEAD, KEY
from databricks_forwarder._table_columns import schema_of
from databricks_forwarder.errors import ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from pyspark.sql import Column, DataFrame

    from databricks_forwarder._spark.loads import Share, SparkLoad
    from databricks_forwarder.model import LoadId

__all__ = [
    "as_column",
    "counted",
    "dead_letters",
    "functions",
    "keep_note",
    "kept",
    "notes_at",
    "query_id",
    "rows_of",
]

# Local property of the thread in which Spark runs a streaming query; Apache
# Spark, `StreamExecution.QUERY_ID_KEY`.
_QUERY_ID = "sql.streaming.queryId"


def functions() -> ModuleType:
    """
    PySpark's functions.

    Raises:
        MissingExtraError: PySpark is not installed.
    """
    try:
        from pyspark.sql import functions as found  # noqa: PLC0415  # see above
    except ImportError as error:
        raise MissingExtraError("forwarding with Spark", "spark") from error
    return found  # type: ignore[no-any-return]  # where there is no PySpark


def as_column(column: Column | str) -> Column:
    """
    A column that may be told by its name.
    """
    return functions().col(column) if isinstance(column, str) else column


def query_id(rows: DataFrame) -> str:
    """
    The id of the streaming query that *rows* are a micro-batch of.

    Raises:
        ConfigurationError: Spark doesn't tell: over Spark Connect, or because
            there is no streaming query.
    """
    context = getattr(rows.sparkSession, "sparkContext", None)
    found: str | None = context and context.getLocalProperty(_QUERY_ID)
    if not found:
        msg = (
            "Spark does not tell the id of a streaming query here: give write_tables "
            "an app_id, which is as old as the query's checkpoint"
        )
        raise ConfigurationError(msg)
    return found


def counted(rows: DataFrame) -> Counted:
    """
    Count the messages of a micro-batch by key, and its dead letters.
    """
    of = functions()
    groups = rows.groupBy(KEY).agg(of.count("*"), of.sum(f"{DEAD}.message_count"))
    return Counted.of(tuple(group) for group in groups.collect())


def kept(rows: DataFrame) -> DataFrame:
    """
    Keep *rows* until they are written, those of a key side by side.

    Spark keeps them in blocks, of each of which it knows the smallest and the
    largest key: a table then looks at the blocks with its own rows only.
    Otherwise each table looks at all rows, which takes about a microsecond for
    each of them (observed with PySpark 4.3.0).
    """
    return rows.sortWithinPartitions(KEY).persist()


def rows_of(rows: DataFrame, share: Share, load: SparkLoad) -> DataFrame:
    """
    Choose the rows of a table, with the columns that the walk gives it.
    """
    key = functions().col(KEY)
    # The common table may get a hundred thousand keys, and the others few.
    if len(share.keys) <= len(share.other_keys):
        is_mine = key.isin(list(share.keys))
    else:
        is_mine = ~key.isin(list(share.other_keys))
    columns = _columns(share.table.event_type, load.id)
    return rows.where(key.isNotNull() & is_mine).select(*columns)


def _columns(event_type: str | None, load_id: LoadId) -> Sequence[Column]:
    of = functions()
    schema = schema_of(event_type)
    own = {
        "_load_id": of.lit(load_id),
        # A struct of fields is never null by itself.
        "data": of.when(
            of.col("data").isNotNull(),
            of.struct(
                *(
                    of.col(f"data.{identifier(field.name)}")
                    for field in schema.field("data").type
                )
            ),
        ),
    }
    return [
        own.get(name, of.col(identifier(name))).alias(name) for name in schema.names
    ]


def dead_letters(rows: DataFrame, load: SparkLoad) -> DataFrame:
    """
    Choose the payloads that can't be forwarded, a row each.
    """
    of = functions()
    return rows.where(of.col(DEAD).isNotNull()).select(
        of.col("_received_at"),
        of.lit(load.id).alias("_load_id"),
        of.col("_offset"),
        of.col(f"{DEAD}.message_count"),
        of.col(f"{DEAD}.reason"),
        of.col(f"{DEAD}.payload"),
    )


def notes_at(rows: DataFrame, place: str) -> Sequence[str]:
    """
    Read the note that was kept in a folder: none, or one.

    The folder may be missing, or empty: who kept it was killed.
    """
    from pyspark.errors import AnalysisException  # noqa: PLC0415  # see above

    try:
        return [row[0] for row in rows.sparkSession.read.text(place).collect()]
    except AnalysisException as error:
        if error.getCondition() != "PATH_NOT_FOUND":
            raise
        return []


def keep_note(rows: DataFrame, place: str, note: str) -> None:
    """
    Keep a note of one line in a folder, instead of the one that is there.

    It is one file, which is there as a whole or not at all: Spark writes it
    under another name first.
    """
    noted = rows.sparkSession.createDataFrame([(note,)], "value STRING")
    noted.coalesce(1).write.mode("overwrite").text(place)
