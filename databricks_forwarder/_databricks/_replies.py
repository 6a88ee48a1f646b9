"""
What a reply that refuses says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import Response

__all__ = ["reason", "seconds_asked_for"]


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
