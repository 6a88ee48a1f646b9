"""
What all machines have: a folder, and an end.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis.stateful import RuleBasedStateMachine


class Machine(RuleBasedStateMachine):
    """
    Base of all machines; each run has an object of its own.

    Attributes:
        tmp_path: An empty folder of this run's own.
        closing: What is registered here is called when the run ends, the last
            first.
    """

    tmp_path: Path
    closing: ExitStack

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()
        self.tmp_path = Path(self.closing.enter_context(TemporaryDirectory()))

    def teardown(self) -> None:
        """
        Release what the run opened, whether it passed or failed.
        """
        self.closing.close()
