"""
Forward the shipped samples into a local lake, and read it back with SQL.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
from deltalake import DeltaTable

from databricks_forwarder import Forwarder
from databricks_forwarder.testing.payloads import sample_batches, sample_paths

BEST_SELLERS = """
    SELECT product.name AS tea, sum(product.quantity)::INT AS sold,
        sum(product.price * product.quantity)::DECIMAL(18, 2) AS euros
    FROM (SELECT unnest(data.product_action.products) AS product FROM purchases)
    GROUP BY ALL ORDER BY euros DESC
"""


def main(lake: Path) -> int:
    spool = lake / "_forwarder" / "spool.db"
    with Forwarder.for_lake(lake, spool=spool, events_threshold=100) as forwarder:
        for path in sample_paths():
            receipt = forwarder.submit_many(sample_batches(path))
            print(f"{path.name}: {receipt.record_count} batches are safe")
        forwarder.flush()
        account = forwarder.status().account

    print("\n  rows table")
    for table in sorted(path.parent for path in lake.glob("*/_delta_log")):
        print(f"{DeltaTable(table).to_pyarrow_dataset().count_rows():6} {table.name}")

    print("\nbest sellers, from data.product_action.products:")
    purchases = DeltaTable(lake / "ecomm_purchase").to_pyarrow_dataset()
    print(duckdb.from_arrow(purchases).query("purchases", BEST_SELLERS))

    print(account)
    return 0 if account.is_balanced and account.loaded == account.received else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if sys.argv[1:] else "lake")))
