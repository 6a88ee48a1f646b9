"""
Forward the shipped samples into a Databricks workspace, and read it back with SQL.

The workspace is one on loopback, so that this needs no account, but the extra
`testing`; with one of your own take `DatabricksSettings.from_env()`, and no endpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

import attrs

from databricks_forwarder import Forwarder
from databricks_forwarder.testing.payloads import sample_batches, sample_paths
from databricks_forwarder.testing.workspace import Workspace

TABLES = "SELECT table_name FROM main.information_schema.tables ORDER BY table_name"
BEST_SELLERS = """
    SELECT product.name AS tea, CAST(sum(product.quantity) AS INT) AS sold,
        CAST(sum(product.price * product.quantity) AS DECIMAL(18, 2)) AS euros
    FROM (SELECT explode(data.product_action.products) AS product FROM ecomm_purchase)
    GROUP BY product.name ORDER BY euros DESC
"""


def main(spool: Path, workspace: Workspace) -> int:
    settings = attrs.evolve(workspace.settings, events_threshold=100)
    with Forwarder.for_databricks(
        settings, spool=spool, endpoint=workspace.endpoint
    ) as forwarder:
        for path in sample_paths():
            receipt = forwarder.submit_many(sample_batches(path))
            print(f"{path.name}: {receipt.record_count} batches are safe")
        forwarder.flush()
        account = forwarder.status().account

    connection = workspace.connect(schema=settings.schema_name)
    with connection, connection.cursor() as cursor:
        print("\n  rows table")
        for (name,) in cursor.execute(TABLES).fetchall():
            ((count,),) = cursor.execute(f"SELECT count(*) FROM `{name}`").fetchall()
            print(f"{count:6} {name}")
        print("\nbest sellers, from data.product_action.products:")
        for row in cursor.execute(BEST_SELLERS).fetchall():
            print(*row)

    print(account)
    return 0 if account.is_balanced and account.loaded == account.received else 1


if __name__ == "__main__":
    with Workspace() as workspace:
        sys.exit(main(Path(sys.argv[1] if sys.argv[1:] else "spool.db"), workspace))
