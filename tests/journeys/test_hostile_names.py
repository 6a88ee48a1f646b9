"""
Names that look like SQL or like paths arrive as data, through the whole walk.
"""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import sqlglot
from hypothesis import example, given, settings
from hypothesis import strategies as st
from schemas import GRANTS, connected, new_schema, workspace
from sqlglot import exp
from walking import batch, custom

from databricks_forwarder import DatabricksSettings, Forwarder
from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.errors import ConfigurationError, RouteError
from databricks_forwarder.loaders.warehouse import WarehouseLoader
from databricks_forwarder.model import Account, LoadReport
from databricks_forwarder.mparticle.names import table_name
from databricks_forwarder.routers.function import FunctionRouter
from databricks_forwarder.settings import ConnectionSettings
from databricks_forwarder.stagers.volume import VolumeStager
from databricks_forwarder.testing.clock import FakeClock
from databricks_forwarder.testing.workspace._grants import ADMIN
from databricks_forwarder.testing.workspace._names import Kind
from databricks_forwarder.testing.workspace._results import Session

CANARY = "canary"
VOLUME = "mparticle_staging"
LOCAL = {
    "spool.db",
    "spool.db.lock",
    "spool.db.use",
    "spool.db.counts-copy",
    "spool.db.work",
}
COUNTS = {"_forwarder_event_counts", "_forwarder_tables"}

HOSTILE = [
    *("'", '"', "`", "''", "``", "\\", "\\'", "\\`", "\\\\'", "`'\"\\"),
    *("'); DROP TABLE canary; --", "`; DROP TABLE `canary`; --", "canary"),
    *("' UNION SELECT 1 --", "`.`canary", "main.mparticle.canary", "${x}", ":x", "?"),
    *("../", "..", ".", "../../../../etc/passwd", "/Volumes/main/x", "C:\\x", "~"),
    *("%2e%2e%2f", "%00", "%", "a b", "a?b#c", "a&b=c", "trailing...", "trailing "),
    *("/*", "*/", "/* */", "--", "-- x", ";", ";;", "#", "\x00", "a\x00b"),
    *("\n", "\r\n", "\t", "\x1b[31m", "\x7f", "\x85", "\u2028", "\u202e", "\ufeff"),
    *("\ud800", "a\udfffb", "\U0001f600", "é", "e\u0301", "İ", "\u0131", "ß", "\u017f"),
    *("a" * 300, "é" * 300, "İ" * 200, "'" * 300, " ", "\u00a0", "NULL", "select"),
]

WORST = [
    *HOSTILE[:12],
    "../",
    "..",
    "%2e%2e%2f",
    "\x00",
    "\ud800",
    "*/",
    ";",
    "a" * 300,
]


def is_legal(name: str) -> bool:
    """
    Whether a custom router may send events to a table of this name.
    """
    try:
        return table_name(name) != CANARY
    except ConfigurationError:
        return False


NAMES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(codec=None), min_size=1, max_size=12),
    st.lists(st.sampled_from(HOSTILE), min_size=2, max_size=3).map("".join),
)


@attrs.frozen
class Ground:
    """
    A schema with a canary in it, which whoever forwards may drop.
    """

    settings: DatabricksSettings
    folder: Path
    asked_before: int

    @property
    def sent(self) -> list[str]:
        """
        The SQL that came over the wire since this schema is there.
        """
        seen = workspace().requests[self.asked_before :]
        return [each.statement for each in seen if each.statement]

    def ask(self, sql: str, principal: str = ADMIN) -> list[dict[str, Any]]:
        """
        Run a statement past the wire.
        """
        session = Session(
            principal=principal, catalog="main", schema=self.settings.schema_name
        )
        rows: list[dict[str, Any]] = (
            workspace()._engine.run(sql, session).table.to_pylist()
        )
        return rows

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """
        The rows of all event tables.
        """
        return {
            name: self.ask(f"SELECT * FROM `{name.replace('`', '``')}`")
            for name in self._names()
            if name not in {CANARY, *COUNTS, *self.views()}
        }

    def views(self) -> set[str]:
        """
        The names of all views.
        """
        catalog = workspace()._engine._catalog
        place = f"main.{self.settings.schema_name}"
        return {name for name in self._names() if catalog.view(f"{place}.{name}")}

    def _names(self) -> set[str]:
        schema = self.settings.schema_name
        return {name for _, within, name in existing("TABLE") if within == schema}


