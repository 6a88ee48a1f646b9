"""
What a user fills in, validated on the spot.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ConnectionSettings",
    "DatabricksSettings",
    "Endpoint",
    "Secret",
    "UploadPolicy",
    "host_of",
    "place_of",
]


def _require_table_name(
    _: object, attribute: attrs.Attribute[str | None], value: object
) -> None:
    if value is not None and (not isinstance(value, str) or not value.strip()):
        msg = f"{attribute.name} must be a table's name or None, not {value!r}"
        raise ConfigurationError(msg)


def _require_bool(_: object, attribute: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        msg = f"{attribute.name} must be True or False, not {value!r}"
        raise ConfigurationError(msg)


@attrs.frozen(kw_only=True)
class ConnectionSettings:
    """
    Settings of one connection, with mParticle's names and defaults.

    Attributes:
        table_name: Table for a partner feed's events; None for a table named
            after the partner. Feeds only; ignored when splitting.
        split_partner_feed_data_by_event_name: One table for each event name
            of a feed. Feeds only.
        send_batches_without_events: Forward a batch without events as one
            row; otherwise it is dropped and counted as dropped. All inputs.

    Source: mParticle, "Snowflake data warehouse" and its siblings, section
    on connection settings, read 2026-11-23.
    """

    table_name: str | None = attrs.field(default=None, validator=_require_table_name)
    split_partner_feed_data_by_event_name: bool = attrs.field(
        default=False, validator=_require_bool
    )
    send_batches_without_events: bool = attrs.field(
        default=True, validator=_require_bool
    )


def _require_positive_age(
    _: object, attribute: attrs.Attribute[timedelta], value: object
) -> None:
    if not isinstance(value, timedelta) or value <= timedelta(0):
        msg = f"{attribute.name} must be a timedelta above zero, not {value!r}"
        raise ConfigurationError(msg)


def _require_positive_count(
    _: object, attribute: attrs.Attribute[int], value: object
) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        msg = f"{attribute.name} must be an integer of at least 1, not {value!r}"
        raise ConfigurationError(msg)


@attrs.frozen(kw_only=True)
class UploadPolicy:
    """
    When a load is due: whichever of the two comes first.

    Attributes:
        max_age: Since the oldest waiting record was received, inclusive. The
            default is mParticle's 90 minutes.
        max_messages: Messages waiting, inclusive; also the most that one
            load takes, but for a single record that holds more. The default
            is mParticle's 100 000.

    Source: mParticle, page of the Databricks warehouse integration.
    """

    max_age: timedelta = attrs.field(
        default=timedelta(minutes=90), validator=_require_positive_age
    )
    max_messages: int = attrs.field(default=100_000, validator=_require_positive_count)


_DEPLOYMENT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
_HOST = re.compile(rf"{_DEPLOYMENT.pattern}(\.{_DEPLOYMENT.pattern})+")
_ANY_HOST = re.compile(rf"{_DEPLOYMENT.pattern}(\.{_DEPLOYMENT.pattern})*")


def host_of(deployment_name: str) -> str:
    """
    The host name of a workspace from what a user knows it by.

    ``1234`` is ``1234.cloud.databricks.com``; a full host name of any cloud is
    taken as it is, in lower case.

    Raises:
        ConfigurationError: It has a scheme, user, port, path or anything else
            that no host name has; the sentence says what to write instead.

    Source: mParticle, page of the Databricks warehouse integration;
    Databricks, "Get identifiers for workspace objects", for the hosts of the
    clouds; both read 2026-11-23.
    """
    if isinstance(deployment_name, str):
        if _DEPLOYMENT.fullmatch(deployment_name):
            return f"{deployment_name.lower()}.cloud.databricks.com"
        if _HOST.fullmatch(deployment_name):
            return deployment_name.lower()
    msg = (
        "deployment_name must be the workspace's name (1234) or its full host name "
        "(1234.cloud.databricks.com, adb-1234.5.azuredatabricks.net), without scheme, "
        f"user, port, path or spaces{_suggestion(deployment_name)}"
    )
    raise ConfigurationError(msg)


def _suggestion(deployment_name: object) -> str:
    """
    What was likely meant, if a host name can be made out; never a user part.
    """
    if not isinstance(deployment_name, str):
        return ""
    bare = deployment_name.strip().split("://")[-1].split("/")[0].split("?")[0]
    bare = bare.rsplit("@", 1)[-1].split(":")[0]
    return f": write {bare!r}" if _HOST.fullmatch(bare) else ""


class Secret:
    """
    A text that shows itself to nobody who does not ask for it by name.

    Its repr and its text are stars, it can't be pickled, and two of them are
    equal when they hold the same. What is no text becomes an empty one.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str | Secret) -> None:
        self._text = str(text.reveal() if isinstance(text, Secret) else text or "")

    def reveal(self) -> str:
        """
        The text itself.
        """
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __str__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: object) -> Secret:
        return self

    def __reduce_ex__(self, _: object) -> NoReturn:
        msg = "a secret is not pickled; hand it to each process in its own settings"
        raise TypeError(msg)


