"""
The coverage-guided fuzzer, for one way into the library at a time.

``nox -s fuzz -- --entry decoding --runs 1000000``; what it finds it writes to
``crash-…`` in the current folder, and stops.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

# Coverage comes from what is imported in here.
with atheris.instrument_imports(include=["databricks_forwarder"]):
    from fuzz_properties import PROPERTIES

CORPUS = Path(__file__).parent / "corpus"


def main() -> None:
    """
    Run one property over and over; libFuzzer ends the process.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entry", choices=sorted(PROPERTIES), required=True)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    kept = CORPUS / options.entry
    grown = tempfile.mkdtemp(prefix=f"fuzz-{options.entry}-")
    arguments = [
        sys.argv[0],
        f"-runs={options.runs}",
        f"-seed={options.seed}",
        "-max_len=4096",
        "-timeout=30",
        "-print_final_stats=1",
        # The first folder gets what is new, the others are only read.
        grown,
        str(kept),
    ]
    atheris.Setup(arguments, PROPERTIES[options.entry])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
