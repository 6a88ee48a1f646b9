"""
The SQL that looks through all counts at once; see `count_statements`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from datetime import date

    from databricks_forwarder._databricks.statements import Name

__all__ = ["SelectKept"]


@attrs.frozen
class SelectKept:
    """
    Ask how often each kind was forwarded: kind, day, messages.

    Attributes:
        since: The first day.
    """

    table: Name
    since: date

    def to_sql(self) -> str:
        """
        Its text.
        """
        return (
            "SELECT kind, day, sum(messages) AS messages\n"
            f"FROM {self.table}\n"
            "WHERE load_id = '' AND kind <> '' "
            f"AND day >= DATE'{self.since.isoformat()}'\n"
            "GROUP BY kind, day"
        )
