"""
What a documented set-up leaves: who may begin with what.

It is granted once to each service principal for each schema, and noted in a
file of the root, one JSON list a line; what a test takes away stays away when
another workspace goes on over the same root.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from databricks_forwarder.settings import DatabricksSettings
    from databricks_forwarder.testing.workspace._grants import Grants

__all__ = ["set_up"]


def set_up(grants: Grants, settings: DatabricksSettings, root: Path) -> None:
    """
    Let the service principal use the schema and the warehouse, if that is new.
    """
    to, catalog = settings.client_id, settings.catalog_name
    schema = f"{catalog}.{settings.schema_name}"
    note = json.dumps([to, schema, settings.warehouse_id])
    done = root / "set-up.txt"
    if done.exists() and note in done.read_text("utf-8").splitlines():
        return
    grants.grant("USE CATALOG", "CATALOG", catalog, to)
    for privilege in ("USE SCHEMA", "CREATE TABLE", "CREATE VOLUME"):
        grants.grant(privilege, "SCHEMA", schema, to)
    grants.grant("CAN USE", "WAREHOUSE", settings.warehouse_id, to)
    with done.open("a", encoding="utf-8") as file:
        file.write(f"{note}\n")
