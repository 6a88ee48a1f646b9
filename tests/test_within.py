"""
Whether a call comes in the middle of another one.
"""

from __future__ import annotations

from collections.abc import Callable

from databricks_forwarder._within import is_within


class Asking:
    """
    Asks in its one method, after or while it calls another's.
    """

    def ask(self, before: Callable[[], object] = list) -> bool:
        """
        Do something, then tell whether this is within another call.
        """
        before()
        return is_within(self, {__name__})


def test_a_call_by_itself_is_within_none() -> None:
    """
    The call that asks is not one that it is in the middle of.
    """
    assert not Asking().ask()


def test_a_call_that_another_one_makes_is_within_it() -> None:
    """
    A call comes within another of the same object, by whatever it was called.
    """
    asking, answers = Asking(), list[bool]()
    asking.ask(lambda: answers.append(asking.ask()))

    assert [True] == answers


def test_a_call_of_another_object_is_nothing_to_it() -> None:
    """
    Within a call of one object another one is free.
    """
    answers: list[bool] = []
    Asking().ask(lambda: answers.append(Asking().ask()))

    assert [False] == answers


def test_a_caller_of_another_module_is_nothing_to_it() -> None:
    """
    Only methods of the module that asks count: a host may have its own.
    """
    asking = Asking()
    names = {"asking": asking, "answers": list[bool]()}
    exec(
        "def outer(self):\n    answers.append(self.ask())\n"
        "def run(self):\n    outer(self)\nrun(asking)",
        names,
    )

    assert [False] == names["answers"]
