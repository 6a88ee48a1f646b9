"""
What a person has to do when a privilege, a schema or a catalog is missing.

Source: Databricks, "Unity Catalog privileges reference", read 2026-11-23.
"""

from __future__ import annotations

import re

from databricks_forwarder._databricks.statements import identifier

__all__ = ["create_advice", "grant_advice", "tells_of_a_privilege"]

_LACKING = re.compile(
    r"does not have (?:the )?(?P<privileges>[A-Z][A-Z ,]*[A-Z](?: and [A-Z ]+)*)"
    r"(?: privileges?)? on (?P<kind>Catalog|Schema|Table|View|Volume) "
    r"[`'\"](?P<name>[^'\"]+?)[`'\"](?!\w)",
    re.IGNORECASE,
)


def tells_of_a_privilege(said: str) -> bool:
    """
    Whether *said* names a privilege that is missing.
    """
    return _LACKING.search(said) is not None


def grant_advice(said: str, client_id: str) -> str:
    """
    What to run, or to ask for, when *said* tells of a missing privilege.
    """
    lacking = _LACKING.search(said)
    if lacking is None:
        warehouse = re.search(r"SQL warehouse \S+", said)
        if warehouse is not None:
            return (
                f"give service principal {client_id} CAN USE on {warehouse[0]}, in the "
                "warehouse's permissions"
            )
        return f"give service principal {client_id} the privilege that is named"
    privileges = ", ".join(
        part.strip().upper()
        for part in re.split(r",|\band\b", lacking["privileges"], flags=re.IGNORECASE)
        if part.strip()
    )
    name = ".".join(
        identifier(part) for part in lacking["name"].replace("`", "").split(".")
    )
    kind = lacking["kind"].upper()
    return f"run: GRANT {privileges} ON {kind} {name} TO {identifier(client_id)}"


_MISSING = re.compile(
    r"\b(?P<kind>catalog|schema) (?P<name>'[^']+'|`[^`]+`(?:\.`[^`]+`)?)", re.IGNORECASE
)


def create_advice(said: str) -> str:
    """
    What to run, or to correct, when *said* tells of a missing place for tables.
    """
    missing = _MISSING.search(said)
    if missing is None:
        return "create it, or correct catalog_name and schema_name"
    kind = missing["kind"].lower()
    name = ".".join(map(identifier, re.sub("['`]", "", missing["name"]).split(".")))
    return f"correct {kind}_name, or run: CREATE {kind.upper()} IF NOT EXISTS {name}"
