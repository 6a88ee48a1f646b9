"""
What a host is killed and troubled by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from killed_host import Kill

from databricks_forwarder.errors import PermanentError, TransientError
from databricks_forwarder.testing.faults import Fail
from databricks_forwarder.testing.workspace import Fault

WHENS: tuple[Literal["before", "after"], ...] = ("before", "after")

# Part, method and its calls at which a life ends, on both sides; a call that a
# life does not come to kills nobody.
CALLS: Mapping[tuple[str, str], tuple[int, ...]] = {
    ("batcher", "carry_on"): (1,),
    ("batcher", "append"): (1, 3),
    ("stager", "staged"): (1,),
    ("batcher", "status"): (1,),
    ("batcher", "lease"): (1, 2),
    ("router", "route"): (1,),
    ("batcher", "erasures"): (1,),
    ("batcher", "note"): (1, 2, 3, 4),
    ("stager", "stage"): (1, 2, 3),
    ("loader", "survey"): (1,),
    ("router", "promoted"): (1,),
    ("loader", "expect"): (1,),
    ("loader", "prepare"): (1, 2),
    ("loader", "load"): (1, 2, 3),
    ("router", "loaded"): (1, 2),
    ("batcher", "park"): (1,),
    ("loader", "small_files"): (1,),
    ("batcher", "commit"): (1, 2),
    ("stager", "discard"): (1, 2),
}
# A lake has nothing to survey, and no views.
_OF_WORKSPACES = {("loader", "survey"), ("router", "promoted"), ("loader", "expect")}


def kills_of(destination: str) -> list[Kill]:
    """
    List where a host may be killed that loads into a lake, or a workspace.
    """
    return [
        Kill(part, method, nth, when)
        for (part, method), calls in CALLS.items()
        if destination == "workspace" or (part, method) not in _OF_WORKSPACES
        for nth in calls
        for when in WHENS
    ]


_COPY = "COPY INTO"
FAULTS = (
    Fault(on="statement", matching=_COPY, drop=True, when="after"),
    Fault(on="statement", matching=_COPY, drop=True),
    Fault(on="statement", matching=_COPY, status=503),
    Fault(on="statement", matching=_COPY, status=503, when="after"),
    Fault(on="statement", matching=_COPY, status=429),
    Fault(
        on="statement",
        matching=_COPY,
        error=("DELTA_METADATA_CHANGED", "2D521", "As scripted."),
    ),
    Fault(on="statement", matching="CREATE TABLE", drop=True, when="after"),
    Fault(on="statement", matching=_COPY, seconds=0.05),
    Fault(on="upload", drop=True, when="after"),
    Fault(on="upload", cut=True),
    Fault(on="upload", status=503),
    Fault(on="upload", status=401),
    Fault(on="delete", status=503),
    Fault(on="delete", drop=True, when="after"),
    Fault(on="list", status=503),
    Fault(on="token", status=503),
    Fault(on="open_session", drop=True),
)

_REFUSED = PermanentError("refused, as scripted")
_LOST = TransientError("lost, as scripted")
REFUSAL = Fail(method="load", error=_REFUSED)
PARKED = Kill("batcher", "park", 1, "after")
TROUBLES = (
    REFUSAL,
    Fail(method="load", nth=2, error=_REFUSED),
    # It is done, and is told as what can never be.
    Fail(method="load", error=_REFUSED, when="after"),
    Fail(method="prepare", error=_REFUSED),
    Fail(method="load", error=_LOST),
    Fail(method="load", nth=2, error=_LOST, when="after"),
    Fail(method="stage", error=_LOST),
    Fail(method="stage", nth=2, error=_LOST, when="after"),
    Fail(method="discard", error=_LOST),
)
