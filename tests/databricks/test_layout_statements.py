"""
The SQL of maintenance, word by word.
"""

from __future__ import annotations

import pytest

from databricks_forwarder._databricks.layout_statements import (
    ClusterBy,
    DescribeDetail,
    DescribeTable,
    Marked,
    Optimize,
    SetProperties,
    Vacuum,
)
from databricks_forwarder._databricks.statements import Name, Statement

TABLE = Name("main", "shop", "o`x'")
NAMED = "`main`.`shop`.`o``x'`"


@pytest.mark.parametrize(
    ("statement", "sql"),
    [
        (DescribeDetail(TABLE), f"DESCRIBE DETAIL {NAMED}"),
        (DescribeTable(TABLE), f"DESCRIBE TABLE EXTENDED {NAMED}"),
        (Optimize(TABLE), f"OPTIMIZE {NAMED}"),
        (Vacuum(TABLE), f"VACUUM {NAMED}"),
        (ClusterBy(TABLE, ["a", "b`"]), f"ALTER TABLE {NAMED} CLUSTER BY (`a`, `b```)"),
        (
            SetProperties(TABLE, {"a": "b'", "c": "d"}),
            f"ALTER TABLE {NAMED} SET TBLPROPERTIES ('a' = 'b\\'', 'c' = 'd')",
        ),
        (
            Marked(Vacuum(TABLE), "maintenance 1f"),
            f"/* databricks-forwarder maintenance 1f */\nVACUUM {NAMED}",
        ),
    ],
)
def test_names_and_values_are_quoted(statement: Statement, sql: str) -> None:
    """
    Each statement has exactly this text.
    """
    assert sql == statement.to_sql()