def _require_secret(_: object, __: object, value: Secret) -> None:
    if not re.fullmatch(r"\S+", value.reveal()):
        msg = (
            "client_secret must be the text of an OAuth secret, without spaces; make "
            "one for the service principal in the workspace's settings"
        )
        raise ConfigurationError(msg)


_PORTS = range(1, 65_536)


@attrs.frozen
class Endpoint:
    """
    Where a workspace is reached, when not at its own host's port 443.

    Attributes:
        host: Host name or address, without scheme, port or path.
        port: TCP port; always TLS.
        ca_file: PEM file of the certification authorities to trust, and no
            others; None for those that the system's Python packages bring.
        proxy: Address of an HTTP proxy, ``http://proxy:3128``; None for a
            direct connection, whatever the environment says.

    Raises:
        ConfigurationError: One of them is none; the sentence says what is
            expected.
    """

    host: str
    port: int = attrs.field(default=443, kw_only=True)
    ca_file: Path | None = attrs.field(
        default=None,
        kw_only=True,
        converter=attrs.converters.optional(Path),
    )
    proxy: str | None = attrs.field(default=None, kw_only=True, repr=False)

    def __attrs_post_init__(self) -> None:
        if not _is_host(self.host):
            msg = (
                "host must be a host name or an IPv4 address, without scheme, user, "
                f"port or path{_suggestion(self.host)}"
            )
            raise ConfigurationError(msg)
        if isinstance(self.port, bool) or self.port not in _PORTS:
            msg = f"port must be an integer from 1 to 65535, not {self.port!r}"
            raise ConfigurationError(msg)
        if self.ca_file is not None:
            _require_authorities(self.ca_file)
        if self.proxy is not None and not _PROXY.match(self.proxy):
            msg = "proxy must begin with http:// or https://, such as http://proxy:3128"
            raise ConfigurationError(msg)

    @classmethod
    def from_env(
        cls,
        prefix: str = "DATABRICKS_FORWARDER_",
        *,
        environ: Mapping[str, str] = os.environ,
    ) -> Endpoint:
        """
        Read from environment variables, when the host says so, where it is.

        Without any of them it is the workspace's own host, so a service can
        always hand this beside `DatabricksSettings.from_env`.

        Args:
            prefix: What the names begin with. ``ENDPOINT`` is HOST or
                HOST:PORT, without it the host of ``DEPLOYMENT_NAME``;
                ``CA_FILE`` and ``PROXY`` are the attributes.
            environ: Where to look.

        Raises:
            ConfigurationError: Nothing says which workspace, or a value is
                wrong.
        """
        told, deployment = f"{prefix}ENDPOINT", f"{prefix}DEPLOYMENT_NAME"
        if environ.get(told):
            host, port = place_of(environ[told], told)
        elif environ.get(deployment):
            host, port = host_of(environ[deployment]), 443
        else:
            msg = (
                f"one of these environment variables must be set: {deployment}, {told}"
            )
            raise ConfigurationError(msg)
        ca_file, proxy = environ.get(f"{prefix}CA_FILE"), environ.get(f"{prefix}PROXY")
        return cls(host, port=port, ca_file=ca_file or None, proxy=proxy or None)

    @property
    def url(self) -> str:
        """
        ``https://host``, with the port if it is not 443; no slash at the end.
        """
        return f"https://{self.host}" + (f":{self.port}" if self.port != 443 else "")


def place_of(text: str, name: str) -> tuple[str, int]:
    """
    Take HOST or HOST:PORT apart.

    Args:
        text: What was told.
        name: Where it was told, for the sentence.

    Raises:
        ConfigurationError: It is neither.
    """
    host, colon, port = text.partition(":")
    if not host or (colon and not (port.isascii() and port.isdigit())):
        msg = f"{name} must be HOST or HOST:PORT, not {text!r}"
        raise ConfigurationError(msg)
    return host, int(port or 443)


def _is_host(value: object) -> bool:
    return isinstance(value, str) and _ANY_HOST.fullmatch(value) is not None


def _require_authorities(ca_file: Path) -> None:
    if not ca_file.is_file():
        msg = f"ca_file must be a PEM file; there is no file {ca_file}"
        raise ConfigurationError(msg)
    import ssl  # noqa: PLC0415  # not at import: few have an authority of their own

    try:
        ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        msg = (
            f"ca_file must be a PEM file with certificates of authorities; {ca_file} "
            "has none that can be read"
        )
        raise ConfigurationError(msg) from error


_PROXY = re.compile(r"https?://[^/\s]+/?\Z")

_WAREHOUSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_NO_UNITY_NAME = re.compile(r"[\x00-\x20./\x7f]")


