"""
How a contract's tests carry their clause, and how a part is exempted from one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_Test = TypeVar("_Test", bound="Callable[..., Any]")


def clause(name: str) -> Callable[[_Test], _Test]:
    """
    Mark a contract's test with the clause that it examines.
    """

    def marked(test: _Test) -> _Test:
        test.clause = name  # type: ignore[attr-defined]
        return test

    return marked


class Contract:
    """
    Base of all contracts: tests that can be exempted, never overridden.

    A contract's tests take no argument but ``self``: what they need, `begin`
    puts there.

    Attributes:
        exempt: Clause, or name of one test → the reason why this part does
            not hold it. The test, or all of the clause, must then fail: an
            exemption that is no longer needed is an error.
        tmp_path: An empty folder of the running test's own.
    """

    exempt: ClassVar[Mapping[str, str]] = {}
    tmp_path: Path

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in vars(cls):
            inherited = any(
                hasattr(vars(base).get(name), "clause") for base in cls.__mro__[1:]
            )
            if inherited:
                msg = (
                    f"{cls.__name__} overrides {name}, a test of its contract; "
                    "exempt the clause with a reason instead"
                )
                raise TypeError(msg)

    def begin(self, tmp_path: Path) -> None:
        """
        Make ready for one test; a subclass that adds to it calls this first.
        """
        self.tmp_path = tmp_path

    def end(self) -> None:
        """
        Release what one test opened, whether it passed or failed.
        """

    @pytest.fixture(autouse=True)
    def _set_up(self, tmp_path: Path) -> Iterator[None]:
        self.begin(tmp_path)
        try:
            yield
        finally:
            self.end()

    @pytest.fixture(autouse=True)
    def _exemptions(self, request: pytest.FixtureRequest) -> None:
        test = request.function
        reason = self.exempt.get(test.__name__) or self.exempt.get(
            getattr(test, "clause", "")
        )
        if reason is not None:
            # A strict mark: the test passing would be the failure.
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
