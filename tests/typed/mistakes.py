"""
What a type checker must refuse: where it does not, its comment is an error.

Each line has a comment for mypy and one for pyright. Checked, never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from databricks_forwarder import (
    DeadLetterFilter,
    Forwarder,
    UploadPolicy,
)
from databricks_forwarder.model import EventKey, Offset, OffsetRange, Table, TableName
from databricks_forwarder.protocols import Batcher, Loader, Router, Stager
from databricks_forwarder.routers.function import FunctionRouter


class RouterOfTexts:
    """
    A router that answers with text where a table is wanted.
    """

    def route(
        self, counts: Mapping[EventKey, int], /, *, at: datetime
    ) -> Mapping[EventKey, str]:
        """
        Answer with text.
        """
        return dict.fromkeys(counts, f"{at:%Y}")


class BatcherThatOnlyTakes:
    """
    A batcher that has one method of all.
    """

    id = "0123456789ab"

    def close(self) -> None:
        """
        Release what is held.
        """


def by_number(key: EventKey) -> int:
    """
    Answer with a number, which names no table.
    """
    return len(key.event_type or "")


def parts_that_are_none(router: Router, stager: Stager, loader: Loader) -> None:
    """
    A part without the protocol's methods and types is refused where it is used.
    """
    FunctionRouter(by_number)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    batcher: Batcher = BatcherThatOnlyTakes()  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    Forwarder(
        router=RouterOfTexts(),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        batcher=batcher,
        stager=stager,
        loader=loader,
    )
    Forwarder(router=router, batcher=batcher)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def names_that_are_any_text(forwarder: Forwarder) -> None:
    """
    Text is no table's name and no load's, and a number no offset.
    """
    Table("purchases")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    forwarder.carry_on("0123456789ab-0-9")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    forwarder.replay([7])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    OffsetRange(1, Offset(2))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def settings_of_the_wrong_type(forwarder: Forwarder) -> None:
    """
    Ages are durations, moments are datetimes, and choices are of a few words.
    """
    UploadPolicy(max_age=300)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    DeadLetterFilter(since="2026-01-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Forwarder.for_lake("lake")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    Forwarder.for_lake("lake", spool="spool.db", counts="everywhere")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    forwarder.erase(mpids=[1], late="maybe")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    forwarder.submit(17)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def values_that_are_changed(table: Table) -> None:
    """
    A value that walks is frozen.
    """
    table.name = TableName("other")  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def answers_that_may_be_none(forwarder: Forwarder) -> None:
    """
    A tick that carried nothing has no report.
    """
    print(forwarder.tick().account)  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
