"""
Sources of batches, read one after another.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from databricks_forwarder._cli_sources import (
    STANDARD_INPUT,
    Found,
    SourceError,
    open_source,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from databricks_forwarder._cli_output import Output

__all__ = ["found_in"]


def found_in(
    names: Sequence[str], problems: list[str], output: Output
) -> Generator[Found, None, None]:
    """
    Read source after source; one that can't be read on ends, and is a problem.
    """
    with output.progress(sum(map(_size_bytes, names))) as show:
        done = 0
        for name in names:
            is_empty = True
            try:
                with open_source(name) as source:
                    for found in source.batches():
                        is_empty = False
                        yield found
                        show(done + source.bytes_read())
            except SourceError as error:
                problems.append(str(error))
            else:
                if is_empty:
                    output.complain(f"{name} holds no batch")
            done += _size_bytes(name)


def _size_bytes(name: str) -> int:
    return 0 if name == STANDARD_INPUT else Path(name).stat().st_size
