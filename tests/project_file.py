"""
What `pyproject.toml` says of the dependencies.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["PROJECT", "ROOT", "requirements"]

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def requirements() -> dict[str, list[Requirement]]:
    """
    Tell what the package requires: for itself, under "", and for each extra.
    """
    about = PROJECT["project"]
    lists = {"": about["dependencies"], **about["optional-dependencies"]}
    return {
        extra: [_of_extra(Requirement(each), extra) for each in lines]
        for extra, lines in lists.items()
    }


def _of_extra(requirement: Requirement, extra: str) -> Requirement:
    if extra:
        requirement.marker = Marker(f'extra == "{extra}"')
    return requirement
