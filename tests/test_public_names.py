"""
The names that users may rely on.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import databricks_forwarder

MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(
        databricks_forwarder.__path__, "databricks_forwarder."
    )
    if not info.ispkg and not info.name.endswith(".__main__")
)


def test_public_names_are_sorted() -> None:
    """
    `__all__` is sorted, so that it reads as an index.
    """
    assert sorted(databricks_forwarder.__all__) == databricks_forwarder.__all__


def test_each_public_name_can_be_imported() -> None:
    """
    Every name of `__all__` is there, and is what it is called.
    """
    missing = [
        name
        for name in databricks_forwarder.__all__
        if not hasattr(databricks_forwarder, name)
    ]

    assert [] == missing


def test_dir_tells_the_public_names() -> None:
    """
    The lazy names can be seen in an interactive session.
    """
    assert set(databricks_forwarder.__all__) <= set(dir(databricks_forwarder))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """
    A name that is not there is refused as Python does it.
    """
    with pytest.raises(AttributeError, match="no_such_name"):
        databricks_forwarder.no_such_name  # noqa: B018  # looking is the test


@pytest.mark.parametrize("name", MODULES)
def test_each_module_lists_its_names(name: str) -> None:
    """
    A public module has an `__all__` that is sorted and true.
    """
    module = importlib.import_module(name)
    if any(part.startswith("_") for part in name.split(".")):
        return
    names = module.__all__

    assert sorted(names, key=_as_linted) == list(names)
    assert [] == [each for each in names if not hasattr(module, each)]


def _as_linted(name: str) -> tuple[int, str]:
    # Constants, then classes, then the rest: as the linter sorts `__all__`.
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return kind, name


def test_each_module_can_be_imported_first() -> None:
    """
    No module of ours rests on another having been imported before it.
    """
    program = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [each for each in sys.modules if each.startswith("databricks_f")]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program, *MODULES],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (ran.returncode, ran.stderr)


def test_public_classes_are_documented() -> None:
    """
    Every public name of the package's front has a docstring.
    """
    bare = [
        name
        for name in databricks_forwarder.__all__
        if not name.startswith("__")
        and not inspect.getdoc(getattr(databricks_forwarder, name))
    ]

    assert [] == bare
