"""
Where a workspace is, and who signs in.
"""

from __future__ import annotations

import copy
import pickle
import re
import traceback
from pathlib import Path
from typing import Any

import attrs
import certifi
import pytest

from databricks_forwarder import DatabricksSettings, Endpoint
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.settings import Secret

SECRET = "dose1f7a_never_to_be_seen"
GOOD = {
    "deployment_name": "1234",
    "warehouse_id": "abcdef0123456789",
    "client_id": "11111111-2222-3333-4444-555555555555",
    "client_secret": SECRET,
    "catalog_name": "main",
    "schema_name": "mparticle",
}
VARIABLES = {f"DATABRICKS_FORWARDER_{name.upper()}": GOOD[name] for name in GOOD}


def settings(**changes: Any) -> DatabricksSettings:
    """
    Good settings, but for *changes*.
    """
    return DatabricksSettings(**{**GOOD, **changes})


def test_settings_keep_what_they_are_given() -> None:
    """
    M1: all settings are there; the threshold is mParticle's unless given.
    """
    actual = settings()

    assert {**GOOD, "client_secret": Secret(SECRET), "events_threshold": 10_000} == (
        attrs.asdict(actual)
    )


def test_catalog_and_schema_are_kept_in_lower_case() -> None:
    """
    Names of Unity Catalog are stored in lower case, and so are these.
    """
    actual = settings(catalog_name="Main", schema_name="mParticle")

    assert ("main", "mparticle") == (actual.catalog_name, actual.schema_name)


def test_the_endpoint_is_the_workspace_s_own_host() -> None:
    """
    M2: without another endpoint the host follows from the deployment name.
    """
    assert Endpoint("1234.cloud.databricks.com") == settings().endpoint


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("deployment_name", "https://x.example", "without scheme"),
        ("warehouse_id", "/sql/1.0/warehouses/abc", "the SQL warehouse's id alone"),
        ("warehouse_id", "", "the SQL warehouse's id alone"),
        ("warehouse_id", None, "the SQL warehouse's id alone"),
        ("client_id", "", "the service principal's application id"),
        ("client_id", "two words", "the service principal's application id"),
        ("client_secret", "", "the text of an OAuth secret"),
        ("client_secret", None, "the text of an OAuth secret"),
        ("client_secret", f"{SECRET}\n", "the text of an OAuth secret"),
        ("catalog_name", "main.mparticle", "catalog_name must be one name"),
        ("schema_name", "", "schema_name must be one name"),
        ("schema_name", "a/b", "schema_name must be one name"),
        ("schema_name", "a\x7f", "schema_name must be one name"),
        ("schema_name", "x" * 256, "schema_name must be one name"),
        ("schema_name", 5, "schema_name must be one name"),
        ("events_threshold", 0, "events_threshold must be an integer of at least 1"),
        ("events_threshold", "10", "events_threshold must be an integer of at least"),
    ],
)
def test_a_wrong_setting_is_refused_in_a_sentence(
    setting: str, value: Any, sentence: str
) -> None:
    """
    M1: what is wrong is named, and what is expected; nothing tells the secret.
    """
    with pytest.raises(ConfigurationError, match=re.escape(sentence)) as refusal:
        settings(**{setting: value})
    # The first frame is the caller's own; those after it are not.
    tb = refusal.value.__traceback__
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    shown = traceback.TracebackException(
        type(refusal.value), refusal.value, tb, capture_locals=True
    )

    assert SECRET not in "".join(shown.format())


def test_a_name_of_255_characters_is_one() -> None:
    """
    The longest name that Unity Catalog takes is taken.
    """
    assert "x" * 255 == settings(schema_name="x" * 255).schema_name


def test_the_secret_shows_itself_to_nobody() -> None:
    """
    M1: neither repr nor text nor format of settings or secret tells it.
    """
    shown = settings()

    assert SECRET not in f"{shown} {shown!r} {shown.client_secret} {vars(Secret)}"
    assert "***" == f"{shown.client_secret}"
    assert SECRET == shown.client_secret.reveal()


def test_a_secret_is_not_pickled() -> None:
    """
    M1: settings can't be pickled, and the sentence says what to do instead.
    """
    with pytest.raises(TypeError, match="hand it to each process"):
        pickle.dumps(settings())


def test_settings_can_be_copied() -> None:
    """
    A copy, shallow or deep or with a change, is equal where it is not changed.
    """
    original = settings()
    evolved = attrs.evolve(original, events_threshold=5)

    assert (original, original, original.client_secret) == (
        copy.copy(original),
        copy.deepcopy(original),
        copy.copy(original.client_secret),
    )
    assert (5, original.client_secret) == (
        evolved.events_threshold,
        evolved.client_secret,
    )


def test_secrets_are_equal_when_they_hold_the_same() -> None:
    """
    They are equal and hash alike by what they hold, and equal no text.
    """
    held = {Secret("a"), Secret("a"), Secret(Secret("a")), Secret("b")}

    assert (2, False) == (len(held), Secret("a") == "a")


def test_settings_are_read_from_the_environment_when_asked() -> None:
    """
    M1: each setting has a variable of its name, with the prefix.
    """
    prefixed = {
        variable.replace("DATABRICKS_FORWARDER_", "X_"): value
        for variable, value in VARIABLES.items()
    }
    actual = DatabricksSettings.from_env(
        "X_", environ={**prefixed, "X_EVENTS_THRESHOLD": "7"}
    )

    assert settings(events_threshold=7) == actual


