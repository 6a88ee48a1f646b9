"""
The naming rules: event kinds and feeds → table names.

1. A name is lower case, without spaces; every other character that is no
   letter or digit of any script is an underscore.
2. A name has at most 255 characters. One that had to be cut, or that has no
   letter and no digit left, carries a hash of what it was made from.
3. Two owners may wish for one name. The event counts give it to the first; the
   other gets one with a hash of the owner.

Sources: mParticle, "Amazon Redshift" and "Google BigQuery" (``SignUp`` of type
Navigation → ``event_navigation_signup``, ``my cool app`` → ``mycoolapp``);
Databricks, "Names", for what Unity Catalog refuses; all read 2026-11-23.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

from databricks_forwarder.errors import ConfigurationError
from databricks_forwarder.model import EventKind, TableName

__all__ = [
    "MAX_NAME_LENGTH",
    "candidates",
    "common_name",
    "feed_name",
    "feed_owner",
    "is_kind",
    "kind_name",
    "normalise",
    "owner_of",
    "table_name",
]

MAX_NAME_LENGTH = 255

# Unity Catalog refuses all but the last range; half a surrogate pair can't be
# written as UTF-8, so no catalog could store it.
_REFUSED = re.compile(r"[. /\x00-\x1f\x7f\ud800-\udfff]")


def normalise(text: str) -> str:
    """
    Turn any text into a name by rules 1 and 2.

    Normalising a normalised name changes nothing.

    Returns:
        1 to 255 characters, of them at least one letter or digit.
    """
    spaceless = "".join(text.split())
    # Lower-casing can undo the normal form, so it is made twice.
    lower = _composed(_composed(spaceless).lower())
    name = "".join(char if char.isalnum() else "_" for char in lower)
    if len(name) > MAX_NAME_LENGTH or not name.strip("_"):
        return _marked(name, _digest(text)[:8])
    return name


def kind_name(kind: EventKind) -> str:
    """
    Name the table of an event kind as mParticle's other warehouses do.

    The result of two kinds may be the same, and may be too long: `candidates`
    sees to that.
    """
    if kind.event_type is None:
        return "no_event"
    if kind.event_type == "custom_event":
        return _joined("event", kind.custom_event_type, kind.event_name)
    if kind.event_type == "commerce_event":
        return _joined("ecomm", kind.event_name)
    return _joined(kind.event_type or "unknown_event")


def feed_name(feed: str, event_name: str | None = None) -> str:
    """
    Name the table of a partner feed, or of one event name of it.
    """
    return _joined(feed, event_name)


def common_name(schema_name: str) -> TableName:
    """
    Name the table of all event kinds that have none of their own.

    Raises:
        ConfigurationError: No table can have that name.
    """
    return table_name(f"{schema_name}_otherevents")


def owner_of(kind: EventKind) -> str:
    """
    Spell an event kind as the owner of a name: ASCII, the same for ever.
    """
    return json.dumps([kind.event_type, kind.custom_event_type, kind.event_name])


def is_kind(owner: str) -> bool:
    """
    Whether the owner of a name is an event kind: no feed, and no setting.
    """
    return owner.startswith("[")


def feed_owner(feed: str, *parts: str) -> str:
    """
    Spell a feed, or a part of one, as the owner of a name, like `owner_of`.
    """
    return f"feed:{json.dumps([feed, *parts])}"


def candidates(text: str, owner: str) -> tuple[TableName, ...]:
    """
    List the names that *owner* may get for *text*, the most wanted first.

    The plain name; then with 8 digits of a hash of the owner; then, for the
    rare case that two owners' digits agree, with 32.
    """
    name = normalise(text)
    digest = _digest(owner)
    wanted = (name, _marked(name, digest[:8]), _marked(name, digest[:32]))
    return tuple(TableName(each) for each in wanted)


def table_name(text: object) -> TableName:
    """
    Accept a name that a person or a custom router chose, in lower case.

    Raises:
        ConfigurationError: It is no text, or Unity Catalog would refuse it.
    """
    if not isinstance(text, str):
        msg = f"a table's name must be a text, not a value of {type(text).__name__}"
        raise ConfigurationError(msg)
    if not text:
        raise ConfigurationError("a table's name must have at least one character")
    name = text.lower()
    if len(name) > MAX_NAME_LENGTH:
        msg = (
            f"the table name {name[:40]!r}… has {len(name)} characters; 255 is the most"
        )
        raise ConfigurationError(msg)
    refused = _REFUSED.search(name)
    if refused is not None:
        msg = f"the table name {text!r} holds {refused.group()!r}; take it out"
        raise ConfigurationError(msg)
    return TableName(name)


def _joined(*parts: str | None) -> str:
    # Part by part, so that a part of emoji alone still tells itself apart.
    return "_".join(normalise(part) for part in parts if part)


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _marked(name: str, mark: str) -> str:
    stem = name[: MAX_NAME_LENGTH - len(mark) - 1].rstrip("_")
    return f"{stem}_{mark}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
