"""
Handles, names and statuses as the Thrift service has them.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._thrift_results import OK, ttypes

if TYPE_CHECKING:
    from databricks_forwarder.testing.workspace._operation import Operation, State


__all__ = ["handle_of", "id_of", "identifier", "names_in", "refused", "status_of"]

_STATES: dict[State, int] = {
    "PENDING": ttypes.TOperationState.PENDING_STATE,
    "RUNNING": ttypes.TOperationState.RUNNING_STATE,
    "SUCCEEDED": ttypes.TOperationState.FINISHED_STATE,
    "FAILED": ttypes.TOperationState.ERROR_STATE,
    "CANCELED": ttypes.TOperationState.CANCELED_STATE,
    "CLOSED": ttypes.TOperationState.CLOSED_STATE,
}


def names_in(namespace: Any) -> dict[str, str]:
    """
    The catalog and the schema that a client names, if any.
    """
    if namespace is None:
        return {}
    named = {"catalog": namespace.catalogName, "schema": namespace.schemaName}
    return {kind: name for kind, name in named.items() if name}


def id_of(handle: Any) -> uuid.UUID:
    """
    The id in a handle.

    Raises:
        RefusedError: There is none.
    """
    guid = handle and handle.guid
    if not guid:
        raise RefusedError("INVALID_HANDLE", "The request has no handle.", status=404)
    return uuid.UUID(bytes=guid[:16].ljust(16))


def identifier(id_: uuid.UUID) -> Any:
    """
    The id as it is in a handle.
    """
    # Who may use a handle is told by its principal; the secret adds nothing.
    return ttypes.THandleIdentifier(guid=id_.bytes, secret=id_.bytes)


def handle_of(operation: Operation) -> Any:
    """
    The handle of an operation.
    """
    return ttypes.TOperationHandle(
        operationId=identifier(operation.id),
        operationType=ttypes.TOperationType.EXECUTE_STATEMENT,
        hasResultSet=True,
    )


def refused(error: RefusedError) -> Any:
    """
    The status that a refusal is told with.
    """
    if error.error_class == "INVALID_HANDLE":
        return ttypes.TStatus(
            statusCode=ttypes.TStatusCode.INVALID_HANDLE_STATUS,
            errorMessage=error.message,
        )
    return ttypes.TStatus(
        statusCode=ttypes.TStatusCode.ERROR_STATUS,
        sqlState=error.sqlstate,
        errorMessage=error.display,
        displayMessage=error.display,
    )


def status_of(operation: Operation) -> Any:
    """
    The status of an operation, as it is now.
    """
    # It may change between two looks.
    state = operation.state
    status = ttypes.TGetOperationStatusResp(
        status=OK,
        operationState=_STATES[state],
        hasResultSet=True,
    )
    refusal = operation.refusal
    if refusal:
        status.sqlState = refusal.sqlstate
        status.errorMessage = status.displayMessage = refusal.display
        status.diagnosticInfo = refusal.display
    if state == "SUCCEEDED":
        status.numModifiedRows = operation.result.modified_row_count
    return status
