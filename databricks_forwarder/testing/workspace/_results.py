"""
What the engine is asked with and answers, whatever the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

__all__ = ["Result", "Session", "Transfer"]


@attrs.define(kw_only=True)
class Session:
    """
    Who runs statements, and where names without a prefix are looked up.

    Attributes:
        principal: Client id of a service principal, or ``admin``.
        configuration: Session settings such as ``STATEMENT_TIMEOUT``.
    """

    principal: str
    catalog: str
    schema: str
    configuration: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Transfer:
    """
    A file to be moved by the client itself: PUT, GET or REMOVE.

    Attributes:
        local_file: As the statement says; None for REMOVE.
    """

    operation: Literal["PUT", "GET", "REMOVE"]
    volume_path: str
    local_file: str | None = None


@attrs.frozen
class Result:
    """
    What a statement gave.

    Attributes:
        table: Its rows; a table without columns for DDL.
        modified_row_count: Rows that it wrote; None where it writes none.
        transfer: What the client must do itself; the table is empty then.
    """

    table: pa.Table = attrs.field(repr=False)
    modified_row_count: int | None = None
    transfer: Transfer | None = None
