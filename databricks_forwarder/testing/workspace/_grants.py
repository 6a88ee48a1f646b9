"""
Who may do what.

A privilege on a catalog or schema holds for all that is in it. An owner may do
everything with what is owned, and drop and grant what is in it, but holds no
privilege on that by itself. ALL PRIVILEGES are all but MANAGE.

Source: Databricks, "Manage privileges in Unity Catalog" and "Unity Catalog
privileges and securable objects", read 2026-11-23.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from databricks_forwarder.testing.workspace._catalog import Catalog, Grant
from databricks_forwarder.testing.workspace._names import parent, shown
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from databricks_forwarder.testing.workspace._catalog import Securable
    from databricks_forwarder.testing.workspace._names import Kind

__all__ = ["ADMIN", "Grants", "lacking", "missing", "not_the_owner"]

ADMIN = "admin"
"""The principal that may everything."""

_ABOVE: dict[Kind, tuple[Kind, ...]] = {
    "CATALOG": (),
    "SCHEMA": ("CATALOG",),
    "TABLE": ("SCHEMA", "CATALOG"),
    "VOLUME": ("SCHEMA", "CATALOG"),
    "WAREHOUSE": (),
}

_ALL = "ALL PRIVILEGES"
_OF_TABLES = {"SELECT", "MODIFY", "APPLY TAG", "MANAGE", _ALL}
_OF_VOLUMES = {"READ VOLUME", "WRITE VOLUME", "APPLY TAG", "MANAGE", _ALL}
_OF_SCHEMAS = {
    *_OF_TABLES,
    *_OF_VOLUMES,
    "USE SCHEMA",
    "CREATE TABLE",
    "CREATE VOLUME",
    "CREATE FUNCTION",
    "EXECUTE",
}
_PRIVILEGES: dict[Kind, set[str]] = {
    "CATALOG": {*_OF_SCHEMAS, "USE CATALOG", "CREATE SCHEMA", "BROWSE"},
    "SCHEMA": _OF_SCHEMAS,
    "TABLE": _OF_TABLES,
    "VOLUME": _OF_VOLUMES,
    "WAREHOUSE": {"CAN USE", "CAN MANAGE"},
}


class Grants:
    """
    The privileges in a catalog; what is refused says who lacks what on what.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def grant(self, privilege: str, kind: Kind, name: str, principal: str) -> None:
        """
        Give *principal* a privilege.

        Raises:
            RefusedError: There is no such securable, or the privilege is none
                for its kind.
        """
        self._catalog.give(self._grant(privilege, kind, name, principal))

    def revoke(self, privilege: str, kind: Kind, name: str, principal: str) -> None:
        """
        Take a privilege away; one that comes from above, or by owning, stays.

        Raises:
            RefusedError: As for `grant`.
        """
        self._catalog.take(self._grant(privilege, kind, name, principal))

    def require(self, privilege: str, kind: Kind, name: str, principal: str) -> None:
        """
        See that *principal* holds a privilege.

        Raises:
            RefusedError: Not so, or there is no such securable.
        """
        self._refuse_missing(kind, name)
        if not self.holds(privilege, kind, name, principal):
            raise lacking(privilege, kind, name)

    def require_owner(self, kind: Kind, name: str, principal: str) -> None:
        """
        See that *principal* owns a securable or what it is in, or manages it.

        Raises:
            RefusedError: Not so, or there is no such securable.
        """
        self._refuse_missing(kind, name)
        if not any(
            self._owns(*each, principal) for each in _chain(kind, name)
        ) and not self.holds("MANAGE", kind, name, principal):
            raise not_the_owner(kind, name)

    def enter(self, schema: str, principal: str) -> None:
        """
        See that *principal* may use a schema and its catalog.

        Raises:
            RefusedError: Not so, or one of them is not there.
        """
        self.require("USE CATALOG", "CATALOG", parent(schema), principal)
        self.require("USE SCHEMA", "SCHEMA", schema, principal)

    def holds(self, privilege: str, kind: Kind, name: str, principal: str) -> bool:
        """
        Whether *principal* has a privilege: owned, given here, or from above.
        """
        wanted = {privilege} if privilege == "MANAGE" else {privilege, _ALL}
        return self._owns(kind, name, principal) or any(
            grant.principal == principal and grant.privilege in wanted
            for each in _chain(kind, name)
            for grant in self._catalog.grants_on(*each)
        )

    def sees(self, securable: Securable, principal: str) -> bool:
        """
        Whether *principal* has any privilege on a table or volume at all.
        """
        kind, name = securable.kind, securable.name
        return self._owns(kind, name, principal) or any(
            grant.principal == principal and grant.privilege in _PRIVILEGES[kind]
            for each in _chain(kind, name)
            for grant in self._catalog.grants_on(*each)
        )

    def enter_for(self, kind: Kind, name: str, principal: str) -> None:
        """
        See that *principal* may use what a securable is in.

        Raises:
            RefusedError: Not so, or something on the way is not there.
        """
        if kind in {"TABLE", "VOLUME"}:
            self.enter(parent(name), principal)
        elif kind == "SCHEMA":
            self.require("USE CATALOG", "CATALOG", parent(name), principal)

    def found(self, kind: Kind, name: str) -> Securable:
        """
        The securable of this name.

        Raises:
            RefusedError: There is none.
        """
        found = self._catalog.find(kind, name)
        if found is None:
            raise missing(kind, name)
        return found

    def _grant(self, privilege: str, kind: Kind, name: str, principal: str) -> Grant:
        name, privilege = name.lower(), privilege.upper()
        if kind not in _PRIVILEGES:
            raise RefusedError(
                "INVALID_PARAMETER_VALUE",
                f"{kind!r} is none of {', '.join(_PRIVILEGES)}.",
                sqlstate="22023",
            )
        self._refuse_missing(kind, name)
        if privilege not in _PRIVILEGES[kind]:
            raise RefusedError(
                "INVALID_PARAMETER_VALUE",
                f"Privilege {privilege} is not applicable to this entity "
                f"[{name}:{kind}].",
                sqlstate="22023",
            )
        return Grant(kind, name, principal, privilege)

    def _refuse_missing(self, kind: Kind, name: str) -> None:
        # Warehouses are not listed.
        if kind != "WAREHOUSE":
            self.found(kind, name)

    def _owns(self, kind: Kind, name: str, principal: str) -> bool:
        if principal == ADMIN:
            return True
        found = self._catalog.find(kind, name)
        return found is not None and found.owner == principal


