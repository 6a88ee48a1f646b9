"""
What a user fills in.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import attrs
import pytest

from databricks_forwarder import ConnectionSettings, UploadPolicy
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.settings import host_of


def test_the_defaults_are_mparticle_s() -> None:
    """
    Without a word the settings are those of mParticle's own integration.
    """
    assert (None, False, True) == attrs.astuple(ConnectionSettings())
    assert (timedelta(minutes=90), 100_000) == attrs.astuple(UploadPolicy())


@pytest.mark.parametrize("name", ["", "  ", 5, b"name", False])
def test_a_table_name_is_text_with_something_in_it(name: Any) -> None:
    """
    A name that says nothing is refused with what was given.
    """
    with pytest.raises(ConfigurationError) as refusal:
        ConnectionSettings(table_name=name)

    assert f"table_name must be a table's name or None, not {name!r}" == str(
        refusal.value
    )


@pytest.mark.parametrize(
    "setting",
    ["split_partner_feed_data_by_event_name", "send_batches_without_events"],
)
@pytest.mark.parametrize("value", ["true", 1, None])
def test_switches_are_true_or_false(setting: str, value: Any) -> None:
    """
    A switch that is neither is refused with what was given.
    """
    with pytest.raises(ConfigurationError) as refusal:
        ConnectionSettings(**{setting: value})

    assert f"{setting} must be True or False, not {value!r}" == str(refusal.value)


@pytest.mark.parametrize(
    "age", [timedelta(0), timedelta(microseconds=-1), 90, None, "90 minutes"]
)
def test_an_age_is_a_timedelta_above_zero(age: Any) -> None:
    """
    An age of nothing, or of no unit, is refused with what was given.
    """
    with pytest.raises(ConfigurationError) as refusal:
        UploadPolicy(max_age=age)

    assert f"max_age must be a timedelta above zero, not {age!r}" == str(refusal.value)


@pytest.mark.parametrize("count", [0, -1, 1.5, "10", None, True])
def test_a_count_is_an_integer_of_at_least_one(count: Any) -> None:
    """
    A count of nothing is refused with what was given.
    """
    with pytest.raises(ConfigurationError) as refusal:
        UploadPolicy(max_messages=count)

    assert f"max_messages must be an integer of at least 1, not {count!r}" == str(
        refusal.value
    )


def test_the_smallest_policy_is_taken() -> None:
    """
    A microsecond and one message are enough.
    """
    policy = UploadPolicy(max_age=timedelta(microseconds=1), max_messages=1)

    assert (timedelta(microseconds=1), 1) == attrs.astuple(policy)


def test_settings_do_not_change() -> None:
    """
    Settings are values.
    """
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        UploadPolicy().max_messages = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("deployment_name", "host"),
    [
        ("1234", "1234.cloud.databricks.com"),
        ("dbc-a1B2", "dbc-a1b2.cloud.databricks.com"),
        ("1234.cloud.databricks.com", "1234.cloud.databricks.com"),
        ("x.cloud.databricks.us", "x.cloud.databricks.us"),
        ("adb-123.4.azuredatabricks.net", "adb-123.4.azuredatabricks.net"),
        ("adb-1.2.databricks.azure.us", "adb-1.2.databricks.azure.us"),
        ("123.4.gcp.databricks.com", "123.4.gcp.databricks.com"),
    ],
)
def test_a_deployment_name_or_a_full_host_name_gives_the_host(
    deployment_name: str, host: str
) -> None:
    """
    M2: a short name is one of AWS; a full host name of any cloud stays.
    """
    actual = host_of(deployment_name)

    assert host == actual


@pytest.mark.parametrize(
    ("deployment_name", "advice"),
    [
        ("https://1234.cloud.databricks.com", "write '1234.cloud.databricks.com'"),
        ("1234.cloud.databricks.com/sql?o=1", "write '1234.cloud.databricks.com'"),
        ("1234.cloud.databricks.com:443", "write '1234.cloud.databricks.com'"),
        ("me:pw@1234.cloud.databricks.com", "write '1234.cloud.databricks.com'"),
        (" 1234 ", "without scheme, user, port, path or spaces"),
        ("-x", "must be the workspace's name"),
        ("", "must be the workspace's name"),
        ("a..b", "must be the workspace's name"),
        (1234, "must be the workspace's name"),
    ],
)
def test_what_is_no_host_name_is_refused_with_advice(
    deployment_name: Any, advice: str
) -> None:
    """
    M2: a scheme, user, port or path is refused; the sentence says what to write.
    """
    with pytest.raises(ConfigurationError, match=re.escape(advice)) as caught:
        host_of(deployment_name)

    assert "pw" not in str(caught.value)
