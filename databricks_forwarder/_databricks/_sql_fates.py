"""
What becomes of statements that the platform refuses.

Sources: Databricks, "Error conditions" and "SQLSTATE error codes", read
2026-11-23.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from databricks_forwarder._databricks._advice import (
    create_advice,
    grant_advice,
    tells_of_a_privilege,
)
from databricks_forwarder._databricks._stripped import masked
from databricks_forwarder._databricks.fates import (
    AlreadyThereError,
    ConflictError,
    MissingPathError,
    MissingTableError,
    MissingVolumeError,
    RefusedForNowError,
    UnknownOutcomeError,
)
from databricks_forwarder.errors import (
    PermanentError,
    SchemaError,
    SetupError,
    TransientError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from databricks_forwarder.errors import ForwarderError

__all__ = ["error_class", "sql_fate"]

_AGAIN = "it will be tried again"

_ERROR_CLASS = re.compile(
    r"\[(?P<whole>(?P<class>[A-Z][A-Z0-9_]*)(?:\.[A-Z0-9_.]+)?)\]"
)
_SQLSTATE = re.compile(r"SQLSTATE:? ?\(?([0-9A-Z]{5})\b")

_BY_HAND = "look at the table's columns and types"

# Error class, a prefix if it ends in *, or SQLSTATE → fate and advice.
_SQL_FATES: dict[str, tuple[type[ForwarderError], str | Callable[[str], str]]] = {
    # Before the SQLSTATEs that they share with others.
    "UC_VOLUME_NOT_FOUND": (MissingVolumeError, _AGAIN),
    "VOLUME_NOT_FOUND": (MissingVolumeError, _AGAIN),
    "VOLUME_DOES_NOT_EXIST": (MissingVolumeError, _AGAIN),
    "NO_SUCH_CATALOG_EXCEPTION": (SetupError, create_advice),
    "CATALOG_NOT_FOUND": (SetupError, create_advice),
    "SCHEMA_NOT_FOUND": (SetupError, create_advice),
    "UC_RESOURCE_QUOTA_EXCEEDED": (SetupError, "ask for a higher quota"),
    "RESOURCE_LIMIT_EXCEEDED": (SetupError, "ask for a higher quota"),
    "TABLE_OR_VIEW_NOT_FOUND": (MissingTableError, _AGAIN),
    "DELTA_TABLE_NOT_FOUND": (MissingTableError, _AGAIN),
    "PATH_NOT_FOUND": (MissingPathError, _AGAIN),
    "CLOUD_FILE_SOURCE_FILE_NOT_FOUND": (MissingPathError, _AGAIN),
    "COPY_INTO_SCHEMA_MISMATCH_WITH_TARGET_TABLE": (SchemaError, _BY_HAND),
    "DELTA_FAILED_TO_MERGE_FIELDS": (SchemaError, _BY_HAND),
    "DELTA_MERGE_INCOMPATIBLE_DATATYPE": (SchemaError, _BY_HAND),
    "CANNOT_MERGE_SCHEMAS": (SchemaError, _BY_HAND),
    "DATATYPE_MISMATCH": (SchemaError, _BY_HAND),
    "INCOMPATIBLE_DATA_FOR_TABLE": (SchemaError, _BY_HAND),
    "DELTA_NOT_NULL_CONSTRAINT_VIOLATED": (SchemaError, _BY_HAND),
    # With their second part they say more than the class does: which file is not
    # there, or that it never will fit. Source: Apache Spark's error conditions.
    "FAILED_READ_FILE.DBR_FILE_NOT_EXIST": (MissingPathError, _AGAIN),
    "FAILED_READ_FILE.FILE_NOT_EXIST": (MissingPathError, _AGAIN),
    "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH": (SchemaError, _BY_HAND),
    # The records are in the spool: after some failures they are staged again.
    "CANNOT_READ_FILE_FOOTER": (TransientError, _AGAIN),
    "FAILED_READ_FILE": (TransientError, _AGAIN),
    "COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED": (ConflictError, _AGAIN),
    "COPY_INTO_NON_BLIND_APPEND_NOT_ALLOWED": (ConflictError, _AGAIN),
    "TRANSACTION_CONCURRENT_COPY_INTO": (ConflictError, _AGAIN),
    "DELTA_CONCURRENT_*": (ConflictError, _AGAIN),
    "DELTA_METADATA_CHANGED*": (ConflictError, _AGAIN),
    "DELTA_PROTOCOL_CHANGED*": (ConflictError, _AGAIN),
    # Its SQLSTATE is not always told.
    "QUERY_EXECUTION_TIMEOUT_EXCEEDED": (UnknownOutcomeError, _AGAIN),
    "TEMPORARILY_UNAVAILABLE": (RefusedForNowError, _AGAIN),
    # SQLSTATEs.
    "42501": (SetupError, ""),  # the grant to run
    "42P01": (MissingTableError, _AGAIN),
    "42K03": (MissingPathError, _AGAIN),
    "42P06": (AlreadyThereError, _AGAIN),
    "42P07": (AlreadyThereError, _AGAIN),
    "42710": (AlreadyThereError, _AGAIN),
    "42711": (AlreadyThereError, _AGAIN),
    "42KDG": (SchemaError, _BY_HAND),
    "42KD9": (SchemaError, _BY_HAND),
    "22005": (SchemaError, _BY_HAND),
    "42601": (PermanentError, "report it as a bug of databricks-forwarder"),
    "42K05": (PermanentError, "rename the column"),
    "2D521": (ConflictError, _AGAIN),
    "25000": (ConflictError, _AGAIN),
    "40*": (ConflictError, _AGAIN),
    "57014": (UnknownOutcomeError, _AGAIN),
    # databricks-jdbc takes it for a time-out; pull request 1135, read 2026-11-24.
    "57KD0": (UnknownOutcomeError, _AGAIN),
    "HY008": (UnknownOutcomeError, _AGAIN),
}


def error_class(said: str) -> str:
    """
    The error class in the platform's sentence; ``""`` if it has none.
    """
    found = _ERROR_CLASS.search(said)
    return found["class"] if found else ""


def sql_fate(said: str, doing: str, *, client_id: str) -> ForwarderError | None:
    """
    Name the fate of a statement that the platform refused.

    Args:
        said: ``[ERROR_CLASS] sentence SQLSTATE: 12345``, as SQL clients get it.
        doing: What was being done and to what, to start the sentence with.
        client_id: Who asked; named in advice.

    Returns:
        None when neither the error class nor the SQLSTATE is known.
    """
    found = _ERROR_CLASS.search(said)
    whole, named = (found["whole"], found["class"]) if found else ("", "")
    state = _SQLSTATE.search(said)
    for known in (whole, named, state[1] if state else ""):
        for key, (fate, advice) in _SQL_FATES.items():
            if known and (
                known == key or (key[-1] == "*" and known.startswith(key[:-1]))
            ):
                then = advice(said) if callable(advice) else advice
                then = then or grant_advice(said, client_id)
                return fate(f"{doing} failed: {masked(said)}; {then}")
    if not named and tells_of_a_privilege(said):
        then = grant_advice(said, client_id)
        return SetupError(f"{doing} failed: {masked(said)}; {then}")
    return None
