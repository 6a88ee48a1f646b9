"""
How machines are run: bounded and always the same, or for long.

``nox -s machines`` runs them for long: with hypothesis's profile ``machines``,
which `conftest.py` registers, in orders that are drawn anew each time.
"""

from __future__ import annotations

from typing import Any
from unittest import TestCase

from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

PLAIN_EXAMPLES = 100


def bounded(
    machine: type[RuleBasedStateMachine], *, examples: int, steps: int
) -> type[TestCase]:
    """
    Make a test of *machine*, of so many runs unless it is to go on for long.
    """
    case: Any = machine.TestCase
    if settings.default.max_examples <= PLAIN_EXAMPLES:
        case.settings = settings(
            case.settings,
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
        )
    return case


def finds_a_fault(
    machine: type[RuleBasedStateMachine], *, examples: int = 200, steps: int = 30
) -> bool:
    """
    Tell whether *machine* fails; the first failure is enough.
    """
    once = settings(
        machine.TestCase.settings,
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    try:
        run_state_machine_as_test(machine, settings=once)
    except Exception:  # noqa: BLE001 (any way to fail counts)
        return True
    return False
