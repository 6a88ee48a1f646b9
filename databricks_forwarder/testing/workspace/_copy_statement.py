"""
The text of COPY INTO, read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from databricks_forwarder.testing.workspace._clustering import read_property
from databricks_forwarder.testing.workspace._names import full_name
from databricks_forwarder.testing.workspace._parts import unsupported
from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from databricks_forwarder.testing.workspace._reader import Reader
    from databricks_forwarder.testing.workspace._results import Session


__all__ = ["CopyInto", "read_copy_into"]

_MOST_FILES = 1000
_KNOWN_FORMAT_OPTIONS = {"mergeschema"}
_KNOWN_COPY_OPTIONS = {"mergeschema", "force"}


@attrs.frozen(kw_only=True)
class CopyInto:
    """
    The statement, read.

    Attributes:
        files: Names under the source; None for all that *pattern* matches.
        is_mixed: Whether the files may have different columns.
    """

    table: str
    source: str
    files: Sequence[str] | None
    pattern: str | None
    is_mixed: bool
    evolve: bool
    force: bool


def read_copy_into(reader: Reader, session: Session) -> CopyInto:
    """
    Read what follows COPY INTO, its clauses in their order.
    """
    table = full_name(reader.name(), "TABLE", session)
    for mark in ("BY", "("):
        if reader.sees(mark):
            raise unsupported("COPY INTO with a list of columns")
    reader.expect("FROM")
    if reader.sees("("):
        raise unsupported("COPY INTO from a SELECT")
    source = reader.string()
    if reader.sees("WITH"):
        raise unsupported("COPY INTO with credentials")
    reader.expect("FILEFORMAT", "=")
    format_ = reader.word()
    if format_ != "PARQUET":
        raise unsupported("COPY INTO with files of format", format_)
    if reader.sees("VALIDATE"):
        raise unsupported("COPY INTO with VALIDATE")
    files = pattern = None
    if reader.accept("FILES", "="):
        files = reader.listed(reader.string)
    elif reader.accept("PATTERN", "="):
        pattern = reader.string()
    format_options = _read_options(reader, "FORMAT_OPTIONS", _KNOWN_FORMAT_OPTIONS)
    options = _read_options(reader, "COPY_OPTIONS", _KNOWN_COPY_OPTIONS)
    reader.end()
    if files is not None and len(files) > _MOST_FILES:
        # The number is documented, the class of the refusal is not.
        raise RefusedError(
            "COPY_INTO_SYNTAX_ERROR",
            "Failed to parse the COPY INTO command. The number of files specified in "
            f"FILES must not be more than {_MOST_FILES}, but was {len(files)}.",
            sqlstate="42601",
        )
    return CopyInto(
        table=table,
        source=source.removeprefix("dbfs:"),
        files=files,
        pattern=pattern,
        is_mixed=format_options.get("mergeschema", False),
        evolve=options.get("mergeschema", False),
        force=options.get("force", False),
    )


def _read_options(reader: Reader, clause: str, known: set[str]) -> dict[str, bool]:
    options: dict[str, bool] = {}
    if reader.accept(clause):
        for name, value in reader.listed(lambda: read_property(reader)):
            if name.lower() not in known:
                raise unsupported(clause, name)
            if value.lower() not in {"true", "false"}:
                raise RefusedError(
                    "COPY_INTO_SYNTAX_ERROR",
                    "Failed to parse the COPY INTO command. The value of the option "
                    f"{name} must be true or false, but was {value!r}.",
                    sqlstate="42601",
                )
            options[name.lower()] = value.lower() == "true"
    return options
