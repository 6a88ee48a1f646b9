"""
Under which licences packages are, as their metadata says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from email.message import Message
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

__all__ = ["families", "family", "with_what_they_bring"]

_SPELLINGS = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "MIT License": "MIT",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_NAMES = {"BSD", "ISC", "MIT", *_SPELLINGS.values()}
_CLASSIFIER = "License :: "


def family(licence: str) -> str:
    """
    Spell a licence as SPDX does; those of the BSD family are one.
    """
    spelled = _SPELLINGS.get(licence, licence)
    return "BSD" if re.match(r"BSD\b", spelled) else spelled


def families(about: Message) -> set[str]:
    """
    Tell the licences that a package's metadata names.

    An expression is exact. Without one, classifiers know no more than the family,
    and free text may be a name, a whole licence or any other words.
    """
    expression = about.get("License-Expression")
    if expression:
        words = re.findall(r"[\w.+-]+", expression)
        return {family(each) for each in words if each not in {"AND", "OR", "WITH"}}
    text = about.get("License") or ""
    classified = {
        line.split(" :: ")[-1]
        for line in about.get_all("Classifier", [])
        if line.startswith(_CLASSIFIER)
    } - {"OSI Approved"}
    named = {text} if family(text) in _NAMES or not classified else set()
    return {family(each) for each in classified | named}


def with_what_they_bring(requirements: Iterable[Requirement]) -> Mapping[str, Message]:
    """
    The metadata of packages, and of all that they require, as far as installed.
    """
    found: dict[str, Message] = {}
    waiting = list(requirements)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if name in found:
            continue
        found[name] = distribution.metadata
        waiting += [
            each
            for each in map(Requirement, distribution.requires or ())
            if _is_wanted(each, requirement.extras)
        ]
    return found


def _is_wanted(requirement: Requirement, extras: Iterable[str]) -> bool:
    marker = requirement.marker
    if marker is None:
        return True
    return any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
