"""
What the kill test looks for at last: each thing that must not be is told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from killed_ledger import (
    Ledger,
    Told,
    kinds_of,
    make_dead,
    number_of_dead,
    read_ledger,
)
from killed_truth import Found, violations

from databricks_forwarder.model import Account, LoadId

OPEN = ("custom_event", "other", "Open")
SCREEN = ("screen_view", None, None)
LOAD = LoadId("0123456789ab-0-4")
# Batch 1 has two events, batch 2 none; batch 3 and dead letter 5 got no receipt.
GOT = Told({1: [OPEN, SCREEN], 2: []}, frozenset({4}))
TRIED = Told({**GOT.batches, 3: [OPEN, OPEN]}, frozenset({4, 5}))
ROWS = [((1, 0), LOAD), ((1, 1), LOAD), ((2, None), LOAD)]
WELL = Found(
    rows=ROWS,
    dead=[4],
    account=Account(received=5, loaded=3, dead=2),
    loaded={LOAD: 3},
    unsettled=[],
    counted={OPEN: 1, SCREEN: 1, (None, None, None): 1},
    left=[],
)


def kinds(**changes: Any) -> set[str]:
    """
    Tell what is wrong when the end differs so from a good one.
    """
    found = attrs.evolve(WELL, **changes)
    return {violation.kind for violation in violations(found, TRIED, GOT)}


@pytest.mark.parametrize("unacknowledged", [[], [((3, 0), LOAD), ((3, 1), LOAD)]])
def test_what_has_no_receipt_may_be_there_or_not(unacknowledged: Any) -> None:
    """
    A batch whose receipt never came may be there, whole, or not at all.
    """
    count = len(unacknowledged)
    found = kinds(
        rows=ROWS + unacknowledged,
        account=Account(received=5 + count, loaded=3 + count, dead=2),
        loaded={LOAD: 3 + count},
        counted={**WELL.counted, OPEN: 1 + count},
    )

    assert set() == found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"rows": ROWS[1:]}, "lost"),
        ({"rows": ROWS[:2]}, "lost"),
        ({"dead": []}, "lost"),
        ({"rows": [*ROWS, ROWS[0]]}, "doubled"),
        ({"rows": [*ROWS, ROWS[2]]}, "doubled"),
        ({"dead": [4, 4]}, "doubled"),
        ({"dead": [4, 6]}, "doubled"),
        ({"rows": [*ROWS, ((9, 0), LOAD)]}, "doubled"),
        ({"rows": [*ROWS, ((1, 2), LOAD)]}, "doubled"),
        ({"rows": [*ROWS, ((1, None), LOAD)]}, "doubled"),
        ({"rows": [*ROWS, ((2, 0), LOAD)]}, "doubled"),
        ({"rows": [*ROWS, ((3, 1), LOAD)]}, "split"),
        ({"account": Account(received=6, loaded=3, dead=2, pending=1)}, "account"),
        ({"account": Account(received=5, loaded=4, dead=1)}, "account"),
        ({"loaded": {LoadId("0123456789ab-0-3"): 3}}, "account"),
        ({"counted": {OPEN: 2, (None, None, None): 1}}, "counts"),
        ({"counted": {**WELL.counted, SCREEN: 2}}, "counts"),
        ({"unsettled": [LOAD]}, "unsettled"),
        ({"left": [Path("a.parquet")]}, "left behind"),
    ],
)
def test_what_must_not_be_is_told(changes: Any, expected: str) -> None:
    """
    Whatever differs from what was acknowledged is told as what it is.
    """
    assert expected in kinds(**changes)


def test_an_entry_that_is_cut_short_spoils_no_other(tmp_path: Path) -> None:
    """
    What a process writes after another died in the midst of an entry is read.
    """
    Ledger(tmp_path).write("tried", {"batches": [(1, [OPEN])]})
    with (tmp_path / "tried").open("ab") as tried:
        tried.write(b'\n{"batches": [[2, [["custom_e')
    Ledger(tmp_path).write("tried", {"dead": 3})

    assert Told({1: [OPEN]}, frozenset({3})) == read_ledger(tmp_path, "tried")
    assert Told() == read_ledger(tmp_path, "got")


def test_what_dies_keeps_its_number() -> None:
    """
    What can't be read can be told all the same, and is no JSON.
    """
    with pytest.raises(ValueError, match="delimiter"):
        kinds_of(make_dead(17))

    assert 17 == number_of_dead(make_dead(17))
