"""
No leaf of a payload is lost.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import booleans
from leaves import CREDENTIALS, Leaf, is_found, rows_expected

from databricks_forwarder._door import admit
from databricks_forwarder._gathered_batches import RoutedBatch
from databricks_forwarder._rows import arrange
from databricks_forwarder.model import LoadId, Offset, Table, TableName
from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.testing.strategies import odd_payloads, payloads
from databricks_forwarder.testing.workload import workload

REAL_SAMPLES = Path(__file__).parents[2] / "shared" / "samples"

_AT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def rows_of(
    payload: bytes, *, own_tables: bool
) -> list[tuple[dict[str, Any], pa.Schema]]:
    """
    The rows of a payload in the order of its events, each with its schema.
    """
    decoded = decode(payload)
    tables = [
        Table(TableName(f"t{index}"), event.event_type if own_tables else None)
        for index, event in enumerate(decoded.events)
    ] or [Table(TableName("t"))]
    batch = RoutedBatch(Offset(7), _AT, decoded, tables)
    rows = []
    for part in arrange([batch], LoadId("0123456789ab-7-7")):
        part.rows.validate(full=True)
        rows += [(row, part.rows.schema) for row in part.rows.to_pylist()]
    return sorted(rows, key=lambda each: each[0]["_position"])


def lost(payload: bytes, *, own_tables: bool) -> list[Leaf]:
    """
    The leaves of a payload that are not found in its rows.
    """
    rows = rows_of(payload, own_tables=own_tables)
    expected = rows_expected(payload)

    assert len(expected) == len(rows)
    return [
        leaf
        for leaves, (row, schema) in zip(expected, rows, strict=True)
        for leaf in leaves
        if not is_found(leaf, row, schema)
    ]


def test_real_samples_are_there_in_ci() -> None:
    """
    Where the suite runs unattended, the real samples are beside the checkout.
    """
    is_needed = os.environ.get("CI") == "true"

    assert REAL_SAMPLES.is_dir() or not is_needed


@pytest.mark.parametrize("own_tables", [False, True])
@pytest.mark.parametrize(
    "path", sorted(REAL_SAMPLES.glob("*.json")), ids=lambda path: path.stem
)
def test_no_leaf_of_a_real_batch_is_lost(path: Path, own_tables: bool) -> None:
    """
    Each leaf of a real batch is in its column, or rescued.
    """
    assert [] == lost(path.read_bytes(), own_tables=own_tables)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(payload=payloads(), own_tables=booleans())
def test_no_leaf_of_a_clean_batch_is_lost(payload: bytes, own_tables: bool) -> None:
    """
    Each leaf of a batch that the schema allows is found again.
    """
    assert [] == lost(payload, own_tables=own_tables)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(payload=odd_payloads(), own_tables=booleans())
def test_no_leaf_of_a_hostile_batch_is_lost(payload: bytes, own_tables: bool) -> None:
    """
    Each leaf of a hostile batch is in its column, or rescued.
    """
    admit(payload, 2**30)

    assert [] == lost(payload, own_tables=own_tables)


def test_no_leaf_of_ordinary_traffic_is_lost() -> None:
    """
    Each leaf of the benchmark's workload is in its column.
    """
    for payload in workload(50):
        assert [] == lost(payload, own_tables=True)


def test_a_lost_leaf_is_seen() -> None:
    """
    The search for leaves fails when a value is not in the row.
    """
    payload = b'{"mpid": 1, "events": [{"event_type": "first_run", "data": {}}]}'
    ((row, schema),) = rows_of(payload, own_tables=False)
    row["mpid"] = 2
    ((leaf, *_),) = rows_expected(payload)

    assert not is_found(leaf, row, schema)


def test_credentials_are_the_only_leaves_dropped() -> None:
    """
    Keys of the API are in no column and not rescued; nothing else is dropped.
    """
    payload = b'{"api_key": "k1", "api_keys": ["k2"], "events": null}'
    ((row, schema),) = rows_of(payload, own_tables=False)

    assert {"api_key", "api_keys"} == set(CREDENTIALS)
    assert not set(CREDENTIALS) & set(schema.names)
    assert row["_rescued_data"] is None
    assert "k1" not in str(row)
