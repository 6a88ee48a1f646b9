"""
Pages that are written by the code: a marker in a page becomes Markdown.

A marker is a comment on a line of its own, ``<!-- from code: NAME -->``.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import pyarrow as pa

from databricks_forwarder import abilities, errors, protocols
from databricks_forwarder._databricks import fates
from databricks_forwarder._table_columns import OWN_COLUMNS, schema_of
from databricks_forwarder.facts import FACTS
from databricks_forwarder.mparticle.batch import BODIES
from databricks_forwarder.observers._instruments import METRICS, PREFIX, SPANS
from databricks_forwarder.observers.log import LINES
from databricks_forwarder.testing import contracts
from databricks_forwarder.testing.contracts import destination

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sphinx.application import Sphinx

__all__ = ["PAGES", "clauses", "prometheus_name", "setup", "tests_by_clause"]

_MARKER = re.compile(r"^<!-- from code: (?P<name>[a-z ]+) -->$", re.MULTILINE)
_CLAUSE = re.compile(r"\b(?P<number>[A-Z]\d+)\. ")


def setup(app: Sphinx) -> dict[str, Any]:
    """
    Register with Sphinx.
    """
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}


def _fill(_app: Sphinx, _page: str, source: list[str]) -> None:
    source[0] = _MARKER.sub(lambda found: PAGES[found["name"]](), source[0])


def clauses(documented: object) -> dict[str, str]:
    """
    Split a docstring into its numbered clauses, number → words.
    """
    text = " ".join((inspect.getdoc(documented) or "").split())
    parts = _CLAUSE.split(text)[1:]
    return dict(zip(parts[::2], map(str.strip, parts[1::2]), strict=True))


def tests_by_clause() -> dict[str, list[str]]:
    """
    List the contracts' tests, clause → ``Class.test`` in the order of the source.
    """
    found: dict[str, list[str]] = {}
    for contract in _contracts():
        for name, test in _members(contract):
            if hasattr(test, "clause"):
                found.setdefault(test.clause, []).append(f"{contract.__name__}.{name}")
    return found


def _contracts() -> Iterator[type]:
    for info in pkgutil.iter_modules(contracts.__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{contracts.__name__}.{info.name}")
            named = (getattr(module, name) for name in module.__all__)
            yield from filter(inspect.isclass, named)


def _members(contract: type) -> Iterator[tuple[str, Any]]:
    # A contract may be put together of several classes.
    for each in reversed(contract.__mro__):
        yield from vars(each).items()


def _clauses_page() -> str:
    tests = tests_by_clause()
    owed = {
        name: clauses(getattr(module, name))
        for module in (protocols, abilities)
        for name in module.__all__
    }
    owed["A stager and a loader together"] = clauses(destination)
    lines: list[str] = []
    for name in (name for name, numbered in owed.items() if numbered):
        lines += ["", f"## {name}", ""]
        for number, words in owed[name].items():
            lines += [f"**{number}.** {words}", ""]
            lines += [f"- `{test}`" for test in tests.get(number, ())]
            lines += [""]
    return "\n".join(lines)


def _columns_page(fields: Iterable[pa.Field], parent: str = "") -> str:
    rows = [f"| `{path}` | `{type_}` |" for path, type_ in _paths(fields, parent)]
    return "\n".join(["| column | type |", "| --- | --- |", *rows])


def _paths(fields: Iterable[pa.Field], parent: str) -> Iterator[tuple[str, str]]:
    for field in fields:
        yield f"{parent}{field.name}", _sql_type(field.type)
        yield from _inner_paths(field.type, f"{parent}{field.name}")


def _inner_paths(type_: pa.DataType, path: str) -> Iterator[tuple[str, str]]:
    if pa.types.is_struct(type_):
        yield from _paths(type_, f"{path}.")
    elif pa.types.is_list(type_):
        yield from _inner_paths(type_.value_type, f"{path}[]")
    elif pa.types.is_map(type_):
        yield from _inner_paths(type_.item_type, f"{path}[key]")


def _sql_type(type_: pa.DataType) -> str:
    if pa.types.is_struct(type_):
        return "STRUCT"
    if pa.types.is_list(type_):
        return f"ARRAY<{_sql_type(type_.value_type)}>"
    if pa.types.is_map(type_):
        return f"MAP<{_sql_type(type_.key_type)}, {_sql_type(type_.item_type)}>"
    return _SCALARS[type_]


_SCALARS = {
    pa.string(): "STRING",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP",
}


@cache
def _shared_names() -> frozenset[str]:
    """
    Names of the fields that events of every type have in ``data``.
    """
    every = [{field.name for field in _data_fields(type_)} for type_ in BODIES]
    return frozenset(set.intersection(*every))


def _data_fields(event_type: str) -> list[pa.Field]:
    return list(schema_of(event_type).field("data").type)


def _batch_page() -> str:
    apart = {
        "data",
        "event_type",
        "_rescued_data",
        *(name for name, _, _ in OWN_COLUMNS),
    }
    return _columns_page(field for field in schema_of(None) if field.name not in apart)


def _shared_page() -> str:
    fields = _data_fields(next(iter(BODIES)))
    return _columns_page((f for f in fields if f.name in _shared_names()), "data.")


def _events_page() -> str:
    lines: list[str] = []
    for event_type in sorted(BODIES):
        lines += ["", f"### {event_type}", ""]
        own = [f for f in _data_fields(event_type) if f.name not in _shared_names()]
        lines += [_columns_page(own, "data.") if own else "No field of its own."]
    return "\n".join(lines)


def _own_page() -> str:
    rows = [
        f"| `{name}` | `{_sql_type(type_)}` | {holds} |"
        for name, type_, holds in OWN_COLUMNS
    ]
    return "\n".join(["| column | type | holds |", "| --- | --- | --- |", *rows])


def _facts_page() -> str:
    rows = [
        f"| `{kind.__name__}` | {_first_line(kind)} | {_fields(kind)} |"
        for kind in FACTS
    ]
    head = ["| fact | says | fields, besides `at` |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows])


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _fields(kind: type[Any]) -> str:
    names = [field.name for field in attrs.fields(kind) if field.name != "at"]
    return ", ".join(f"`{name}`" for name in names)


def _lines_page() -> str:
    rows = [
        f"| {logging.getLevelName(level).lower()} | `{line}` | `{kind.__name__}` |"
        for kind, (level, line) in sorted(LINES.items(), key=lambda each: -each[1][0])
    ]
    return "\n".join(["| level | line | fact |", "| --- | --- | --- |", *rows])


def prometheus_name(name: str) -> str:
    """
    What Prometheus's exporter makes of the name of a metric.
    """
    metric = METRICS[name]
    units = {"s": "_seconds", "By": "_bytes"}
    total = "_total" if metric.kind == "counter" else ""
    whole = f"{PREFIX}{name}{units.get(metric.unit, '')}{total}"
    return whole.replace(".", "_")


def _metrics_page() -> str:
    rows = [
        f"| `{name}`<br>`{prometheus_name(name)}` | {metric.kind} | `{metric.unit}` "
        f"| {metric.says} | {_labels(metric.labels)} |"
        for name, metric in METRICS.items()
    ]
    head = ["| metric | kind | unit | says | labels |"]
    return "\n".join([*head, "| --- | --- | --- | --- | --- |", *rows])


def _labels(labels: Mapping[str, str]) -> str:
    return "; ".join(f"`{name}`: {values}" for name, values in labels.items())


def _spans_page() -> str:
    rows = [f"| `{PREFIX}{name}` | {says} |" for name, says in SPANS.items()]
    return "\n".join(["| span | of |", "| --- | --- |", *rows])


def _fates_page() -> str:
    kinds = [getattr(fates, name) for name in fates.__all__]
    rows = [
        f"| `{kind.__name__}` | `{_public(kind).__name__}` | {_first_line(kind)} |"
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, errors.ForwarderError)
    ]
    return "\n".join(["| kind | is a | means |", "| --- | --- | --- |", *sorted(rows)])


def _public(kind: type) -> type:
    return next(each for each in kind.__mro__ if each.__name__ in errors.__all__)


PAGES: dict[str, Callable[[], str]] = {
    "clauses": _clauses_page,
    "batch columns": _batch_page,
    "shared columns": _shared_page,
    "event columns": _events_page,
    "own columns": _own_page,
    "facts": _facts_page,
    "fates": _fates_page,
    "log lines": _lines_page,
    "metrics": _metrics_page,
    "spans": _spans_page,
}
