"""
The properties that the fuzzer drives, on its corpus and on bytes made of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz_properties import PROPERTIES
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import (
    DrawFn,
    binary,
    composite,
    integers,
    lists,
    sampled_from,
)

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"
KEPT = sorted(CORPUS.glob("*/*"))
SEEDS = {
    entry: [path.read_bytes() for path in sorted((CORPUS / entry).iterdir())]
    for entry in PROPERTIES
}


@composite
def mutations(draw: DrawFn, entry: str) -> bytes:
    """
    A seed of *entry* in which a few stretches are other bytes.
    """
    document = draw(sampled_from(SEEDS[entry]))
    for piece in draw(lists(binary(max_size=8), max_size=3)):
        first = draw(integers(0, len(document)))
        last = draw(integers(first, min(len(document), first + 8)))
        document = document[:first] + piece + document[last:]
    return document


def test_each_way_in_has_a_corpus() -> None:
    """
    The folders of the corpus are the ways in that are fuzzed.
    """
    assert set(PROPERTIES) == {path.name for path in CORPUS.iterdir()}


@pytest.mark.parametrize(
    "path", KEPT, ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_what_was_kept_holds(path: Path) -> None:
    """
    Each input of the corpus, findings among them, keeps its property.
    """
    document = path.read_bytes()

    assert PROPERTIES[path.parent.name](document) is None


@pytest.mark.parametrize("entry", sorted(PROPERTIES))
def test_bytes_near_the_corpus_hold(entry: str) -> None:
    """
    What is an input of the corpus but for a few bytes keeps its property too.
    """

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(document=mutations(entry))
    def holds(document: bytes) -> None:
        assert PROPERTIES[entry](document) is None

    holds()
