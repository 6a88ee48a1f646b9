"""
A micro-batch as a load: its identity, its routes, and what became of it.

What the driver decides, without Spark: values in, values out.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._codec import from_text, to_text
from databricks_forwarder._progress import Progress, Routes, routes_note
from databricks_forwarder._routes import ask
from databricks_forwarder.errors import PermanentError, RouteError
from databricks_forwarder.model import Account, EventKey, LoadId, Table, TableName
from databricks_forwarder.mparticle.names import common_name, table_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from databricks_forwarder.protocols import Router

__all__ = [
    "Counted",
    "Names",
    "Share",
    "SparkLoad",
    "SparkLoadReport",
    "loaded_counts",
    "note_of",
    "report_of",
    "routes_for",
    "routes_in",
    "shares",
]


@attrs.frozen
class SparkLoad:
    """
    What a micro-batch is to its tables.

    Attributes:
        app_id: Name of the stream of micro-batches; Delta's ``txnAppId``.
        version: Number of the micro-batch, which only grows; Delta's
            ``txnVersion``.
    """

    app_id: str
    version: int

    @property
    def id(self) -> LoadId:
        """
        What ``_load_id`` says.
        """
        return LoadId(f"{self.app_id}-{self.version}")


@attrs.frozen(kw_only=True)
class SparkLoadReport:
    """
    What became of a micro-batch.

    Attributes:
        account: Its messages; none is pending.
        tables: Rows written to each table, sorted by name; the table of dead
            letters is among them, with a row for each payload.
    """

    load_id: LoadId
    account: Account
    tables: Mapping[TableName, int]


@attrs.frozen
class Names:
    """
    The two tables that a schema always has.
    """

    common: TableName
    dead_letters: TableName

    @classmethod
    def of(cls, schema_name: str) -> Names:
        """
        Name them after the schema.

        Raises:
            ConfigurationError: No table can have such a name.
        """
        return cls(common_name(schema_name), table_name(f"{schema_name}_deadletters"))


@attrs.frozen
class Counted:
    """
    What is in a micro-batch.

    Attributes:
        keys: Each key of its events, as text, with its messages.
        dead: Messages of the payloads that can't be forwarded.
        letters: How many such payloads there are.
    """

    keys: Mapping[str, int]
    dead: int = 0
    letters: int = 0

    @classmethod
    def of(cls, groups: Iterable[tuple[str | None, int, int | None]]) -> Counted:
        """
        Put together what Spark counted.

        Args:
            groups: Key as text, rows, and messages of dead letters; dead
                letters have no key.
        """
        keys: Counter[str] = Counter()
        dead = letters = 0
        for key, row_count, dead_count in groups:
            if key is None:
                letters += row_count
                dead += dead_count or 0
            else:
                keys[key] += row_count
        return cls(keys, dead, letters)

    @property
    def by_key(self) -> Mapping[EventKey, int]:
        """
        The messages by key.
        """
        return {from_text(text, EventKey): count for text, count in self.keys.items()}


@attrs.frozen
class Share:
    """
    Which rows of a micro-batch a table gets.

    Attributes:
        keys: Their keys as text.
        other_keys: The keys of all other rows.
        row_count: How many they are.
    """

    table: Table
    keys: Sequence[str]
    other_keys: Sequence[str]
    row_count: int


def routes_for(
    router: Router, counted: Counted, names: Names, *, at: datetime
) -> Routes:
    """
    Ask for the tables of a micro-batch's keys, as the walk does.

    Raises:
        RouteError: The router raised, named what can't be a table, or named
            the table of dead letters.
    """
    routes = ask(router, counted.by_key, Table(names.common), at=at)
    if any(table and table.name == names.dead_letters for table in routes.values()):
        msg = (
            f"the router names the table {names.dead_letters}, which is for dead "
            "letters and has other columns; give the schema or the table another name"
        )
        raise RouteError(msg)
    return routes


def note_of(load: SparkLoad, routes: Routes) -> str:
    """
    Spell the routes of a load, to be kept: one line.
    """
    _, text = routes_note(routes)
    return to_text((load.id, text))


def routes_in(notes: Sequence[str], load: SparkLoad) -> Routes | None:
    """
    Read the routes of a load from what was kept, if they are there.

    Args:
        notes: None or one; it may be of an earlier load.
        load: Whose routes are asked for.
    """
    for note in notes:
        load_id, text = from_text(note, tuple[str, str])
        if load_id == load.id:
            return Progress({"routes": text}).routes
    return None


def shares(counted: Counted, routes: Routes) -> Sequence[Share]:
    """
    Deal the rows of a micro-batch out to their tables, sorted by name.

    Raises:
        PermanentError: A key has no route: the routes are not its own.
    """
    keys: dict[Table, list[str]] = {}
    for text in sorted(counted.keys):
        key = from_text(text, EventKey)
        if key not in routes:
            raise PermanentError(_OTHER_ROWS)
        table = routes[key]
        if table is not None:
            keys.setdefault(table, []).append(text)
    return [
        Share(table, own, _others(own, counted.keys), _sum(own, counted.keys))
        for table, own in sorted(keys.items(), key=lambda each: each[0].name)
    ]


_OTHER_ROWS = (
    "a micro-batch that was begun before has an event key now that it had not then: "
    "its source must give the same payloads again, and event_rows must be called with "
    "the same group"
)


def _others(own: Sequence[str], keys: Collection[str]) -> Sequence[str]:
    return sorted(set(keys) - set(own))


def _sum(own: Sequence[str], counts: Mapping[str, int]) -> int:
    return sum(counts[text] for text in own)


def loaded_counts(counted: Counted, routes: Routes) -> Mapping[EventKey, int]:
    """
    The messages by key that went to a table, as a router learns them.
    """
    return {key: count for key, count in counted.by_key.items() if routes[key]}


def report_of(
    load: SparkLoad, counted: Counted, dealt: Sequence[Share], names: Names
) -> SparkLoadReport:
    """
    Tell what became of a micro-batch that is in its tables.
    """
    loaded = sum(share.row_count for share in dealt)
    received = sum(counted.keys.values()) + counted.dead
    dropped = received - counted.dead - loaded
    tables = {share.table.name: share.row_count for share in dealt}
    if counted.letters:
        tables[names.dead_letters] = counted.letters
    return SparkLoadReport(
        load_id=load.id,
        account=Account(
            received=received, loaded=loaded, dead=counted.dead, dropped=dropped
        ),
        tables=dict(sorted(tables.items())),
    )
