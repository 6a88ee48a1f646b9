"""
Statements, cut into tokens by the platform's rules.

Sources: Databricks, "Identifiers", "STRING type" (escapes, raw strings,
adjacent strings) and "Comments", read 2026-11-23.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Literal, NamedTuple

from databricks_forwarder.testing.workspace._refusals import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Token", "syntax_error", "tokens"]


class Token(NamedTuple):
    """
    One token; a tuple, since a statement may have thousands.

    Attributes:
        text: A quoted name or a string as it is meant, unquoted.
        at: Where it begins in the statement.
        raw: As it is written.
    """

    kind: Literal["word", "name", "string", "mark", "end"]
    text: str
    at: int
    raw: str


_TOKEN = re.compile(
    r"(?P<string>[rR]'[^']*'|[rR]\"[^\"]*\"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<name>`(?:[^`]|``)+`)"
    r"|(?P<word>[A-Za-z0-9_]+)"
    r"|(?P<mark>[^\s'\"`])",
    re.DOTALL,
)
_GAP = re.compile(r"(?:\s|--[^\n]*)+")
_BRACKETS = re.compile(r"/\*|\*/")


def tokens(sql: str) -> Iterator[Token]:
    """
    Cut *sql* into tokens; the last one is its end.

    Raises:
        RefusedError: A comment, a string or a name has no end.
    """
    at = _after_gap(sql, 0)
    while at < len(sql):
        found = _TOKEN.match(sql, at)
        if found is None:
            raise syntax_error(sql, at, sql[at])
        yield _token(found)
        at = _after_gap(sql, found.end())
    yield Token("end", "", len(sql), "")


def syntax_error(sql: str, at: int, near: str) -> RefusedError:
    """
    What is said of a statement that is none.

    Source: Databricks, "Error conditions", read 2026-11-23.
    """
    place = f"'{near}'" if near else "end of input"
    line = sql.count("\n", 0, at) + 1
    column = at - (sql.rfind("\n", 0, at) + 1)
    return RefusedError(
        "PARSE_SYNTAX_ERROR",
        f"Syntax error at or near {place}. (line {line}, pos {column})",
        sqlstate="42601",
    )


def _token(found: re.Match[str]) -> Token:
    raw, at = found.group(), found.start()
    if found.lastgroup == "string":
        return Token("string", _meant(raw), at, raw)
    if found.lastgroup == "name":
        return Token("name", raw[1:-1].replace("``", "`"), at, raw)
    if found.lastgroup == "word":
        return Token("word", raw, at, raw)
    return Token("mark", raw, at, raw)


def _after_gap(sql: str, at: int) -> int:
    while True:
        found = _GAP.match(sql, at)
        if found is not None:
            at = found.end()
        elif sql.startswith("/*", at):
            at = _after_comment(sql, at)
        else:
            return at


def _after_comment(sql: str, at: int) -> int:
    # Bracketed comments nest.
    depth = 0
    for found in _BRACKETS.finditer(sql, at):
        depth += 1 if found.group() == "/*" else -1
        if depth == 0:
            return found.end()
    raise RefusedError(
        "UNCLOSED_BRACKETED_COMMENT",
        "Found an unclosed bracketed comment. Please, append */ at the end of the "
        "comment.",
        sqlstate="42601",
    )


_ESCAPE = re.compile(
    r"\\(?:u(?P<u>[0-9A-Fa-f]{4})|U(?P<U>[0-9A-Fa-f]{8})|(?P<octal>[01][0-7]{2})"
    r"|(?P<other>.))",
    re.DOTALL,
)
_OTHERS = {
    "0": "\0",
    "b": "\b",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "Z": "\x1a",
    "%": "\\%",
    "_": "\\_",
}


def _meant(raw: str) -> str:
    if raw[0] in "rR":
        return raw[2:-1]
    text = _ESCAPE.sub(_unescaped, raw[1:-1])
    # Two escapes may be the halves of one character.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescaped(found: re.Match[str]) -> str:
    if found["other"]:
        return _OTHERS.get(found["other"], found["other"])
    if found["octal"]:
        return chr(int(found["octal"], 8))
    number = int(found["u"] or found["U"], 16)
    return chr(number) if number <= sys.maxunicode else "\ufffd"
