"""
Where errors of the engine of Delta tables become this library's.
"""

from __future__ import annotations

import re

import pyarrow as pa

from databricks_forwarder._disk import disk_error
from databricks_forwarder.errors import (
    ForwarderError,
    PermanentError,
    SchemaError,
    SetupError,
    TransientError,
)

__all__ = ["FATES", "crossed"]

# By name, for the engine may be absent; the most specific class counts.
FATES: dict[str, tuple[type[ForwarderError], str]] = {
    "CommitFailedError": (TransientError, "it will be tried again"),
    "DeltaError": (TransientError, "it will be tried again"),
    "DeltaProtocolError": (SetupError, "upgrade the package deltalake"),
    "SchemaMismatchError": (SchemaError, "rename the column or the table"),
    "TableNotFoundError": (SetupError, "restore the table's log, or move its folder"),
}


def crossed(error: Exception, doing: str) -> ForwarderError:
    """
    Name the fate of an error of the engine, or of what it stands on.

    Args:
        error: Any error; one that is not known is transient.
        doing: What was being done and to what, to start the sentence with.
    """
    # The engine's sentence may go on with a backtrace.
    said = str(error).partition("\n")[0]
    if isinstance(error, OSError):
        return disk_error(error, doing)
    if isinstance(error, pa.ArrowInvalid):
        # Its text may quote a value.
        return PermanentError(f"{doing} failed: a staged file is no Parquet file")
    number = re.search(r"\(os error (\d+)\)|\bcode: (\d+)", str(error))
    if number is not None:
        return disk_error(OSError(int(number[1] or number[2]), said), doing)
    for kind in type(error).__mro__:
        if kind.__name__ in FATES:
            fate, advice = FATES[kind.__name__]
            return fate(f"{doing} failed: {said}; {advice}")
    return TransientError(f"{doing} failed: {said}; it will be tried again")
