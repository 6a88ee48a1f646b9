"""
Misfortunes, scripted: each is met at a named point, a number of times.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal, get_args

import attrs

from databricks_forwarder.testing.workspace._http import Response, json_response

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Fault", "Faults", "Point", "reply"]

Point = Literal[
    "token",
    "upload",
    "download",
    "list",
    "delete",
    "presigned",
    "warehouse",
    "open_session",
    "statement",
    "poll",
]
"""
Where a fault is met: a REST request by what it does, or a SQL call.

To make a directory is an upload, to look for a file a download.
"""


def _require_error(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    is_error = isinstance(value, tuple) and [str] * 3 == [type(each) for each in value]
    if value is not None and not is_error:
        msg = f"{attribute.name} must be error class, SQLSTATE and message: {value!r}"
        raise ValueError(msg)


@attrs.frozen(kw_only=True)
class Fault:
    """
    One misfortune.

    What happens is the first of these that is set: *error*, *status*, *drop*,
    *cut*, *hang*; and before it, always, *seconds*.

    Attributes:
        on: Where it is met.
        matching: Text that the request's path must have, or the statement; at
            ``presigned`` it is the path in the volume, which rows that were
            kept for a link have not.
        skip: How many matching ones go well first.
        times: How many then don't.
        when: Whether it strikes before the effect or after it: a lost reply is
            a *drop* ``after``.
        error: Error class, SQLSTATE and message of a refusal. Where no SQL is
            spoken, the class is the error code (at ``token`` the ``error`` of
            OAuth), there is no SQLSTATE, and *status* goes with it, or 400.
        status: HTTP status of the reply.
        retry_after_seconds: Of the reply's ``Retry-After``; None for no header.
        drop: Close the connection without a reply.
        cut: Close the connection half way through the request's body; where
            that is of no interest it is a *drop*.
        hang: Answer nothing, or stay running, until it is cancelled or the
            workspace closes.
        seconds: How much later it happens all the same, by the wall.

    Raises:
        ValueError: There is no such point, or nothing would ever happen.
    """

    on: Point = attrs.field(validator=attrs.validators.in_(get_args(Point)))
    matching: str = ""
    skip: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    times: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    when: Literal["before", "after"] = attrs.field(
        default="before", validator=attrs.validators.in_(("before", "after"))
    )
    error: tuple[str, str, str] | None = attrs.field(
        default=None, validator=_require_error
    )
    status: int | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(attrs.validators.in_(range(300, 600))),
    )
    retry_after_seconds: int | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.ge(0))
    )
    drop: bool = False
    cut: bool = False
    hang: bool = False
    seconds: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))

    def __attrs_post_init__(self) -> None:
        if self.effect == "delay" and not self.seconds:
            raise ValueError("nothing happens by this fault; say what")
        if self.retry_after_seconds is not None and self.effect != "reply":
            raise ValueError("a reply with Retry-After needs an error or a status")

    @property
    def effect(self) -> Literal["reply", "drop", "cut", "hang", "delay"]:
        """
        What happens, after its *seconds*; a delay is nothing more.
        """
        if self.error or self.status:
            return "reply"
        if self.drop:
            return "drop"
        if self.cut:
            return "cut"
        return "hang" if self.hang else "delay"


class Faults:
    """
    The faults that are still to be met, in the order they were scripted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[Fault] = []

    @property
    def left(self) -> list[Fault]:
        """
        What was not met yet, with the counts that are left.
        """
        with self._lock:
            return list(self._left)

    def add(self, fault: Fault) -> None:
        """
        Script one more.
        """
        with self._lock:
            self._left.append(fault)

    def clear(self) -> None:
        """
        Let all go well from now on.
        """
        with self._lock:
            self._left.clear()

    def meet(self, point: Point, detail: str) -> Fault | None:
        """
        The fault that strikes here now, if any; it is used up by that.

        The service where it is met acts on it.

        Args:
            point: Where.
            detail: What *matching* is looked for in.
        """
        with self._lock:
            for index, fault in enumerate(self._left):
                if fault.on == point and fault.matching in detail:
                    if fault.skip:
                        self._left[index] = attrs.evolve(fault, skip=fault.skip - 1)
                        return None
                    if fault.times == 1:
                        del self._left[index]
                    else:
                        self._left[index] = attrs.evolve(fault, times=fault.times - 1)
                    return fault
        return None


_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def reply(fault: Fault) -> Response:
    """
    What a fault is answered with that takes a reply's place, for all clients.
    """
    status = fault.status or 400
    scripted = (_CODES.get(status, "UNKNOWN"), "", "Scripted by the test.")
    code, _, message = fault.error or scripted
    headers = {"x-thriftserver-error-message": f"{code}: {message}"}
    if fault.retry_after_seconds is not None:
        headers["Retry-After"] = str(fault.retry_after_seconds)
    body = {"error_code": code, "message": message}
    if fault.error and fault.on == "token":
        # RFC 6749, section 5.2.
        body = {"error": code, "error_description": message}
    return json_response(body, status, headers)
