"""
Results as the Statement Execution API tells them: inline, or behind links.

Sources: Databricks, "Statement Execution API", and databricks-sdk 0.156.0,
``service/sql.py``, read 2026-11-23.
"""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from databricks_forwarder.testing.workspace._cells import as_texts, type_text, type_word
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._asked import AskedStatement
    from databricks_forwarder.testing.workspace._operation import Operation
    from databricks_forwarder.testing.workspace._presigned import Presigned
    from databricks_forwarder.testing.workspace._sent_rows import SentRows

__all__ = ["StatementResults"]

_CHUNK_ROWS = 10_000
"""Rows of a chunk; how many the platform has depends on their size."""

_MAX_INLINE_BYTES = 25 * 1024 * 1024
_LINK_LIFE = timedelta(minutes=15)
_DISPOSITIONS = {"INLINE", "EXTERNAL_LINKS", "INLINE_OR_EXTERNAL_LINKS"}
_TYPES = {"tinyint": "BYTE", "smallint": "SHORT", "bigint": "LONG"}


class StatementResults:
    """
    What is told of statements.

    Args:
        rows: What finished statements send.
        presigned: Makes the links.
        clock: What links run out by.
        folder: Where what links lead to is kept; the workspace removes it.
    """

    def __init__(
        self, rows: SentRows, *, presigned: Presigned, clock: Clock, folder: Path
    ) -> None:
        self._rows = rows
        self._presigned = presigned
        self._clock = clock
        self._folder = folder

    def require_form(self, asked: AskedStatement) -> None:
        """
        See that results can be had in the form that a request asks for.

        Raises:
            RefusedError: They can't.
        """
        format_ = _format(asked)
        is_known = format_ in {"JSON_ARRAY", "ARROW_STREAM"} and (
            _disposition(asked) in _DISPOSITIONS
        )
        if not is_known or (format_ != "JSON_ARRAY" and _is_inline(asked)):
            raise RefusedError(
                "INVALID_PARAMETER_VALUE",
                f"The format {format_} can't be had with the disposition "
                f"{_disposition(asked)}.",
            )

    def tell(self, operation: Operation) -> dict[str, Any]:
        """
        How far a statement is, and the first of its rows if it is done.
        """
        told: dict[str, Any] = {"statement_id": str(operation.id)}
        # It may change between two looks; why it failed is there before it has.
        state, refusal = operation.state, operation.refusal
        if state == "SUCCEEDED":
            try:
                told |= self._manifest(operation)
            except RefusedError as error:
                refusal = error
        told["status"] = {"state": "FAILED" if refusal else state}
        if refusal:
            told["status"] |= {
                "error": {"error_code": "BAD_REQUEST", "message": refusal.display},
                "sql_state": refusal.sqlstate,
            }
        return told

    def chunk(self, operation: Operation, index: int) -> dict[str, Any]:
        """
        One chunk of a result.

        Raises:
            RefusedError: There is none.
        """
        rows, _ = self._limited(operation)
        offset = index * _CHUNK_ROWS
        if offset and offset >= rows.num_rows:
            raise RefusedError(
                "INVALID_PARAMETER_VALUE", f"The result has no chunk {index}."
            )
        page = rows.slice(offset, min(_CHUNK_ROWS, rows.num_rows - offset))
        told = {"chunk_index": index, "row_offset": offset, "row_count": page.num_rows}
        if offset + page.num_rows < rows.num_rows:
            told["next_chunk_index"] = index + 1
            told["next_chunk_internal_link"] = (
                f"/api/2.0/sql/statements/{operation.id}/result/chunks/{index + 1}"
            )
        if _is_inline(operation.asked):
            return told | {"data_array": _arrays(page)}
        return {"external_links": [told | self._link(page, operation.asked)]}

    def _manifest(self, operation: Operation) -> dict[str, Any]:
        rows, is_truncated = self._limited(operation)
        if _is_inline(operation.asked) and rows.nbytes > _MAX_INLINE_BYTES:
            raise RefusedError(
                "BAD_REQUEST",
                "Inline byte limit exceeded. Statements executed with "
                "disposition=INLINE can have a result size of at most "
                f"{_MAX_INLINE_BYTES} bytes.",
            )
        chunks = [
            {
                "chunk_index": index,
                "row_offset": offset,
                "row_count": min(_CHUNK_ROWS, rows.num_rows - offset),
            }
            for index, offset in enumerate(range(0, max(1, rows.num_rows), _CHUNK_ROWS))
        ]
        manifest = {
            "format": _format(operation.asked),
            "schema": _schema(rows.schema),
            "total_row_count": rows.num_rows,
            "total_byte_count": rows.nbytes,
            "total_chunk_count": len(chunks),
            "chunks": chunks,
            "truncated": is_truncated,
            "is_volume_operation": operation.result.transfer is not None,
        }
        return {"manifest": manifest, "result": self.chunk(operation, 0)}

    def _limited(self, operation: Operation) -> tuple[pa.Table, bool]:
        """
        The rows within the limits that the request set, and whether some are not.
        """
        rows = self._rows.of(operation)
        most = min(operation.asked.row_limit or rows.num_rows, rows.num_rows)
        byte_limit = operation.asked.byte_limit
        if byte_limit and rows.nbytes > byte_limit:
            most = min(most, rows.num_rows * byte_limit // rows.nbytes)
        return rows.slice(0, most), most < rows.num_rows

    def _link(self, page: pa.Table, asked: AskedStatement) -> dict[str, Any]:
        path = self._folder / uuid.uuid4().hex
        if _format(asked) == "JSON_ARRAY":
            path.write_bytes(json.dumps(_arrays(page)).encode())
        else:
            with (
                pa.OSFile(str(path), "wb") as file,
                pa.ipc.new_stream(file, page.schema) as stream,
            ):
                stream.write_table(page)
        expires_at = self._clock.now() + _LINK_LIFE
        return {
            "external_link": self._presigned.make("GET", path),
            "expiration": expires_at.isoformat().replace("+00:00", "Z"),
            "byte_count": path.stat().st_size,
        }


def _format(asked: AskedStatement) -> str:
    return asked.format or "JSON_ARRAY"


def _disposition(asked: AskedStatement) -> str:
    return asked.disposition or "INLINE"


def _is_inline(asked: AskedStatement) -> bool:
    return _disposition(asked) == "INLINE"


def _arrays(page: pa.Table) -> list[list[str | None]]:
    columns = [as_texts(column) for column in page.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def _schema(schema: pa.Schema) -> dict[str, Any]:
    columns = []
    for position, field in enumerate(schema):
        word = type_word(field.type)
        column = {
            "name": field.name,
            "position": position,
            "type_name": _TYPES.get(word, word.upper()),
            "type_text": type_text(field.type).upper(),
        }
        if word == "decimal":
            column |= {
                "type_precision": field.type.precision,
                "type_scale": field.type.scale,
            }
        columns.append(column)
    return {"column_count": len(columns), "columns": columns}
