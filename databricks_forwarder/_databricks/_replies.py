"""
What a reply says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from databricks_forwarder.errors import TransientError

if TYPE_CHECKING:
    from requests import Response

__all__ = ["reason", "seconds_asked_for", "told"]


def told(response: Response, doing: str) -> dict[str, Any]:
    """
    The members of the JSON object in a reply that is good.

    Args:
        response: The reply.
        doing: What was being done and to what, to start a sentence with.

    Raises:
        TransientError: It has none: something on the way answers instead, such
            as a proxy that wants somebody to sign in.
    """
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        msg = (
            f"{doing} failed: the answer (HTTP {response.status_code}) is not the "
            "workspace's; see what stands in between; it will be tried again"
        )
        raise TransientError(msg)
    return body


def reason(response: Response, *keys: str) -> str:
    """
    The sentence in the JSON of a reply, from some of its members.

    ``""`` when it is no such JSON: what else answers is not quoted.
    """
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    return ": ".join(str(body[key]) for key in keys if key in body)


def seconds_asked_for(response: Response) -> float:
    """
    The seconds of a ``Retry-After``, at most half a minute.

    0 when there is none, and for a date: the platform sends seconds.

    Source: databricks-sdk 0.156.0, ``errors/customizer.py``.
    """
    given = response.headers.get("Retry-After", "").strip()
    return min(30.0, float(given)) if given.isascii() and given.isdigit() else 0.0
