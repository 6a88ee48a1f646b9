"""
The command that deletes a person: ``erase``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder._cli_spool import require_spool, spool_of
from databricks_forwarder._cli_workspace import open_forwarder
from databricks_forwarder.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from databricks_forwarder._cli_output import Output
    from databricks_forwarder.erasure import Erasure

__all__ = ["erase"]


def erase(arguments: argparse.Namespace, output: Output) -> int:
    """
    Erase who is named in a file, and say what was where.

    Ids are no arguments: other users of a machine see those.
    """
    person = _person(arguments.person)
    spool = spool_of(arguments)
    require_spool(spool)
    with open_forwarder(arguments, spool) as forwarder:
        receipt = forwarder.erase(
            **person,
            request_id=arguments.request_id,
            late="load" if arguments.load_late_events else "drop",
        )
    for line in _lines(receipt):
        output.tell(line)
    output.complete(attrs.asdict(receipt))
    return 0


def _person(name: str) -> dict[str, Any]:
    """
    Read who is meant; nothing of it is ever quoted.

    Raises:
        ConfigurationError: It is no JSON object of the two members.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
        person: dict[str, Any] = json.loads(text)
    except OSError as error:
        msg = f"{name} can't be read: {error.strerror}"
        raise ConfigurationError(msg) from error
    except (ValueError, RecursionError):
        # Its own text, and the error that has it, stay out of the message.
        person = {"": None}
    if not _is_person(person):
        msg = (
            f"{name} must be a JSON object with mpids, a list, and identities, an "
            "object of type and identity, or a list of identities; one is enough"
        )
        raise ConfigurationError(msg)
    return person


def _is_person(said: Any) -> bool:
    return (
        isinstance(said, dict)
        and said.keys() <= {"mpids", "identities"}
        and isinstance(said.get("mpids", []), list)
        and _are_identities(said.get("identities", {}))
    )


def _are_identities(said: Any) -> bool:
    return isinstance(said, dict) and all(
        isinstance(each, (str, list)) for each in said.values()
    )


def _lines(receipt: Erasure) -> Iterator[str]:
    spool = receipt.spool
    yield f"request {receipt.request_id}"
    yield (
        f"erased from the spool: {spool.waiting} payloads that waited, "
        f"{spool.in_loads} in loads, {spool.dead} dead letters"
    )
    for table in receipt.tables:
        done = ", ".join(table.statements)
        yield f"erased from {table.table}: {table.row_count} rows ({done or 'before'})"
    if spool.opened_load_ids:
        yield "forward carries what is left of load " + ", ".join(spool.opened_load_ids)
    if spool.unread:
        yield f"{spool.unread} payloads stay: nobody can read whose they are"
    for name in spool.copies:
        yield f"may hold payloads still, remove it: {name}"
