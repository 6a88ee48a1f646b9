"""
The process of a contender of ours: ``python -m benchmarks._contender NAME JSON``.
"""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    """
    Call the function that is named, and print what it returns as a line of JSON.
    """
    module, _, function = sys.argv[1].partition(":")
    called = getattr(importlib.import_module(module), function)
    print(json.dumps(called(**json.loads(sys.argv[2]))))


if __name__ == "__main__":
    main()
