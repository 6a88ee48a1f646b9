"""
The SQL engine of the workspace: a statement in, its result out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._clock import SystemClock
from databricks_forwarder.testing.workspace import (
    _alter_table,
    _copy_into,
    _merge_into,
    _optimizing,
    _place_statements,
    _select,
    _show,
    _table_statements,
    _transfers,
    _vacuuming,
    _view_statements,
    _writing,
)
from databricks_forwarder.testing.workspace._catalog import Catalog, Securable
from databricks_forwarder.testing.workspace._grants import ADMIN, Grants
from databricks_forwarder.testing.workspace._parts import (
    Parts,
    broken,
    unsupported,
)
from databricks_forwarder.testing.workspace._reader import Reader
from databricks_forwarder.testing.workspace._refusals import RefusedError
from databricks_forwarder.testing.workspace._results import Result
from databricks_forwarder.testing.workspace._stopping import StoppedError
from databricks_forwarder.testing.workspace._tables import Tables
from databricks_forwarder.testing.workspace._volumes import Volumes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from databricks_forwarder.protocols import Clock
    from databricks_forwarder.testing.workspace._results import Session

__all__ = ["Engine"]

_STATEMENTS: dict[tuple[str, ...], Callable[[Reader, Session, Parts], Result]] = {
    ("COPY", "INTO"): _copy_into.copy_into,
    ("CREATE", "CATALOG"): _place_statements.create_catalog,
    ("CREATE", "SCHEMA"): _place_statements.create_schema,
    ("CREATE", "DATABASE"): _place_statements.create_schema,
    ("CREATE", "VOLUME"): _place_statements.create_volume,
    ("CREATE", "TABLE"): _table_statements.create_table,
    ("CREATE", "VIEW"): _view_statements.create_view,
    ("CREATE", "OR", "REPLACE", "VIEW"): _view_statements.replace_view,
    ("ALTER", "TABLE"): _alter_table.alter_table,
    ("ALTER", "VIEW"): _view_statements.alter_view,
    ("COMMENT", "ON"): _alter_table.comment_on,
    ("DROP", "SCHEMA"): _place_statements.drop_schema,
    ("DROP", "DATABASE"): _place_statements.drop_schema,
    ("DROP", "VOLUME"): _place_statements.drop_volume,
    ("DROP", "TABLE"): _table_statements.drop_table,
    ("DROP", "VIEW"): _view_statements.drop_view,
    ("DESCRIBE",): _table_statements.describe_table,
    ("DESC",): _table_statements.describe_table,
    ("SHOW",): _show.show,
    ("GRANT",): _place_statements.grant,
    ("REVOKE",): _place_statements.revoke,
    ("USE",): _place_statements.use,
    ("INSERT", "INTO"): _writing.insert,
    ("DELETE", "FROM"): _writing.delete,
    ("MERGE", "INTO"): _merge_into.merge_into,
    ("OPTIMIZE",): _optimizing.optimize,
    ("VACUUM",): _vacuuming.vacuum,
    ("PUT",): _transfers.put,
    ("GET",): _transfers.get,
    ("REMOVE",): _transfers.remove,
    ("LIST",): _transfers.list_,
}

_QUERIES = ("SELECT", "WITH", "VALUES", "(")

# What the platform has besides; anything else is no SQL.
_ELSEWHERE = (
    *("ALTER", "ANALYZE", "BEGIN", "CACHE", "CALL", "CLEAR", "COMMIT", "CREATE"),
    *("DECLARE", "DENY", "DROP", "EXECUTE", "EXPLAIN", "FSCK", "INSERT", "LOAD"),
    *("MERGE", "MSCK", "REFRESH", "REORG", "REPAIR", "RESET", "RESTORE"),
    *("ROLLBACK", "SET", "SYNC", "TABLE", "TRUNCATE", "UNDROP", "UPDATE"),
)


class Engine:
    """
    Runs statements; any number of threads at once, and of engines over one root.

    Args:
        root: Folder of everything that stays: a second engine over it goes on
            where this one was.
        catalog: Name of the catalog that is there from the start.
        schema: Name of the schema in it.
        bare: Whether neither of them is made.
        clock: What the time is, for ``current_timestamp()``.
    """

    def __init__(
        self,
        root: Path,
        *,
        catalog: str,
        schema: str,
        bare: bool = False,
        clock: Clock | None = None,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._catalog = Catalog(root / "catalog.sqlite")
        self.grants = Grants(self._catalog)
        self.volumes = Volumes(root / "volumes", self.grants)
        self._database = _select.database()
        self._parts = Parts(
            catalog=self._catalog,
            grants=self.grants,
            volumes=self.volumes,
            tables=Tables(root / "tables", self._catalog, self.grants),
            database=self._database,
            clock=clock or SystemClock(),
        )
        if not bare:
            self._have(catalog.lower(), schema.lower())

    def run(
        self,
        sql: str,
        session: Session,
        is_unwanted: Callable[[], bool] | None = None,
    ) -> Result:
        """
        Run one statement.

        Args:
            sql: The statement.
            session: Who runs it, and where.
            is_unwanted: Asked again and again while the database works, from
                another thread; whether to stop it.

        Raises:
            RefusedError: As the platform would refuse it.
            StoppedError: It was unwanted, and has had no effect.
        """
        parts = attrs.evolve(self._parts, is_unwanted=is_unwanted)
        try:
            return self._run(sql, session, parts)
        except (RefusedError, StoppedError):
            raise
        except Exception as error:
            raise broken(error) from error

    def close(self) -> None:
        """
        Let go of everything that is open.
        """
        self._database.close()
        self._catalog.close()

    def _run(self, sql: str, session: Session, parts: Parts) -> Result:
        reader = Reader(sql)
        if any(map(reader.sees, _QUERIES)):
            return Result(_select.query(reader.rest(), session, parts))
        for words, statement in _STATEMENTS.items():
            if reader.accept(*words):
                return statement(reader, session, parts)
        for word in _ELSEWHERE:
            if reader.sees(word):
                raise unsupported("the statement", *reader.words())
        return reader.refuse()

    def _have(self, catalog: str, schema: str) -> None:
        self._catalog.add(Securable(kind="CATALOG", name=catalog, owner=ADMIN))
        whole = f"{catalog}.{schema}"
        self._catalog.add(Securable(kind="SCHEMA", name=whole, owner=ADMIN))
