"""
What a host writes, and the types that it gets: checked, never run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pyarrow.dataset import Dataset
from typing_extensions import assert_type

from databricks_forwarder import (
    AsyncForwarder,
    CloseReport,
    ConnectionSettings,
    DatabricksClient,
    DatabricksSettings,
    DeadLetterFilter,
    Difference,
    Endpoint,
    Erasure,
    Forwarder,
    ForwarderError,
    Maintenance,
    Plan,
    Reason,
    Reconciliation,
    Simulation,
    Status,
    UploadPolicy,
)
from databricks_forwarder.errors import BatcherFullError, PayloadError
from databricks_forwarder.model import (
    Account,
    DeadLetter,
    EventKey,
    EventKind,
    Finding,
    LoadId,
    LoadReport,
    Offset,
    OffsetRange,
    Receipt,
    TableName,
    TableReport,
)
from databricks_forwarder.settings import Secret


def settings_are_read() -> DatabricksSettings:
    """
    Text may stand where a secret is wanted; what is read back is a secret.
    """
    settings = DatabricksSettings(
        deployment_name="dbc-a1b2345c-d6e7",
        warehouse_id="1f2e3d4c5b6a7980",
        client_id="5f0c6b1e-3b0a-4a77-9d0e-6f2f4a1c8b11",
        client_secret="dose",
        catalog_name="main",
        schema_name="mparticle",
    )
    assert_type(settings.client_secret, Secret)
    assert_type(settings.client_secret.reveal(), str)
    assert_type(settings.events_threshold, int)
    assert_type(settings.endpoint, Endpoint)
    assert_type(settings.endpoint.url, str)
    return DatabricksSettings.from_env()


def destinations_differ_in_one_word(settings: DatabricksSettings) -> None:
    """
    A lake and a workspace take the same settings besides, and give one type.
    """
    policy = UploadPolicy(max_age=timedelta(minutes=5), max_messages=1_000)
    feed = ConnectionSettings(split_partner_feed_data_by_event_name=True)
    lake = Forwarder.for_lake(
        Path("lake"), spool="spool.db", policy=policy, feeds={"partner": feed}
    )
    workspace = Forwarder.for_databricks(
        settings, spool=Path("spool.db"), policy=policy, feeds={"partner": feed}
    )
    assert_type(lake, Forwarder)
    assert_type(workspace, Forwarder)
    assert_type(DatabricksClient(settings), DatabricksClient)


def batches_are_handed_in(forwarder: Forwarder, batch: Mapping[str, Any]) -> None:
    """
    A payload is bytes, text, or an object of JSON.
    """
    with forwarder as entered:
        assert_type(entered, Forwarder)
        try:
            receipt = entered.submit(b"{}")
            entered.submit("{}")
            entered.submit(batch)
            entered.submit_many([b"{}", "{}", batch], checkpoint={"partition-0": "17"})
        except BatcherFullError as error:
            told: ForwarderError = error
            print(told)
        except PayloadError as error:
            value_error: ValueError = error
            print(value_error)
        else:
            assert_type(receipt, Receipt)
            assert_type(receipt.offsets, OffsetRange | None)
            assert_type(receipt.received_at, datetime)


def loads_are_carried(forwarder: Forwarder) -> CloseReport:
    """
    Every load has a report, whose account says what became of its messages.
    """
    assert_type(forwarder.tick(), LoadReport | None)
    for report in forwarder.flush():
        assert_type(report.account, Account)
        assert_type(report.account.loaded, int)
        assert_type(report.load_id, LoadId)
        assert_type(report.tables, Sequence[TableReport])
    forwarder.start()
    closed = forwarder.close(timeout_seconds=5)
    assert_type(closed.pending, int | None)
    return closed


def state_is_looked_at(forwarder: Forwarder) -> None:
    """
    What is asked for is a value, not a dictionary to guess the keys of.
    """
    status = forwarder.status()
    assert_type(status, Status)
    assert_type(status.due_at, datetime | None)
    assert_type(forwarder.checkpoint(), Mapping[str, str])
    assert_type(forwarder.loads(10), Sequence[LoadReport])
    assert_type(forwarder.parked(), Sequence[LoadReport])
    assert_type(forwarder.check(), Sequence[Finding])
    assert_type(forwarder.erasures(), Sequence[Erasure])
    assert_type(forwarder.plan([b"{}", "{}"]), Plan)
    assert_type(forwarder.explain(EventKey("screen_view"), messages=3), Reason)
    assert_type(forwarder.explain(b"{}"), Sequence[Reason])
    assert_type(forwarder.simulate([100, 1_000]), Simulation)
    assert_type(forwarder.maintenance(run=True), Maintenance)
    result = forwarder.reconcile()
    assert_type(result, Reconciliation)
    assert_type(result.agrees, bool)
    assert_type(result.differences, Sequence[Difference])


def rows_are_read(forwarder: Forwarder) -> Dataset:
    """
    A kind is named by its parts; without one all events are read.
    """
    assert_type(forwarder.backfill(["purchase"]), Mapping[TableName, int])
    forwarder.read(EventKind("custom_event", "transaction", "Buy"))
    return forwarder.read()


def mistakes_are_mended(forwarder: Forwarder) -> None:
    """
    Dead letters are chosen by a value that can be kept and used again.
    """
    of_a_load = DeadLetterFilter(load_id=LoadId("0123456789ab-0-9"), reason="JSON")
    letters = forwarder.dead_letters(of_a_load)
    assert_type(letters, Iterable[DeadLetter])
    for letter in letters:
        assert_type(letter.offset, Offset)
        assert_type(letter.payload, bytes | None)
    assert_type(forwarder.replay(where=of_a_load), int)
    assert_type(forwarder.replay([Offset(7)]), int)
    for report in forwarder.parked():
        forwarder.carry_on(report.load_id)


def a_person_is_erased(forwarder: Forwarder) -> None:
    """
    An mParticle id may be a number or text, an identity one or many.
    """
    receipt = forwarder.erase(
        mpids=[12345, "67890"],
        identities={"email": "ann@example.com", "other": ["a", "b"]},
        late="drop",
    )
    assert_type(receipt, Erasure)
    assert_type(receipt.finished_at, datetime | None)


async def a_loop_is_not_held_up() -> CloseReport:
    """
    The same calls are there for asyncio, with the same types.
    """
    async with await AsyncForwarder.open(
        lambda: Forwarder.for_lake("lake", spool="spool.db")
    ) as forwarder:
        assert_type(forwarder, AsyncForwarder)
        assert_type(await forwarder.submit(b"{}"), Receipt)
        assert_type(await forwarder.tick(), LoadReport | None)
        assert_type(await forwarder.dead_letters(), Sequence[DeadLetter])
        return await forwarder.close()
