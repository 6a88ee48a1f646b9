"""
An engine to run statements with, as one principal or another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from databricks_forwarder.testing.workspace._engine import Engine
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._results import Session

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._results import Result

PRINCIPAL = "00000000-1111-2222-3333-444444444444"

# What a documented set-up grants; see the how-to of the same name.
GRANTS = (
    ("USE CATALOG", "CATALOG", "main"),
    ("USE SCHEMA", "SCHEMA", "main.mparticle"),
    ("CREATE TABLE", "SCHEMA", "main.mparticle"),
    ("CREATE VOLUME", "SCHEMA", "main.mparticle"),
)


class World:
    """
    An engine over a folder, with a catalog, a schema and a principal.
    """

    def __init__(
        self, root: Path, *, bare: bool = False, clock: Clock | None = None
    ) -> None:
        self.root = root
        self.engine = Engine(
            root, catalog="main", schema="mparticle", bare=bare, clock=clock
        )
        if not bare:
            for privilege, kind, name in GRANTS:
                self.engine.grants.grant(privilege, kind, name, PRINCIPAL)

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.engine.close()

    def session(self, principal: str = "admin") -> Session:
        """
        Someone's session, in the schema.
        """
        return Session(principal=principal, catalog="main", schema="mparticle")

    def result(self, sql: str, principal: str = "admin") -> Result:
        """
        Run a statement and hand out its result.
        """
        return self.engine.run(sql, self.session(principal))

    def run(self, sql: str, principal: str = "admin") -> list[dict[str, Any]]:
        """
        Run a statement and hand out its rows.
        """
        rows: list[dict[str, Any]] = self.result(sql, principal).table.to_pylist()
        return rows

    def refusal(self, sql: str, principal: str = "admin") -> RefusedError:
        """
        Run a statement that is refused, and say how.
        """
        with pytest.raises(RefusedError) as caught:
            self.run(sql, principal)
        return caught.value

    def refused(self, sql: str, principal: str = "admin") -> tuple[str, str]:
        """
        Run a statement that is refused; error class and SQLSTATE.
        """
        error = self.refusal(sql, principal)
        return error.error_class, error.sqlstate

    def columns(self, table: str) -> dict[str, str]:
        """
        The columns of a table, by `DESCRIBE`.
        """
        rows = self.run(f"DESCRIBE {table}")
        return {row["col_name"]: row["data_type"] for row in rows}

    def volume(self, name: str = "staging") -> None:
        """
        Have a volume.
        """
        self.run(f"CREATE VOLUME IF NOT EXISTS {name}")

    def place(self, path: str) -> Path:
        """
        Where a file of the staging volume is on the disk.
        """
        place = self.engine.volumes.path_of(
            f"/Volumes/main/mparticle/staging/{path}", "admin", write=True
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def file(self, path: str, columns: dict[str, Any] | pa.Table) -> None:
        """
        Write a Parquet file into the staging volume.
        """
        table = columns if isinstance(columns, pa.Table) else pa.table(columns)
        pq.write_table(table, self.place(path))


def copied(table: str, *files: str, folder: str = "", options: str = "") -> str:
    """
    A COPY INTO of files in the staging volume; of all without a name.
    """
    names = ", ".join(f"'{file}'" for file in files)
    clause = f" FILES = ({names})" if files else ""
    source = f"/Volumes/main/mparticle/staging{folder}"
    return f"COPY INTO {table} FROM '{source}' FILEFORMAT = PARQUET{clause} {options}"


def counts(row_count: int) -> list[dict[str, int]]:
    """
    What a COPY INTO tells of that many rows.
    """
    return [
        {
            "num_affected_rows": row_count,
            "num_inserted_rows": row_count,
            "num_skipped_corrupt_files": 0,
        }
    ]