@contextmanager
def ground(own: DatabricksSettings | None = None) -> Iterator[Ground]:
    """
    Make a schema, and see afterwards that nothing else was touched.
    """
    own = own or new_schema()
    with tempfile.TemporaryDirectory() as folder:
        made = Ground(own, Path(folder), len(workspace().requests))
        made.ask(f"CREATE TABLE {CANARY} (song STRING)", own.client_id)
        made.ask(f"INSERT INTO {CANARY} VALUES ('la')", own.client_id)
        before, on_disk, others = everything(), places(), staged()
        yield made
        new = everything() - before
        local = {path.name for path in made.folder.iterdir()}

        assert [{"song": "la"}] == made.ask(f"SELECT * FROM {CANARY}")
        assert before <= everything()
        assert {own.schema_name} >= {schema for _, _, schema, *_ in new}
        # A view has no place of its own.
        assert len(new) - len(made.views()) == len(places() - on_disk)
        assert {("VOLUME", "main", own.schema_name, VOLUME)} >= {
            each for each in new if each[0] != "TABLE"
        }
        assert LOCAL >= local
        assert others == staged()
    # Each look at what there is looks at all that the tests left there.
    name = own.schema_name.replace("`", "``")
    workspace().query(f"DROP SCHEMA main.`{name}` CASCADE")


def existing(kind: Kind) -> set[tuple[str, ...]]:
    """
    The names, in their parts, of all things of a kind.
    """
    catalog = workspace()._engine._catalog
    return {tuple(each.name.split(".")) for each in catalog.within(kind, "main")}


def everything() -> set[tuple[str, ...]]:
    """
    Kind and name of all that there is in the workspace.
    """
    kinds: tuple[Kind, ...] = ("SCHEMA", "TABLE", "VOLUME")
    return {(kind, *name) for kind in kinds for name in existing(kind)}


def places() -> set[Path]:
    """
    What the workspace has on its disk, down to the folder of each table and volume.
    """
    folder = workspace()._folder
    found = {path for depth in ("*", "*/*", "*/*/*") for path in folder.glob(depth)}
    return found - {folder / "root" / "volumes"}


def staged() -> set[Path]:
    """
    What is left of staged files, in any volume.
    """
    return set((workspace()._folder / "root" / "volumes").glob("*/*"))


def said(sql: str) -> tuple[str, str]:
    """
    What a statement does, and to which table, as another parser reads it.
    """
    (tree,) = sqlglot.parse(sql, read="databricks")
    if isinstance(tree, exp.Command):
        # It knows no volumes.
        return sql, ""
    table = tree.find(exp.Table)
    assert table is not None
    return tree.key, f"{table.catalog}.{table.db}.{table.name}"


def assert_only_expected(ground: Ground, tables: Iterable[str]) -> None:
    """
    See that each statement that was sent is one, of a kind that a load needs.
    """
    schema = f"main.{ground.settings.schema_name}"
    volume = (
        f"CREATE VOLUME IF NOT EXISTS `main`.`{ground.settings.schema_name}`.`{VOLUME}`"
    )
    expected = {("select", "main.information_schema.columns")} | {
        (key, f"{schema}.{table}") for key in ("create", "copy") for table in tables
    }
    counted = {
        (key, f"{schema}.{table}")
        for key in ("create", "select", "merge")
        for table in COUNTS
    }
    shown = {("select", "main.information_schema.tables")} | {
        (key, f"{schema}.{view}")
        for key in ("create", "alter")
        for view in ground.views()
    }
    found = {said(sql) for sql in ground.sent} - counted - shown

    (made,) = {sql for sql, table in found if not table}
    assert made.startswith(f"{volume} COMMENT 'Files")
    assert expected == {each for each in found if each[1]}


