"""
What clients of the Statement Execution API ask, with the types that it has.

Source: Databricks, "Statement Execution API", read 2026-11-23, as
databricks-sdk 0.156.0 carries it in ``service/sql.py``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from databricks_forwarder.testing.workspace._refusals import RefusedError

__all__ = ["AskedSession", "AskedStatement", "read"]

_Limit = Annotated[int, msgspec.Meta(ge=0)]


class AskedSession(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where a statement is to run; what is not named is as everywhere.
    """

    warehouse_id: str | None = None
    catalog: str | None = None
    schema: str | None = None
    session_confs: dict[str, str] | None = None


class AskedStatement(AskedSession, frozen=True, kw_only=True):
    """
    A statement, and how its rows are to come.
    """

    statement: str = ""
    session_id: str | None = None
    parameters: list[Any] | None = None
    wait_timeout: str | None = None
    on_wait_timeout: Literal["CONTINUE", "CANCEL"] | None = None
    format: str | None = None
    disposition: str | None = None
    row_limit: _Limit | None = None
    byte_limit: _Limit | None = None


_Asked = TypeVar("_Asked", bound=AskedSession)


def read(body: bytes, kind: type[_Asked]) -> _Asked:
    """
    What the body of a request asks.

    Raises:
        RefusedError: It is no JSON object, or a field has another type.
    """
    try:
        # Without types first: the two are refused by different names.
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise RefusedError("MALFORMED_REQUEST", "The request's body is no JSON object.")
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise RefusedError("INVALID_PARAMETER_VALUE", str(error)) from None
