"""
The SQL of a load: its files copied into a table, and its rows counted.

Source: Databricks, "COPY INTO", read 2026-11-23.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder._databricks.statements import literal, remark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder._databricks.statements import Name

__all__ = ["MAX_COPY_FILES", "CopyInto", "CountLoad", "CountRows"]

MAX_COPY_FILES = 1000
"""Most files that one COPY INTO may name."""


@attrs.frozen
class CopyInto:
    """
    Load files into a table; files that it was loaded with before are passed over.

    Attributes:
        folder: Path of their folder in a volume.
        files: Their names in it; at most `MAX_COPY_FILES`.
    """

    table: Name
    load_id: str
    folder: str
    files: Sequence[str]

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            f"{remark(self.load_id)}\nCOPY INTO {self.table}\n"
            f"FROM {literal(self.folder)}\nFILEFORMAT = PARQUET\n"
            f"FILES = ({', '.join(map(literal, self.files))})"
        )


@attrs.frozen
class CountLoad:
    """
    Count the rows of a load in a table: one row, one number.
    """

    table: Name
    load_id: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            f"{remark(self.load_id)}\nSELECT count(*) AS row_count FROM {self.table} "
            f"WHERE `_load_id` = {literal(self.load_id)}"
        )


@attrs.frozen
class CountRows:
    """
    Count a batcher's rows in a table: load id, rows, rows of a place of their own.

    Source: Databricks, "count aggregate function", "startswith function", read
    2026-11-25.

    Attributes:
        batcher_id: Its loads' ids begin with it and a hyphen.
    """

    table: Name
    batcher_id: str

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT `_load_id`, count(*) AS row_count,\n"
            "  count(DISTINCT `_offset`, `_position`) AS place_count\n"
            f"FROM {self.table}\n"
            f"WHERE startswith(`_load_id`, {literal(f'{self.batcher_id}-')})\n"
            "GROUP BY `_load_id`"
        )
