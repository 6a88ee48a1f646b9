"""
The names that users may rely on.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from graphlib import CycleError, TopologicalSorter
from itertools import accumulate
from pathlib import Path
from types import GenericAlias

import grimp
import pytest

import databricks_forwarder

MODULES = sorted(
    info.name
    for info in pkgutil.walk_packages(
        databricks_forwarder.__path__, "databricks_forwarder."
    )
    if not info.ispkg and not info.name.endswith(".__main__")
)

PUBLIC_MODULES = [
    name
    for name in MODULES
    if not any(part.startswith("_") for part in name.split("."))
]


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


@pytest.mark.parametrize("name", PUBLIC_MODULES)
def test_each_module_lists_its_names(name: str) -> None:
    """
    A public module has an `__all__` that is sorted and true.
    """
    module = importlib.import_module(name)
    names = module.__all__

    assert sorted(names, key=_as_linted) == list(names)
    assert [] == [each for each in names if not hasattr(module, each)]


def _as_linted(name: str) -> tuple[int, str]:
    # Constants, then classes, then the rest: as the linter sorts `__all__`.
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return kind, name


def import_order(package: str) -> list[str]:
    """
    The modules of a package and what they import, each after what it imports.

    Whoever imports a module imports the packages above it before.

    Raises:
        CycleError: Imports go round in a circle.
    """
    graph = grimp.build_graph(
        package, exclude_type_checking_imports=True, cache_dir=None
    )
    return list(
        TopologicalSorter(
            {
                module: {
                    each
                    for imported in graph.find_modules_directly_imported_by(module)
                    for each in accumulate(imported.split("."), "{}.{}".format)
                    if each == imported or not f"{module}.".startswith(f"{each}.")
                }
                for module in graph.modules
            }
        ).static_order()
    )


def test_each_module_can_be_imported_first() -> None:
    """
    No module of ours rests on another having been imported before it.

    It could only where imports go round in a circle.
    """
    assert set(MODULES) <= set(import_order("databricks_forwarder"))


def test_a_circle_of_imports_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Two modules that need one another, one by way of a package, have no order.
    """
    rooms = tmp_path / "circular" / "rooms"
    rooms.mkdir(parents=True)
    (tmp_path / "circular" / "__init__.py").touch()
    (tmp_path / "circular" / "one.py").write_text("from circular.rooms import two")
    (rooms / "__init__.py").write_text("from circular.one import two")
    (rooms / "two.py").touch()
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(CycleError):
        import_order("circular")


def bare_names(name: str) -> list[str]:
    """
    The public names of a module, and of its classes, that have no docstring.
    """
    module = importlib.import_module(name)
    public = {each: getattr(module, each) for each in module.__all__}
    documented = {
        each: value
        for each, value in public.items()
        # Python 3.10 takes `Callable[…]` for a class.
        if not isinstance(value, GenericAlias)
        and (inspect.isclass(value) or inspect.isroutine(value))
    }
    members = {
        f"{each}.{member}": getattr(value, member)
        for each, value in documented.items()
        if inspect.isclass(value)
        for member, defined in vars(value).items()
        if member[0] != "_"
        and (inspect.isroutine(defined) or isinstance(defined, property))
    }
    all_names = documented | members
    return [each for each, value in all_names.items() if not inspect.getdoc(value)]


@pytest.mark.parametrize("name", ["databricks_forwarder", *PUBLIC_MODULES])
def test_each_public_name_is_documented(name: str) -> None:
    """
    A public class, function, method or property has a docstring.
    """
    assert [] == bare_names(name)


def test_a_name_without_a_docstring_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A function is looked at, and each kind of a class's members.
    """
    (tmp_path / "undocumented.py").write_text(
        """
__all__ = ["One", "told", "two"]

class One:
    def method(self): ...
    @property
    def fact(self): ...
    @classmethod
    def made(cls): ...
    def _inner(self): ...

def told(): "Told."
def two(): ...
"""
    )
    monkeypatch.syspath_prepend(tmp_path)

    assert ["One", "two", "One.method", "One.fact", "One.made"] == bare_names(
        "undocumented"
    )


def test_each_public_name_is_in_code_that_is_typed() -> None:
    """
    The code that two type checkers look at uses every name of the front.
    """
    code = (Path(__file__).parent / "typed" / "hosts.py").read_text()
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}

    assert set() == set(databricks_forwarder.__all__) - used
