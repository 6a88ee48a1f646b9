"""
Who a batch is about, and whether that is a person who was asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import attrs

from databricks_forwarder.errors import ConfigurationError, DecodeError
from databricks_forwarder.mparticle.batch import identity_name
from databricks_forwarder.mparticle.coerce import as_integer, as_plain_text
from databricks_forwarder.mparticle.decode import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from databricks_forwarder.mparticle.batch import Batch

__all__ = ["Person", "marks_of"]


@attrs.frozen
class Person:
    """
    Whose data is meant: a batch's, or a row's, that has any of these.

    Attributes:
        mpids: mParticle ids.
        identities: Identity type, spelled as in the tables → identities.
    """

    mpids: frozenset[int] = attrs.field(repr=False)
    identities: Mapping[str, frozenset[str]] = attrs.field(repr=False)

    @classmethod
    def of(
        cls,
        mpids: Iterable[int | str],
        identities: Mapping[str, str | Iterable[str]],
    ) -> Person:
        """
        Read what a caller gave.

        Raises:
            ConfigurationError: It names nobody, or is of other types; the
                sentence quotes nothing of it.
        """
        if isinstance(mpids, (str, bytes)):
            raise ConfigurationError("mpids must be a list of ids, not one text")
        named: dict[str, set[str]] = {}
        for key, value in identities.items():
            values = [value] if isinstance(value, str) else list(value)
            named.setdefault(identity_name(key), set()).update(map(_identity, values))
        person = cls(
            frozenset(map(_mpid, mpids)),
            {key: frozenset(values) for key, values in named.items() if values},
        )
        if not person.mpids and not person.identities:
            raise ConfigurationError("name a person by an mpid or an identity")
        return person

    def is_in(self, payload: bytes) -> bool | None:
        """
        Whether *payload* is theirs.

        One that can't be read is, if it has one of their ids in it as JSON
        writes it: an identity between quotes, an mpid between no digits.

        Returns:
            None if that can't be told: it can't be read, and has none of them.
        """
        try:
            batch = decode(payload).batch
        except DecodeError:
            is_named = any(re.search(each, payload) for each in self._patterns())
            return True if is_named else None
        return not self._ids().isdisjoint(_ids_of(batch))

    def marks(self, salt: str) -> tuple[str, ...]:
        """
        Their ids as keyed hashes, sorted.
        """
        return tuple(sorted(_mark(salt, each) for each in self._ids()))

    def _ids(self) -> set[tuple[str, str]]:
        return {("mpid", str(mpid)) for mpid in self.mpids} | {
            (f"/{key}", value)
            for key, values in self.identities.items()
            for value in values
        }

    def _patterns(self) -> Iterator[bytes]:
        for mpid in self.mpids:
            yield rb"(?<![-0-9])%d(?![0-9])" % mpid
        for values in self.identities.values():
            for value in values:
                for is_ascii in (True, False):
                    yield re.escape(json.dumps(value, ensure_ascii=is_ascii).encode())


def marks_of(batch: Batch, salt: str) -> set[str]:
    """
    The ids of a batch as keyed hashes, to be compared with `Person.marks`.
    """
    return {_mark(salt, each) for each in _ids_of(batch)}


def _mark(salt: str, named: tuple[str, str]) -> str:
    text = "\0".join(named).encode()
    return hashlib.blake2b(text, key=salt.encode(), digest_size=16).hexdigest()


def _ids_of(batch: Batch) -> Iterator[tuple[str, str]]:
    mpid = as_integer(batch.mpid)
    if isinstance(mpid, int):
        yield "mpid", str(mpid)
    for key, value in _identities(batch.user_identities):
        name, text = as_plain_text(key), as_plain_text(value)
        if isinstance(name, str) and isinstance(text, str):
            yield f"/{identity_name(name)}", text


def _identities(value: Any) -> Iterable[tuple[Any, Any]]:
    """
    Type and identity of each, whichever form they came in.
    """
    if isinstance(value, list):
        return [(item.identity_type, item.identity) for item in value if item]
    return (value or {}).items()


def _mpid(value: object) -> int:
    number = as_integer(value) if not isinstance(value, bool) else None
    if isinstance(number, int):
        return number
    raise ConfigurationError("an mpid is a whole number of 64 bits")


def _identity(value: object) -> str:
    if not isinstance(value, str) or not value or as_plain_text(value) is not value:
        raise ConfigurationError("an identity is a text that is not empty")
    return value
