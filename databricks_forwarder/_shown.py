"""
How values are shown: a line of text, and a table in a notebook.

Told are names, figures and moments, and never what a payload says.
"""

from __future__ import annotations

from datetime import timezone
from typing import TYPE_CHECKING, SupportsIndex, overload

import attrs

from databricks_forwarder._markup import Html, facts, named, table
from databricks_forwarder.model import LoadReport

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from databricks_forwarder.model import Account

__all__ = ["Loads", "account_table", "listed", "moment_text"]

# In a repr; a notebook shows all.
_SHOWN = 10


class Loads(tuple[LoadReport, ...]):
    """
    The reports of some loads: a sequence that shows itself as a table.
    """

    __slots__ = ()

    @overload
    def __getitem__(self, at: SupportsIndex, /) -> LoadReport: ...

    @overload
    def __getitem__(self, at: slice, /) -> Loads: ...

    def __getitem__(self, at: SupportsIndex | slice, /) -> LoadReport | Loads:
        found = super().__getitem__(at)
        return Loads(found) if isinstance(at, slice) else found  # type: ignore[arg-type,return-value]

    def __repr__(self) -> str:
        lines = [_line(load) for load in self[:_SHOWN]]
        left = len(self) - _SHOWN
        more = [f"and {left} more"] if left > 0 else []
        return "\n".join([f"<Loads: {len(self)}>", *lines, *more])

    def _repr_html_(self) -> str:
        headers = (
            *("Load", "Settled", "Received", "Loaded", "Dead", "Dropped"),
            *("Pending", "Tables", "Rescued", "End to end", "State"),
        )
        rows = [
            (
                named(load.load_id),
                moment_text(load.settled_at),
                *attrs.astuple(load.account),
                len(load.tables),
                load.rescued_row_count,
                "" if load.end_to_end is None else str(load.end_to_end),
                _state(load),
            )
            for load in self
        ]
        return facts("Loads", table(headers, rows, numbers=range(2, 9)))


def account_table(account: Account) -> Html:
    """
    The account as a table of one row.
    """
    values = attrs.asdict(account)
    return table([*values], [[*values.values()]], numbers=range(len(values)))


def listed(rows: Iterable[tuple[str, object]]) -> Html:
    """
    Names with what they are; what is None, or nothing, is left out.
    """
    return table(("", ""), [row for row in rows if row[1] not in (None, "", ())])


def moment_text(at: datetime) -> str:
    """
    Spell a moment to the second.
    """
    return f"{at.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


def _line(load: LoadReport) -> str:
    account = load.account
    return (
        f"{load.load_id}  {moment_text(load.settled_at)}  {account.received} = "
        f"{account.loaded} loaded + {account.dead} dead + {account.dropped} dropped + "
        f"{account.pending} pending  {_state(load)}"
    )


def _state(load: LoadReport) -> str:
    return "parked" if load.is_parked else "committed"
