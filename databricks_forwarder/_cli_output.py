"""
What the command line says: results on standard output, problems on the other.

With ``rich`` and a terminal, tables are drawn and there is a progress bar;
without either, tables are plain text and there is none.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from databricks_forwarder.model import Account, LoadReport

__all__ = ["Output", "account_as_text", "load_as_json", "moment_as_text"]

_TOLD = 20


@attrs.frozen(kw_only=True)
class Output:
    """
    Where a command's results go.

    Attributes:
        is_json: Say all results as one JSON object, and nothing else.
        is_quiet: Say problems only.
    """

    is_json: bool = False
    is_quiet: bool = False

    def tell(self, text: str) -> None:
        """
        Say one line, unless quiet.
        """
        if not self.is_json and not self.is_quiet:
            sys.stdout.write(f"{text}\n")

    def say(self, facts: Sequence[tuple[str, str]]) -> None:
        """
        Say facts: drawn beside what each is about on a terminal, else a line each.
        """
        if self.is_json or self.is_quiet:
            return
        if not sys.stdout.isatty() or not _draw(None, facts, (False, False)):
            for _, fact in facts:
                self.tell(fact)

    def tabulate(
        self,
        headers: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        nothing: str | None = None,
    ) -> None:
        """
        Show rows under headers, numbers to the right; say *nothing* without any.
        """
        if not rows and nothing is not None:
            self.tell(nothing)
        if rows and not self.is_json and not self.is_quiet:
            _tabulate(headers, rows)

    def complete(self, results: dict[str, Any]) -> None:
        """
        Say all results as JSON, if that was asked for.
        """
        if self.is_json:
            sys.stdout.write(json.dumps(results, indent=2, default=str) + "\n")

    def complain(self, *problems: str) -> None:
        """
        Say what is wrong, a line each; of very many only the first.
        """
        for problem in problems[:_TOLD]:
            sys.stderr.write(f"{problem}\n")
        if len(problems) > _TOLD:
            sys.stderr.write(f"and {len(problems) - _TOLD} more\n")

    @contextmanager
    def progress(self, total_bytes: int) -> Iterator[Callable[[int], None]]:
        """
        Show how far reading is, on a terminal only.

        Yields:
            What to call with the bytes read so far.
        """
        bar = None if self.is_quiet or not sys.stderr.isatty() else _progress_bar()
        if bar is None:
            yield lambda _: None
            return
        with bar:
            task = bar.add_task("reading", total=total_bytes or None)
            yield lambda count: bar.update(task, completed=count)


def account_as_text(account: Account) -> str:
    """
    Spell the account as the sum that it is.
    """
    return (
        f"received {account.received} = loaded {account.loaded} + dead {account.dead}"
        f" + dropped {account.dropped} + pending {account.pending}"
    )


def moment_as_text(at: datetime) -> str:
    """
    Spell a moment to the second, with its zone: who reads may live in another.
    """
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def load_as_json(report: LoadReport) -> dict[str, Any]:
    """
    A load's report as plain values.
    """
    return attrs.asdict(report, filter=lambda field, _: field.name != "payload")


def _progress_bar() -> Any:
    try:
        from rich.console import Console  # noqa: PLC0415 (an extra, when asked for)
        from rich.progress import Progress  # noqa: PLC0415 (an extra, when asked for)
    except ImportError:
        return None
    return Progress(console=Console(stderr=True), transient=True)


def _tabulate(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    cells = [[str(cell) for cell in row] for row in rows]
    is_number = [isinstance(cell, int) for cell in rows[0]]
    if not sys.stdout.isatty() or not _draw(headers, cells, is_number):
        widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
        for line in (headers, *cells):
            padded = (
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, is_number, strict=True)
            )
            sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _draw(
    headers: Sequence[str] | None,
    cells: Sequence[Sequence[str]],
    is_number: Sequence[bool],
) -> bool:
    """
    Draw with ``rich``; say whether it is there.
    """
    try:
        from rich.console import Console  # noqa: PLC0415 (an extra, when asked for)
        from rich.table import Table  # noqa: PLC0415 (an extra, when asked for)
        from rich.text import Text  # noqa: PLC0415 (an extra, when asked for)
    except ImportError:
        return False
    table = Table(show_header=headers is not None)
    for header, right in zip(headers or ("", ""), is_number, strict=True):
        table.add_column(header, justify="right" if right else "left", overflow="fold")
    for row in cells:
        # As it is: a table's name in brackets is no markup.
        table.add_row(*map(Text, row))
    Console(file=sys.stdout).print(table)
    return True
