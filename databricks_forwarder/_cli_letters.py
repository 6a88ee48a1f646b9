"""
The commands about dead letters: ``dead-letters`` and ``replay``.
"""

from __future__ import annotations

import base64
import json
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, BinaryIO

from databricks_forwarder._cli_output import counted, moment_as_text
from databricks_forwarder._cli_spool import open_spool
from databricks_forwarder._letters import DeadLetterFilter
from databricks_forwarder._letters import replay as replayed
from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import LoadId, Offset

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from databricks_forwarder._cli_output import Output
    from databricks_forwarder.model import DeadLetter

__all__ = ["dead_letters", "replay"]


def dead_letters(arguments: argparse.Namespace, output: Output) -> int:
    """
    List the dead letters without their payloads; or write these to a file.
    """
    where = _where(arguments, is_damaged=True if arguments.damaged else None)
    with open_spool(arguments) as spool:
        letters = (
            letter
            for letter in where.of(spool.dead_letters())
            if not arguments.offsets or letter.offset in arguments.offsets
        )
        if arguments.export is not None:
            return _export(letters, arguments, output)
        return _list(letters, output)


def replay(arguments: argparse.Namespace, output: Output) -> int:
    """
    Put dead letters back in the queue.
    """
    offsets = [Offset(offset) for offset in arguments.offsets] or None
    with open_spool(arguments) as spool:
        result = replayed(spool, offsets, _where(arguments))
    count = result.replayed
    put = counted(count, "payload is", "payloads are")
    output.tell(f"{put} back in the queue; forward carries what waits")
    if result.damaged:
        stay = counted(
            len(result.damaged), "damaged payload stays", "damaged payloads stay"
        )
        output.tell(f"{stay} dead; dead-letters --damaged lists them")
    output.complete({"replayed": count, "damaged": result.damaged})
    return 0


def _where(
    arguments: argparse.Namespace, *, is_damaged: bool | None = None
) -> DeadLetterFilter:
    return DeadLetterFilter(
        load_id=None if arguments.load is None else LoadId(arguments.load),
        reason=arguments.reason,
        since=_moment(arguments.since, "--since"),
        until=_moment(arguments.until, "--until"),
        is_damaged=is_damaged,
    )


def _moment(text: str | None, option: str) -> datetime | None:
    """
    Read a moment; without a zone it is meant in UTC.
    """
    if text is None:
        return None
    try:
        # Python 3.10 does not know the Z of UTC.
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        msg = f"{option} must be like 2026-01-31T18:00:00, not {text!r}"
        raise ConfigurationError(msg) from error
    return at if at.tzinfo else at.replace(tzinfo=timezone.utc)


_HEADERS = ("offset", "received at", "load", "bytes", "state", "reason")


def _list(letters: Iterable[DeadLetter], output: Output) -> int:
    rows = [
        (
            letter.offset,
            moment_as_text(letter.received_at),
            letter.load_id,
            len(letter.payload or b""),
            "damaged" if letter.is_damaged else "whole",
            letter.reason,
        )
        for letter in letters
    ]
    output.tabulate(_HEADERS, rows, nothing="no such dead letter")
    output.complete(
        {"dead_letters": [dict(zip(_HEADERS, row, strict=True)) for row in rows]}
    )
    return 0


def _export(
    letters: Iterable[DeadLetter], arguments: argparse.Namespace, output: Output
) -> int:
    """
    Write the payloads for the owner's eyes alone: whole ones, or damaged ones.
    """
    path = arguments.export
    line_of = _damaged_line if arguments.damaged else _line
    exported = left_out = 0
    with _new_file(path) as file:
        for letter in letters:
            if letter.is_damaged == arguments.damaged:
                file.write(line_of(letter) + b"\n")
                exported += 1
            else:
                left_out += 1
    output.tell(f"{counted(exported, 'payload')} written to {path}")
    if left_out:
        output.tell(f"{left_out} damaged ones were left out; --damaged writes those")
    output.complete({"exported": exported, "left_out": left_out})
    return 0


def _new_file(path: str) -> BinaryIO:
    if path == "-":
        msg = (
            "payloads are personal data, and standard output ends up in logs and "
            "terminals; name a new file"
        )
        raise ConfigurationError(msg)
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        msg = f"{path} can't be written: {error.strerror}; name a new file"
        raise ConfigurationError(msg) from error
    return os.fdopen(number, "wb")


def _line(letter: DeadLetter) -> bytes:
    # Between the members of a document a line break is a space; inside a text
    # there is none.
    return (letter.payload or b"").replace(b"\r", b" ").replace(b"\n", b" ")


def _damaged_line(letter: DeadLetter) -> bytes:
    """
    Spell bytes that are no JSON any more, so that not one of them is changed.
    """
    said = {
        "offset": letter.offset,
        "received_at": letter.received_at.isoformat(),
        "load_id": letter.load_id,
        "reason": letter.reason,
        "base64": base64.b64encode(letter.payload or b"").decode(),
    }
    return json.dumps(said).encode()
