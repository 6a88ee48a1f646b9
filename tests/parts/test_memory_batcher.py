"""
The memory batcher: the contract, and what only it does.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from memory_examination import MemoryBatcherExamination

from databricks_forwarder.batchers.memory import MemoryBatcher, MemoryStorage
from databricks_forwarder.errors import BatcherClosedError, ConfigurationError
from databricks_forwarder.model import Account, Payload
from databricks_forwarder.settings import UploadPolicy

NOON = datetime(2026, 3, 14, 12, tzinfo=timezone.utc)


class TestMemoryBatcher(MemoryBatcherExamination):
    """
    The contract of all batchers.
    """


def test_a_closed_batcher_refuses_to_append() -> None:
    """
    A closed batcher says so and stores nothing; closing again does nothing.
    """
    storage = MemoryStorage()
    batcher = MemoryBatcher(storage=storage)
    batcher.close()
    batcher.close()
    with pytest.raises(BatcherClosedError, match=f"{storage.id} is closed"):
        batcher.append([Payload(b"{}", 1)], at=NOON)

    assert Account() == storage.totals


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lease_seconds": 0}, "lease_seconds must be above zero, not 0"),
        ({"lease_seconds": float("nan")}, "lease_seconds must be above zero, not nan"),
        ({"max_spool_bytes": 0}, "max_spool_bytes must be at least 1 or None, not 0"),
    ],
)
def test_options_that_cannot_be_kept_are_refused(
    options: dict[str, float], words: str
) -> None:
    """
    A batcher with no time or no room is a mistake in the configuration.
    """
    with pytest.raises(ConfigurationError, match=words):
        MemoryBatcher(**options)


@pytest.mark.parametrize(
    ("checkpoint", "words"),
    [
        ([("p", "1")], "must be a mapping of text to text, not list"),
        ({7: "1"}, "a checkpoint's name must be a str, not int"),
        ({"\ud800": "1"}, "a checkpoint's name must be text that UTF-8 can say"),
        ({"p": None}, "the place of checkpoint 'p' must be a str, not NoneType"),
        ({"p": "\ud800"}, "the place of checkpoint 'p' must be text that UTF-8"),
    ],
    ids=["list", "number", "surrogate name", "none", "surrogate"],
)
def test_a_checkpoint_that_is_no_text_is_refused(checkpoint: Any, words: str) -> None:
    """
    A checkpoint that is not text to text is refused with its payloads.
    """
    storage = MemoryStorage()
    batcher = MemoryBatcher(storage=storage)
    with pytest.raises(ConfigurationError, match=words):
        batcher.append([Payload(b"{}", 1)], at=NOON, checkpoint=checkpoint)

    assert (Account(), {}, {}) == (storage.totals, storage.records, storage.checkpoint)


def test_records_committed_meanwhile_are_gone_from_an_iteration() -> None:
    """
    An iteration that outlives its load ends without them.
    """
    batcher = MemoryBatcher(lease_seconds=1)
    batcher.append([Payload(b"{}", 1)], at=NOON)
    lease = batcher.lease(UploadPolicy(), at=NOON, seal=True)
    batcher._storage.records.clear()

    assert [] == list(lease.records)


def test_records_that_are_lost_show_in_the_account() -> None:
    """
    What is pending is counted from the records, not from the totals.
    """
    storage = MemoryStorage()
    batcher = MemoryBatcher(storage=storage)
    batcher.append([Payload(b"{}", 2)], at=NOON)
    storage.records.clear()

    assert not batcher.status().account.is_balanced


def test_the_lease_time_is_an_option() -> None:
    """
    A holder loses its load after the time that it was opened with.
    """
    storage = MemoryStorage()
    batchers = [MemoryBatcher(lease_seconds=2, storage=storage) for _ in "ab"]
    batchers[0].append([Payload(b"{}", 1)], at=NOON)
    batchers[0].lease(UploadPolicy(), at=NOON, seal=True)
    answers = [
        batchers[1].lease(UploadPolicy(), at=NOON + timedelta(seconds=seconds))
        for seconds in (1, 2)
    ]

    assert [False, True] == [lease is not None for lease in answers]
