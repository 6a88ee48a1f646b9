"""
What becomes of a query that DuckDB refuses.
"""

from __future__ import annotations

import duckdb

from databricks_forwarder.testing.workspace._refusals import RefusedError

__all__ = ["crossed"]


def crossed(error: Exception) -> RefusedError:
    """
    What the platform says where DuckDB raised *error*.
    """
    text = str(error).partition("\n")[0]
    for kind, part, refusal in _REFUSALS:
        if isinstance(error, kind) and part in text:
            error_class, sentence, sqlstate = refusal
            return RefusedError(error_class, f"{sentence} {text}", sqlstate=sqlstate)
    return RefusedError(
        "UNSUPPORTED_FEATURE",
        f"The feature is not supported: {text}",
        sqlstate="0A000",
    )


# What DuckDB raises, a part of what it says → class, sentence and SQLSTATE of the
# platform; the first that fits. Source: Databricks, "Error conditions".
_REFUSALS: tuple[tuple[type[Exception], str, tuple[str, str, str]], ...] = (
    (
        duckdb.BinderException,
        "GROUP BY",
        (
            "MISSING_GROUP_BY",
            "The query does not include a GROUP BY clause.",
            "42803",
        ),
    ),
    (
        duckdb.BinderException,
        "column",
        (
            "UNRESOLVED_COLUMN.WITHOUT_SUGGESTION",
            "A column, variable, or function parameter cannot be resolved.",
            "42703",
        ),
    ),
    (
        duckdb.CatalogException,
        "",
        ("UNRESOLVED_ROUTINE", "Cannot resolve routine.", "42883"),
    ),
    (
        duckdb.ConversionException,
        "",
        (
            "CAST_INVALID_INPUT",
            "A value cannot be cast because it is malformed.",
            "22018",
        ),
    ),
    (
        duckdb.Error,
        "No such file",
        (
            "FAILED_READ_FILE.DBR_FILE_NOT_EXIST",
            "Error while reading a file of a table that was dropped meanwhile.",
            "KD001",
        ),
    ),
)