def test_the_process_s_environment_is_read_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Without another mapping the variables are the process's.
    """
    for variable, value in VARIABLES.items():
        monkeypatch.setenv(variable, value)

    assert settings() == DatabricksSettings.from_env()


def test_all_missing_variables_are_named_at_once() -> None:
    """
    What is not set, or empty, is named, and nothing else.
    """
    environ = {**VARIABLES, "DATABRICKS_FORWARDER_CLIENT_SECRET": ""}
    del environ["DATABRICKS_FORWARDER_WAREHOUSE_ID"]
    with pytest.raises(ConfigurationError) as refusal:
        DatabricksSettings.from_env(environ=environ)

    assert (
        "these environment variables must be set: DATABRICKS_FORWARDER_WAREHOUSE_ID, "
        "DATABRICKS_FORWARDER_CLIENT_SECRET"
    ) == str(refusal.value)


@pytest.mark.parametrize("threshold", ["-1", "many", "1e4", "²"])
def test_a_threshold_in_the_environment_is_digits(threshold: str) -> None:
    """
    A threshold that is no number is refused by its variable's name.
    """
    environ = {**VARIABLES, "DATABRICKS_FORWARDER_EVENTS_THRESHOLD": threshold}

    with pytest.raises(
        ConfigurationError, match="DATABRICKS_FORWARDER_EVENTS_THRESHOLD must be digits"
    ):
        DatabricksSettings.from_env(environ=environ)


@pytest.mark.parametrize(
    ("endpoint", "url"),
    [
        (Endpoint("x.example.com"), "https://x.example.com"),
        (Endpoint("127.0.0.1", port=8443), "https://127.0.0.1:8443"),
        (Endpoint("localhost", port=443), "https://localhost"),
        (Endpoint("dbx-private", ca_file=certifi.where()), "https://dbx-private"),
    ],
)
def test_an_endpoint_has_an_address(endpoint: Endpoint, url: str) -> None:
    """
    Its address is TLS, with the port where it is not the usual one.
    """
    assert url == endpoint.url


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"host": "https://x.example.com"}, "write 'x.example.com'"),
        ({"host": "host with spaces"}, "host must be a host name"),
        ({"host": None}, "host must be a host name"),
        ({"host": "x.example", "port": 0}, "port must be an integer from 1 to 65535"),
        ({"host": "x.example", "port": True}, "port must be an integer from 1"),
        ({"host": "x.example", "port": "443"}, "port must be an integer from 1"),
        ({"host": "x.example", "ca_file": "no-such.pem"}, "there is no file no-such"),
        ({"host": "x.example", "proxy": "proxy:3128"}, "proxy must begin with http"),
    ],
)
def test_a_wrong_endpoint_is_refused_in_a_sentence(
    arguments: dict[str, Any], sentence: str
) -> None:
    """
    What is wrong is named, and what is expected.
    """
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        Endpoint(**arguments)


def test_a_proxy_s_address_is_not_shown() -> None:
    """
    The address may hold a user's password; the repr leaves it out.
    """
    endpoint = Endpoint("x.example", proxy="http://me:pw@proxy:3128")

    assert ("http://me:pw@proxy:3128", False) == (
        endpoint.proxy,
        "pw" in repr(endpoint),
    )


def test_a_file_without_an_authority_is_refused(tmp_path: Path) -> None:
    """
    What is there and is no PEM file of certificates is refused by its name.
    """
    ca_file = tmp_path / "readme.txt"
    ca_file.write_text("not a certificate")

    with pytest.raises(ConfigurationError, match=r"readme\.txt has none that can be"):
        Endpoint("x.example", ca_file=ca_file)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"DEPLOYMENT_NAME": "1234"}, Endpoint("1234.cloud.databricks.com")),
        (
            {"DEPLOYMENT_NAME": "1234", "ENDPOINT": "127.0.0.1:8443"},
            Endpoint("127.0.0.1", port=8443),
        ),
        (
            {"ENDPOINT": "dbx", "CA_FILE": certifi.where(), "PROXY": "http://p:3128"},
            Endpoint("dbx", ca_file=certifi.where(), proxy="http://p:3128"),
        ),
        (
            {"DEPLOYMENT_NAME": "1234", "ENDPOINT": "", "CA_FILE": "", "PROXY": ""},
            Endpoint("1234.cloud.databricks.com"),
        ),
    ],
)
def test_an_endpoint_is_read_from_the_environment_when_asked(
    environ: dict[str, str], expected: Endpoint
) -> None:
    """
    What is not told is as usual, and an empty variable tells nothing.
    """
    told = {f"X_{name}": value for name, value in environ.items()}

    assert expected == Endpoint.from_env("X_", environ=told)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "must be set: X_DEPLOYMENT_NAME, X_ENDPOINT"),
        ({"X_ENDPOINT": "dbx:https"}, "X_ENDPOINT must be HOST or HOST:PORT"),
        ({"X_ENDPOINT": ":443"}, "X_ENDPOINT must be HOST or HOST:PORT"),
        ({"X_ENDPOINT": "dbx:0"}, "port must be an integer from 1 to 65535"),
        ({"X_ENDPOINT": "dbx", "X_CA_FILE": "no-such.pem"}, "no file no-such.pem"),
    ],
)
def test_a_wrong_endpoint_in_the_environment_is_refused_in_a_sentence(
    environ: dict[str, str], sentence: str
) -> None:
    """
    The variable is named, and what is expected in it.
    """
    with pytest.raises(ConfigurationError, match=re.escape(sentence)):
        Endpoint.from_env("X_", environ=environ)
