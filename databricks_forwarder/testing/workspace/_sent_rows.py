"""
The row that tells a client how to move a file itself: PUT, GET and REMOVE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pyarrow as pa

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._engine import Engine
    from databricks_forwarder.testing.workspace._operation import Operation
    from databricks_forwarder.testing.workspace._presigned import Presigned

__all__ = ["SentRows"]

_METHODS: dict[str, Literal["PUT", "GET", "DELETE"]] = {
    "PUT": "PUT",
    "GET": "GET",
    "REMOVE": "DELETE",
}


class SentRows:
    """
    What the statements of a workspace send.

    Args:
        engine: Knows where the files of volumes are.
        presigned: Makes the URLs that need no sign-in.
    """

    def __init__(self, engine: Engine, presigned: Presigned) -> None:
        self._engine = engine
        self._presigned = presigned

    def of(self, operation: Operation) -> pa.Table:
        """
        The rows of a finished statement, the same each time.

        Raises:
            RefusedError: It has none; or the file may not be moved.

        Source for the columns: observed with databricks-sql-connector 4.9.0.
        """
        result = operation.result
        if operation.sent is None:
            operation.sent = result.table
            if result.transfer:
                transfer = result.transfer
                method = _METHODS[transfer.operation]
                path = self._engine.volumes.path_of(
                    transfer.volume_path, operation.principal, write=method != "GET"
                )
                row = {
                    "operation": transfer.operation,
                    "presignedUrl": self._presigned.make(
                        method, path, transfer.volume_path
                    ),
                    "headers": "{}",
                    "localFile": transfer.local_file,
                }
                operation.sent = pa.table(
                    {
                        name: pa.array([value], pa.string())
                        for name, value in row.items()
                    }
                )
        return operation.sent
