"""
The proxy that requests go through: the one that is set, or none.
"""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    from databricks_forwarder.settings import Endpoint

__all__ = ["proxies_of", "require_same_proxy"]


def proxies_of(endpoint: Endpoint) -> dict[str, str]:
    """
    The proxies of *endpoint*, as requests takes them.
    """
    return {} if endpoint.proxy is None else {"https": endpoint.proxy}


def require_same_proxy(endpoint: Endpoint) -> None:
    """
    See that the SQL driver will go the way that *endpoint* says.

    The driver takes its proxy from the environment and can't be told another:
    observed with databricks-sql-connector 4.9.0. The environment is the host's,
    so where the two differ the host is asked to make them agree.

    Raises:
        ConfigurationError: They differ.
    """
    # No address in this frame: it may hold a password.
    is_same, is_any = _compared(endpoint)
    if is_same:
        return
    if endpoint.proxy is None:
        msg = (
            f"the environment names a proxy for {endpoint.host}, which the SQL driver "
            "would go through; give the same one to Endpoint(proxy=...), or add the "
            "host to NO_PROXY"
        )
    else:
        msg = (
            "the SQL driver takes its proxy from the environment alone, and that names "
            f"{'another' if is_any else 'none'} for {endpoint.host}; set HTTPS_PROXY "
            "to the proxy of the Endpoint before the forwarder is made"
        )
    raise ConfigurationError(msg)


def _compared(endpoint: Endpoint) -> tuple[bool, bool]:
    """
    Whether the environment's proxy is the endpoint's, and whether it has one.
    """
    found = urllib.request.getproxies().get("https")
    if found and urllib.request.proxy_bypass(endpoint.host):
        found = None
    same = (found or "").rstrip("/") == (endpoint.proxy or "").rstrip("/")
    return same, bool(found)