def told(row: Mapping[str, Any], *path: str, within: str = "") -> str | None:
    """
    What a row has at *path*; what is no Unicode is rescued.
    """
    value: Any = row
    for part in path:
        value = value[part]
    rescued = json.loads(row["_rescued_data"] or "{}")
    found: str | None = rescued.get("/".join((within, *path)), value)
    return found


def name_of(row: Mapping[str, Any]) -> str | None:
    """
    The name of the event in *row*.
    """
    return told(row, "data", "event_name", within="/events")


def forward(
    ground: Ground, *payloads: bytes, threshold: int = 1, **options: Any
) -> Sequence[LoadReport]:
    """
    Forward *payloads* in one load.
    """
    with Forwarder.for_databricks(
        attrs.evolve(ground.settings, events_threshold=threshold),
        spool=ground.folder / "spool.db",
        endpoint=workspace().endpoint,
        clock=FakeClock(),
        **options,
    ) as forwarder:
        forwarder.submit_many(payloads)
        reports = forwarder.flush()
        assert forwarder.status().account.is_balanced
        return reports


@attrs.frozen
class Named:
    """
    What an event, its type and the partner it came from call themselves.
    """

    event: str
    type: str
    feed: str | None

    def payload(self, position: int) -> bytes:
        """
        A batch of one event of these names.
        """
        event = custom(self.event, position, custom_event_type=self.type)
        if self.feed is None:
            return batch(event)
        return batch(event, source_info={"channel": "partner", "partner": self.feed})


