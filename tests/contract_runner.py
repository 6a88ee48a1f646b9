"""
Runs a contract in process, to see which clauses a broken part breaks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def failing_clauses(contract_class: type, tmp_path: Path) -> set[str]:
    """
    Run each clause's tests on instances of their own, without pytest's run.

    Args:
        contract_class: A subclass of `Contract` with its hooks filled in.
        tmp_path: Each test gets an empty folder of its own in it.

    Returns:
        The clauses of which at least one test raised.
    """
    return {
        test.clause
        for name, test in _clause_tests(contract_class)
        if _fails(contract_class, test, tmp_path / name)
    }


def _clause_tests(contract_class: type) -> Iterator[tuple[str, Any]]:
    for name in sorted(dir(contract_class)):
        test = getattr(contract_class, name)
        if hasattr(test, "clause"):
            yield name, test


def _fails(contract_class: type, test: Callable[[object], None], folder: Path) -> bool:
    folder.mkdir(parents=True)
    contract = contract_class()
    try:
        contract.begin(folder)
        try:
            test(contract)
        finally:
            contract.end()
    # What `pytest.raises` raises when nothing was raised is no Exception.
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 (any way to fail counts)
        return True
    return False
