"""
The errors that leave this library.

A class exists because someone does something different on it::

    ForwarderError
    ├── ConfigurationError (ValueError)     wrong before anything ran: fix the code or the setting
    │   └── MissingExtraError (ImportError) names the extra to install
    ├── PayloadError (ValueError)           this payload can never be forwarded
    │   ├── DecodeError                     stored bytes are no mParticle batch       → dead letter
    │   └── RouteError                      the router refused or broke, cause attached
    ├── BatcherError                        at the front door                         → the host decides
    │   ├── BatcherFullError                slow down; nothing was stored
    │   ├── BatcherClosedError
    │   └── LeaseLostError                  another holder took over; stop quietly
    ├── TransientError                      may pass by itself                        → repeat
    ├── SetupError                          a person must act                         → repeat slowly
    └── PermanentError                      never as it is                            → park
        └── SchemaError                     table and rows can't agree

Messages carry ids, names and numbers; never a payload, never a secret.
"""

from __future__ import annotations

__all__ = [
    "BatcherClosedError",
    "BatcherError",
    "BatcherFullError",
    "ConfigurationError",
    "DecodeError",
    "ForwarderError",
    "LeaseLostError",
    "MissingExtraError",
    "PayloadError",
    "PermanentError",
    "RouteError",
    "SchemaError",
    "SetupError",
    "TransientError",
]


class ForwarderError(Exception):
    """
    Any error that this library raises on purpose.
    """


class ConfigurationError(ForwarderError, ValueError):
    """
    A setting or an argument is wrong; nothing has run yet.
    """


class MissingExtraError(ConfigurationError, ImportError):
    """
    A part was asked for whose dependencies are not installed.

    Args:
        part: What was asked for, in words.
        extra: The extra of this package that brings it.
    """

    def __init__(self, part: str, extra: str) -> None:
        super().__init__(
            f"{part} needs more packages: pip install 'databricks-forwarder[{extra}]'"
        )
        self.part = part
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return type(self), (self.part, self.extra)


class PayloadError(ForwarderError, ValueError):
    """
    This payload can never be forwarded; nothing of it was stored.
    """


class DecodeError(PayloadError):
    """
    A stored payload is not an mParticle batch; it becomes a dead letter.
    """


class RouteError(PayloadError):
    """
    A router refused or broke; its own exception is the cause.
    """


class BatcherError(ForwarderError):
    """
    The upload queue can't do what it was asked; earlier payloads are safe.
    """


class BatcherFullError(BatcherError):
    """
    The upload queue is full; nothing of this call was stored.
    """


class BatcherClosedError(BatcherError):
    """
    The upload queue was closed; nothing of this call was stored.
    """


class LeaseLostError(BatcherError):
    """
    Another holder took over the load, or it was already settled.

    Args:
        load_id: The load that is no longer held.
    """

    def __init__(self, load_id: str) -> None:
        super().__init__(f"load {load_id} is no longer held by this batcher")
        self.load_id = load_id

    def __reduce__(self) -> tuple[type[LeaseLostError], tuple[str]]:
        return type(self), (self.load_id,)


class TransientError(ForwarderError):
    """
    It may pass by itself, or nothing certain is known: do the step again.
    """


class SetupError(ForwarderError):
    """
    A person must act: a permission, a place or a sign-in is missing.
    """


class PermanentError(ForwarderError):
    """
    It can't succeed as it is; the load, or one table of it, is parked.
    """


class SchemaError(PermanentError):
    """
    A table and the rows for it can't agree on a column's type.
    """