def missing(kind: Kind, name: str) -> RefusedError:
    """
    What is said when a securable is not there.

    Sources: Databricks, "Error conditions", read 2026-11-23, for those of
    catalogs, schemas and tables; that of a volume is not documented.
    """
    spelling = "Verify the spelling and correctness of the schema and catalog."
    refusals: dict[Kind, tuple[str, str, str]] = {
        "CATALOG": (
            "NO_SUCH_CATALOG_EXCEPTION",
            f"Catalog '{name}' was not found. Please verify the catalog name.",
            "42704",
        ),
        "SCHEMA": (
            "SCHEMA_NOT_FOUND",
            f"The schema {shown(name)} cannot be found. {spelling}",
            "42704",
        ),
        "TABLE": (
            "TABLE_OR_VIEW_NOT_FOUND",
            f"The table or view {shown(name)} cannot be found. {spelling}",
            "42P01",
        ),
        "VOLUME": (
            "VOLUME_DOES_NOT_EXIST",
            f"Volume '{name}' does not exist.",
            "42704",
        ),
    }
    error_class, message, sqlstate = refusals[kind]
    return RefusedError(error_class, message, sqlstate=sqlstate, status=404)


def lacking(privilege: str, kind: str, name: str) -> RefusedError:
    """
    What is said to who has not a privilege.
    """
    what = f"User does not have {privilege} on {kind.capitalize()} '{name}'."
    return _insufficient(what)


def not_the_owner(kind: Kind, name: str) -> RefusedError:
    """
    What is said to who would have to own something.
    """
    return _insufficient(f"User is not an owner of {kind.capitalize()} '{name}'.")


def _insufficient(what: str) -> RefusedError:
    return RefusedError(
        "INSUFFICIENT_PERMISSIONS",
        f"Insufficient privileges: {what}",
        sqlstate="42501",
        status=403,
    )


def _chain(kind: Kind, name: str) -> Iterator[tuple[Kind, str]]:
    yield kind, name
    for above in _ABOVE[kind]:
        name = parent(name)
        yield above, name
