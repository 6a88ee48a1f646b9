"""
A table's Delta log: what it says now, and commits to it.

Commits are written here and not through an engine, because several things have
to be in one: rows, the files they came from, and columns that come with them;
and because who loses against whom is what this workspace is asked about. Any
Delta reader reads the result.

Source: Delta Lake, "Delta transaction log protocol"; Databricks, "Isolation
levels and write conflicts", read 2026-11-23.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from typing import TYPE_CHECKING, Any, Literal

import attrs

from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._types import fields_of_text, text_of_fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from databricks_forwarder.testing.workspace._types import Field

__all__ = ["Action", "Snapshot", "TableLog", "changed"]

Action = dict[str, Any]
"""One line of a commit."""


@attrs.frozen(kw_only=True)
class Snapshot:
    """
    A table as one version of its log tells it.

    Attributes:
        metadata: The ``metaData`` action in force.
        files: Names of the files that hold its rows → their ``add`` actions.
        transactions: The names that commits were given.
        removed: Names of files that held its rows → when they were taken out,
            in milliseconds.
    """

    version: int = -1
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    files: Mapping[str, Action] = attrs.field(factory=dict, repr=False)
    transactions: frozenset[str] = attrs.field(default=frozenset(), repr=False)
    removed: Mapping[str, int] = attrs.field(factory=dict, repr=False)

    @property
    def fields(self) -> Sequence[Field]:
        """
        The columns.
        """
        return fields_of_text(self.metadata["schemaString"])

    @property
    def comment(self) -> str | None:
        """
        What is said of the table.
        """
        return self.metadata.get("description")

    @property
    def properties(self) -> Mapping[str, str]:
        """
        The table's properties.
        """
        properties: Mapping[str, str] = self.metadata["configuration"]
        return properties


def changed(
    snapshot: Snapshot,
    *,
    fields: Sequence[Field] | None = None,
    comment: str | None = None,
    properties: Mapping[str, str] | None = None,
) -> Action:
    """
    The action that changes what is given of a table's metadata.
    """
    metadata = dict(snapshot.metadata)
    if fields is not None:
        metadata["schemaString"] = text_of_fields(fields)
    if comment is not None:
        metadata["description"] = comment
    if properties is not None:
        metadata["configuration"] = {**snapshot.properties, **properties}
    return {"metaData": metadata}


class TableLog:
    """
    The log of the table in *folder*; any thread may use it.

    What is committed never changes, so each commit is read once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "_delta_log"
        self._lock = threading.Lock()
        self._snapshot = Snapshot()

    def create(
        self,
        fields: Sequence[Field],
        comment: str | None,
        properties: Mapping[str, str],
    ) -> None:
        """
        Begin the log of a new table.
        """
        self._folder.mkdir(parents=True)
        metadata = {
            "id": str(uuid.uuid4()),
            "format": {"provider": "parquet", "options": {}},
            "partitionColumns": [],
            "configuration": {},
        }
        begun = changed(
            Snapshot(metadata=metadata),
            fields=fields,
            comment=comment,
            properties=properties,
        )
        protocol = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
        self._write(0, [protocol, begun])

    def read(self) -> Snapshot:
        """
        The table as it is now.

        Raises:
            FileNotFoundError: There is no table any more.
        """
        with self._lock:
            while (actions := self._actions(self._snapshot.version + 1)) is not None:
                self._snapshot = _after(self._snapshot, actions)
            if self._snapshot.version < 0 or not self._folder.exists():
                raise FileNotFoundError(self._folder)
            return self._snapshot

    def commit(
        self,
        read: Snapshot,
        actions: Sequence[Action],
        *,
        rows: Literal["appended", "merged", "replaced", "untouched"],
    ) -> None:
        """
        Commit what was made of the table as it was *read*.

        Who appended without looking at the table's rows goes behind other
        appends; who changed only its metadata, behind all that did not. Who
        merged goes behind all that left alone the files that it changed rows
        of: rows that both have inserted meanwhile are there twice.

        Raises:
            RefusedError: What others committed meanwhile rules it out.
            FileNotFoundError: There is no table any more.
        """
        version = read.version + 1
        while not self._write(version, actions):
            winner = self._actions(version)
            assert winner is not None
            _refuse_conflict(winner, actions, rows)
            version += 1

    def moments(self, snapshot: Snapshot) -> tuple[float, float]:
        """
        When the table was made, and when it came to *snapshot*.
        """
        first, last = self._path(0), self._path(snapshot.version)
        return first.stat().st_mtime, last.stat().st_mtime

    def _actions(self, version: int) -> list[Action] | None:
        try:
            text = self._path(version).read_text("utf-8")
        except FileNotFoundError:
            return None
        return [json.loads(line) for line in text.split("\n")]

    def _write(self, version: int, actions: Sequence[Action]) -> bool:
        lines = [{"commitInfo": {"engineInfo": "loopback workspace"}}, *actions]
        unfinished = self._folder / f".{uuid.uuid4().hex}"
        unfinished.write_text("\n".join(map(json.dumps, lines)), "utf-8")
        try:
            os.link(unfinished, self._path(version))
        except FileExistsError:
            return False
        else:
            return True
        finally:
            unfinished.unlink(missing_ok=True)

    def _path(self, version: int) -> Path:
        return self._folder / f"{version:020}.json"


def _after(snapshot: Snapshot, actions: Sequence[Action]) -> Snapshot:
    files = dict(snapshot.files)
    names = set(snapshot.transactions)
    metadata = snapshot.metadata
    removed = dict(snapshot.removed)
    for action in actions:
        if "add" in action:
            files[action["add"]["path"]] = action
        elif "remove" in action:
            gone = action["remove"]
            files.pop(gone["path"], None)
            removed[gone["path"]] = gone["deletionTimestamp"]
        elif "txn" in action:
            names.add(action["txn"]["appId"])
        elif "metaData" in action:
            metadata = action["metaData"]
    return Snapshot(
        version=snapshot.version + 1,
        metadata=metadata,
        files=files,
        transactions=frozenset(names),
        removed=removed,
    )


def _refuse_conflict(
    winner: Sequence[Action], actions: Sequence[Action], rows: str
) -> None:
    if any("metaData" in action for action in winner):
        raise RefusedError(
            "DELTA_METADATA_CHANGED",
            "MetadataChangedException: The metadata of the Delta table has been "
            "changed by a concurrent update. Please try the operation again.",
            sqlstate="2D521",
        )
    if _transactions(winner) & _transactions(actions):
        raise RefusedError(
            "COPY_INTO_DUPLICATED_FILES_COPY_NOT_ALLOWED",
            "Duplicated files were committed in a concurrent COPY INTO operation. "
            "Please try again later.",
            sqlstate="25000",
        )
    if rows == "merged" and _removed(winner) & _removed(actions):
        raise RefusedError(
            "DELTA_CONCURRENT_DELETE_READ",
            "ConcurrentDeleteReadException: This transaction attempted to read one or "
            "more files that were deleted by a concurrent update. Please try the "
            "operation again.",
            sqlstate="2D521",
        )
    if rows == "replaced":
        raise RefusedError(
            "DELTA_CONCURRENT_APPEND",
            "ConcurrentAppendException: Files were added to the table by a concurrent "
            "update. Please try the operation again.",
            sqlstate="2D521",
        )


def _transactions(actions: Sequence[Action]) -> set[str]:
    return {action["txn"]["appId"] for action in actions if "txn" in action}


def _removed(actions: Sequence[Action]) -> set[str]:
    return {action["remove"]["path"] for action in actions if "remove" in action}