def named_in(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> Counter[Any]:
    """
    Position and names of the events in all tables.
    """
    return Counter(
        (
            row["data"]["event_id"],
            Named(
                str(name_of(row)),
                str(told(row, "data", "custom_event_type", within="/events")),
                row["source_info"] and told(row, "source_info", "partner"),
            ),
        )
        for rows in tables.values()
        for row in rows
    )


NAMED = st.builds(Named, NAMES, NAMES, st.none() | NAMES)
EVERY_ROLE = [
    *(Named(name, "other", None) for name in WORST[::5]),
    *(Named("N", name, None) for name in WORST[1::5]),
    *(Named("N", "other", name) for name in WORST[2::5]),
]


@settings(max_examples=4, deadline=None)
@given(named=st.lists(NAMED, min_size=1, max_size=3), split=st.booleans())
@example(named=EVERY_ROLE, split=False)
@example(named=[Named(name, "other", name) for name in WORST[9:12]], split=True)
def test_names_of_tables_arrive_as_data(named: list[Named], *, split: bool) -> None:
    """
    Where tables are named after events and partners, rows still tell their names.
    """
    with ground() as here:
        (report,) = forward(
            here,
            *(each.payload(position) for position, each in enumerate(named)),
            connection=ConnectionSettings(split_partner_feed_data_by_event_name=split),
        )
        tables = here.tables()
        assert_only_expected(here, tables)

    assert Counter(enumerate(named)) == named_in(tables)
    assert {each.table for each in report.tables} == set(tables)
    assert all(re.fullmatch(r"\w{1,255}", table) for table in tables)


@settings(max_examples=8, deadline=None)
@given(named=st.lists(st.builds(Named, NAMES, NAMES, st.none()), min_size=1))
@example(named=[Named(name, name, None) for name in HOSTILE])
def test_names_below_the_threshold_arrive_as_data(named: list[Named]) -> None:
    """
    Events too rare for a table of their own share one, under all their names.
    """
    payloads = [each.payload(position) for position, each in enumerate(named)]
    with ground() as here:
        forward(here, *payloads, threshold=1000)
        tables = here.tables()
        assert_only_expected(here, tables)

    assert [f"{here.settings.schema_name}_otherevents"] == list(tables)
    assert Counter(enumerate(named)) == named_in(tables)


@settings(max_examples=4, deadline=None)
@given(names=st.lists(NAMES.filter(is_legal), min_size=1, max_size=3))
@example(names=[name for name in WORST if is_legal(name)])
def test_a_custom_router_s_names_are_taken_at_their_word(names: list[str]) -> None:
    """
    What a function answers is the table's name, quotes and all.
    """
    events = [custom(name, position) for position, name in enumerate(names)]
    router = FunctionRouter(lambda key: key.event_name)
    with ground() as here:
        forward(here, batch(*events), router=router)
        tables = here.tables()
        assert_only_expected(here, tables)

    assert {name.lower() for name in names} == set(tables)
    found = [(table, name_of(row)) for table, rows in tables.items() for row in rows]
    assert sorted((name.lower(), name) for name in names) == sorted(found)


@pytest.mark.parametrize(
    "name", ["../x", "..", "a.b", "x y", "\x00", "\n", "\ud800", "a" * 300, ""]
)
def test_a_router_s_names_that_are_none_go_nowhere(name: str) -> None:
    """
    What the catalog would refuse is refused here, and the event waits.
    """
    with ground() as here, pytest.raises(RouteError):
        forward(here, batch(custom("N")), router=FunctionRouter(lambda _: name))

    assert {} == here.tables()
    assert [] == here.sent


@pytest.mark.parametrize(
    "name", ["'); DROP TABLE canary; --".replace(" ", "_"), "`", "\\'"]
)
def test_a_feed_s_table_is_called_as_its_settings_say(name: str) -> None:
    """
    A table's name in the settings is taken at its word, or refused.
    """
    payload = batch(custom("N", 0), source_info={"channel": "partner", "partner": "P"})
    with ground() as here:
        forward(here, payload, connection=ConnectionSettings(table_name=name))
        tables = here.tables()
        assert_only_expected(here, tables)

    assert {name.lower()} == set(tables)


@pytest.mark.parametrize("name", ["../x", "a.b", "'); DROP TABLE canary; --", "\x00"])
def test_a_feed_s_table_that_is_none_is_refused_at_once(name: str) -> None:
    """
    Settings that the catalog would refuse make no forwarder.
    """
    with ground() as here, pytest.raises(ConfigurationError, match="table name"):
        forward(here, connection=ConnectionSettings(table_name=name))

    assert [] == here.sent


@pytest.mark.parametrize("name", ["sh`o'p;--", "%2e%2e", "\U0001f600"])
def test_a_schema_may_be_called_anything(name: str) -> None:
    """
    A schema's name is data too, in SQL and in paths.
    """
    own = attrs.evolve(
        workspace().settings, schema_name=f"{name}{secrets.token_hex(4)}"
    )
    quoted = own.schema_name.replace("`", "``")
    workspace().query(f"CREATE SCHEMA main.`{quoted}`")
    for privilege in GRANTS:
        workspace().query(
            f"GRANT {privilege} ON SCHEMA main.`{quoted}` TO `{own.client_id}`"
        )
    with ground(own) as here:
        forward(here, batch(custom("N", 0)), threshold=2)
        tables = here.tables()

    assert [f"{own.schema_name}_otherevents"] == list(tables)


@contextmanager
def forwarder_of(ground: Ground, batcher_id: str) -> Iterator[Forwarder]:
    """
    A forwarder whose batcher calls itself, and so its loads, as it likes.
    """
    with (
        connected(ground.settings, FakeClock()) as client,
        Forwarder(
            router=FunctionRouter(lambda _: "events"),
            batcher=MemoryBatcher(storage=MemoryStorage(id=batcher_id)),
            stager=VolumeStager(client),
            loader=WarehouseLoader(client),
            clock=client.clock,
            scratch=ground.folder / "spool.db.work",
        ) as forwarder,
    ):
        yield forwarder


@pytest.mark.parametrize(
    "batcher_id",
    [
        *("../x", "/tmp/x", "a/b", "..", "%2e%2e%2f", "\x00", "\ud800", "a\n"),
        *("'", "`", "*/ DROP TABLE canary; --", "\\", "\U0001f600", "İ"),
    ],
)
def test_a_load_of_a_hostile_name_goes_nowhere(batcher_id: str) -> None:
    """
    A load's name that is more than letters is refused, and its events wait.
    """
    with ground() as here, forwarder_of(here, batcher_id) as forwarder:
        forwarder.submit(batch(custom("N", 0)))
        with pytest.raises(ConfigurationError, match="load id"):
            forwarder.flush()

        assert Account(received=1, pending=1) == forwarder.status().account
        assert {} == here.tables()
        assert [] == here.sent
