"""
The error tree.
"""

from __future__ import annotations

import copy
import pickle

import pytest

from databricks_forwarder import ForwarderError, errors
from databricks_forwarder.errors import (
    BatcherClosedError,
    BatcherError,
    BatcherFullError,
    ConfigurationError,
    DecodeError,
    LeaseLostError,
    MissingExtraError,
    PayloadError,
    PermanentError,
    RouteError,
    SchemaError,
    SetupError,
    TransientError,
)

TREE = {
    ConfigurationError: (ForwarderError, ValueError),
    MissingExtraError: (ConfigurationError, ImportError),
    PayloadError: (ForwarderError, ValueError),
    DecodeError: (PayloadError,),
    RouteError: (PayloadError,),
    BatcherError: (ForwarderError,),
    BatcherFullError: (BatcherError,),
    BatcherClosedError: (BatcherError,),
    LeaseLostError: (BatcherError,),
    TransientError: (ForwarderError,),
    SetupError: (ForwarderError,),
    PermanentError: (ForwarderError,),
    SchemaError: (PermanentError,),
}
EXAMPLES = [
    LeaseLostError("0123456789ab-0-9"),
    MissingExtraError("the local lake", "lake"),
    *(
        kind("a sentence")
        for kind in TREE
        if kind not in {LeaseLostError, MissingExtraError}
    ),
]


def test_the_tree_is_as_it_was_drawn() -> None:
    """
    Each error has the parents that callers catch it by.
    """
    assert TREE == {kind: kind.__bases__ for kind in TREE}


def test_every_error_is_named_in_the_module() -> None:
    """
    The public names of the module are the tree.
    """
    assert sorted(errors.__all__) == errors.__all__
    assert {kind.__name__ for kind in TREE} | {"ForwarderError"} == set(errors.__all__)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling(error: ForwarderError) -> None:
    """
    An error that crosses processes has the same class, sentence and values.
    """
    again = pickle.loads(pickle.dumps(error))
    copied = copy.copy(error)

    assert [type(error)] * 2 == [type(again), type(copied)]
    assert [str(error)] * 2 == [str(again), str(copied)]
    assert [vars(error)] * 2 == [vars(again), vars(copied)]


def test_fates_do_not_overlap() -> None:
    """
    No error is of two fates.
    """
    fates = (
        ConfigurationError,
        PayloadError,
        BatcherError,
        TransientError,
        SetupError,
        PermanentError,
    )

    assert {1} == {sum(issubclass(kind, fate) for fate in fates) for kind in TREE}


def test_a_missing_extra_says_what_to_install() -> None:
    """
    The sentence has the command to run.
    """
    expected = (
        "the local lake needs more packages: pip install 'databricks-forwarder[lake]'"
    )

    assert expected == str(MissingExtraError("the local lake", "lake"))


def test_a_lost_lease_names_the_load() -> None:
    """
    The load's id is in the sentence, and a value of its own.
    """
    error = LeaseLostError("0123456789ab-0-9")

    assert "load 0123456789ab-0-9 is no longer held by this batcher" == str(error)
    assert "0123456789ab-0-9" == error.load_id