def _require_warehouse(_: object, __: attrs.Attribute[str], value: Any) -> None:
    if not isinstance(value, str) or not _WAREHOUSE.fullmatch(value):
        msg = (
            f"warehouse_id must be the SQL warehouse's id alone, not {value!r}; it is "
            "what follows /sql/1.0/warehouses/ in its HTTP path"
        )
        raise ConfigurationError(msg)


def _require_client_id(_: object, __: attrs.Attribute[str], value: Any) -> None:
    if not isinstance(value, str) or not value or re.search(r"\s", value):
        msg = (
            "client_id must be the service principal's application id, a UUID, "
            "without spaces"
        )
        raise ConfigurationError(msg)


def _require_unity_name(_: object, attribute: attrs.Attribute[str], value: Any) -> None:
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= 255
        or _NO_UNITY_NAME.search(value)
    ):
        msg = (
            f"{attribute.name} must be one name of 1 to 255 characters without period, "
            f"space, slash or control characters, and without quotes, not {value!r}"
        )
        raise ConfigurationError(msg)


def _lower(value: Any) -> Any:
    # What is no text is the validator's.
    return value.lower() if isinstance(value, str) else value


@attrs.frozen(kw_only=True, init=False)
class DatabricksSettings:
    """
    Where a workspace is, who signs in, and where the tables are.

    Attributes:
        deployment_name: Name of the workspace (``1234``), or its full host
            name on any cloud; see `host_of`.
        warehouse_id: Id of the SQL warehouse that runs the load commands.
        client_id: Application id of the service principal.
        client_secret: An OAuth secret of the service principal; given as
            text, kept as a `Secret`.
        catalog_name: Catalog in Unity Catalog; kept in lower case, as there.
        schema_name: Schema for the tables and the staging volume; kept in
            lower case. It also names the common table,
            ``<schema_name>_otherevents``.
        events_threshold: Messages in 30 days, this load included, from which
            on a kind of event has a table of its own.

    Raises:
        ConfigurationError: One of them is wrong; the sentence says which and
            what is expected. It never tells the secret.

    Source: mParticle, page of the Databricks warehouse integration;
    Databricks, "Names", for what a catalog or schema may be called; both read
    2026-11-23.
    """

    deployment_name: str = attrs.field(validator=lambda *each: host_of(each[2]))
    warehouse_id: str = attrs.field(validator=_require_warehouse)
    client_id: str = attrs.field(validator=_require_client_id)
    client_secret: Secret = attrs.field(validator=_require_secret)
    catalog_name: str = attrs.field(validator=_require_unity_name)
    schema_name: str = attrs.field(validator=_require_unity_name)
    events_threshold: int = attrs.field(
        default=10_000, validator=_require_positive_count
    )

    def __init__(  # noqa: PLR0913  # as many settings as mParticle's page has
        self,
        *,
        deployment_name: str,
        warehouse_id: str,
        client_id: str,
        client_secret: str | Secret,
        catalog_name: str,
        schema_name: str,
        events_threshold: int = 10_000,
    ) -> None:
        # First of all: what raises later shows its arguments to whoever
        # prints them.
        client_secret = Secret(client_secret)
        self.__attrs_init__(
            deployment_name=deployment_name,
            warehouse_id=warehouse_id,
            client_id=client_id,
            client_secret=client_secret,
            catalog_name=_lower(catalog_name),
            schema_name=_lower(schema_name),
            events_threshold=events_threshold,
        )

    @classmethod
    def from_env(
        cls,
        prefix: str = "DATABRICKS_FORWARDER_",
        *,
        environ: Mapping[str, str] = os.environ,
    ) -> DatabricksSettings:
        """
        Read the settings from environment variables, when the host says so.

        Args:
            prefix: What the names begin with; the rest is the attribute's
                name in capitals: ``DATABRICKS_FORWARDER_WAREHOUSE_ID``.
            environ: Where to look.

        Raises:
            ConfigurationError: Variables are missing (all are named at once),
                or a value is wrong.
        """
        names = {
            field.name: f"{prefix}{field.name.upper()}" for field in attrs.fields(cls)
        }
        optional = {"events_threshold"}
        missing = [
            variable
            for name, variable in names.items()
            if name not in optional and not environ.get(variable)
        ]
        if missing:
            msg = f"these environment variables must be set: {', '.join(missing)}"
            raise ConfigurationError(msg)
        threshold = environ.get(names["events_threshold"]) or "10000"
        if not threshold.isascii() or not threshold.isdigit():
            msg = f"{names['events_threshold']} must be digits, not {threshold!r}"
            raise ConfigurationError(msg)
        return cls(
            deployment_name=environ[names["deployment_name"]],
            warehouse_id=environ[names["warehouse_id"]],
            client_id=environ[names["client_id"]],
            client_secret=Secret(environ[names["client_secret"]]),
            catalog_name=environ[names["catalog_name"]],
            schema_name=environ[names["schema_name"]],
            events_threshold=int(threshold),
        )

    @property
    def endpoint(self) -> Endpoint:
        """
        The workspace's own host, at port 443.
        """
        return Endpoint(host_of(self.deployment_name))
