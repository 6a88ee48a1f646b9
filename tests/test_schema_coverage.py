"""
Every field of the official JSON Schema is a column of its type, and back.

Both sides are read as leaves: a dotted path, with ``[]`` for the items of a
list and ``{}`` for the values of a map, and the type at its end.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from databricks_forwarder._table_columns import OWN_COLUMNS, schema_of
from databricks_forwarder.mparticle.batch import BODIES, EVENT_TYPES, IDENTITY_TYPES

SCHEMA = Path(__file__).parents[2] / "shared/reference/mparticle-batch.schema.json"

needs_schema = pytest.mark.skipif(
    not SCHEMA.is_file(), reason="the official schema is not beside the checkout"
)

NOT_IN_A_BATCH = {
    "ApiResponse": "an answer of the API, not a part of a batch",
    "EventType": "a list of words that no property refers to; tested by itself",
}

NO_BODY = {
    "pre_attribution": "named in the list of event types, without a definition",
    "push_reaction": "named in the list of event types, without a definition",
}

NO_COLUMN = {
    "api_key": "a credential: dropped",
    "api_keys[]": "a credential: dropped",
    **{
        f"user_identities.{each}": "an entry of the map user_identities"
        for each in IDENTITY_TYPES
    },
}

RENAMED = {
    "user_identity_change": {
        # An attribute change has members of these names that are values.
        "new": "new_identity",
        "old": "old_identity",
    }
}

CONSENT = (
    "regulation",
    "document",
    "consented",
    "timestamp_unixtime_ms",
    "location",
    "hardware_id",
)

BATCH_SOURCES = {
    "schema_version": "[JR] outbound",
    "message_id": "[JR] outbound",
    "message_type": "[JR] outbound",
    "unique_id": "[JR] outbound, by a connection setting",
    "modified": "[JSM]",
    "application_info.sideloaded_kits_count": "[SDK] web",
    "user_identities{}.identity": "[JR] the outbound list form",
    "user_identities{}.timestamp_unixtime_ms": "[JR] the outbound list form",
    "user_identities{}.created_this_batch": "[JR] the outbound list form",
    "system_notifications[].type": "[JR] outbound",
    "system_notifications[].data.purpose": "[JR] outbound",
    **{
        f"system_notifications[].data.{side}.{each}": "[JR] outbound"
        for side in ("current", "old")
        for each in CONSENT
    },
}

EVENT_SOURCES = {
    "custom_flags{}": "[JR] [JSM] on all kinds",
    "page_url": "[SDK] web",
    "active_time_on_site_ms": "[SDK] web",
    "message_id": "[JR] outbound",
    "message_type": "[JR] outbound",
    "session_start_unixtime": "[JR] outbound",
}

KIND_SOURCES = {
    "custom_event": {"media_info{}": "[SDK] Python"},
    "profile": {
        "profile_name": "[SDK] Python",
        "previous_profile_name": "[SDK] Python",
    },
    "crash_report": {
        f"breadcrumbs[].data.{path}": source for path, source in EVENT_SOURCES.items()
    },
}

_LEAF_TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
}


@cache
def official() -> dict[str, Any]:
    """
    The official schema as it is published.
    """
    return json.loads(SCHEMA.read_text())


class Walk:
    """
    Collects the leaves below a node of the schema, and the definitions seen.
    """

    def __init__(self) -> None:
        self.leaves: dict[str, pa.DataType] = {}
        self.definitions: set[str] = set()

    def go(self, node: dict[str, Any], path: str) -> None:
        """
        Take the leaves of *node*, whichever way it says what it is.
        """
        if "$ref" in node:
            name = node["$ref"].removeprefix("#/definitions/")
            self.definitions.add(name)
            self.go(official()["definitions"][name], path)
        for part in node.get("allOf", ()):
            self.go(part, path)
        for choice in (*node.get("oneOf", ()), *node.get("anyOf", ())):
            self.go_choice(choice, path)
        for name, member in node.get("properties", {}).items():
            self.go(member, f"{path}.{name}" if path else name)
        self.go_bulk(node, path)

    def go_choice(self, node: dict[str, Any], path: str) -> None:
        """
        Take one of several forms: beside text a list is text as well.
        """
        inner = Walk()
        inner.go(node, path)
        self.definitions |= inner.definitions
        self.leaves |= {at.removesuffix("[]"): t for at, t in inner.leaves.items()}

    def go_bulk(self, node: dict[str, Any], path: str) -> None:
        """
        Take the values of a map, the items of a list, or the leaf itself.
        """
        types = node.get("type", [])
        names = set([types] if isinstance(types, str) else types) - {"null"}
        if isinstance(node.get("additionalProperties"), dict):
            self.go(node["additionalProperties"], path + "{}")
        elif names == {"array"}:
            self.go(node["items"], path + "[]")
        elif names and names != {"object"}:
            # What may be text is text, whatever else it may be.
            (name,) = {"string"} & names or names
            self.leaves[path] = _LEAF_TYPES[name]


def walked(node: dict[str, Any]) -> dict[str, pa.DataType]:
    """
    The leaves below a node of the schema.
    """
    walk = Walk()
    walk.go(node, "")
    return walk.leaves


def batch_leaves() -> dict[str, pa.DataType]:
    """
    The leaves of a batch but for its events.
    """
    members = {
        name: member
        for name, member in official()["properties"].items()
        if name != "events"
    }
    leaves = walked({"properties": members})
    return {path: type_ for path, type_ in leaves.items() if path not in NO_COLUMN}


def event_definitions() -> dict[str, dict[str, Any]]:
    """
    Event type → its definition.
    """
    refs = official()["properties"]["events"]["items"]["oneOf"]
    names = [each["$ref"].removeprefix("#/definitions/") for each in refs]
    nodes = [official()["definitions"][name] for name in names]
    return {node["properties"]["event_type"]["enum"][0]: node for node in nodes}


def event_leaves(event_type: str) -> dict[str, pa.DataType]:
    """
    The leaves of an event's data, by the names of the columns.
    """
    if event_type in NO_BODY:
        node = official()["definitions"]["EventData"]
    else:
        node = event_definitions()[event_type]["properties"]["data"]
    names = RENAMED.get(event_type, {})
    leaves = {}
    for path, type_ in walked(node).items():
        first, *rest = path.split(".")
        leaves[".".join([names.get(first, first), *rest])] = type_
    return leaves


def arrow_leaves(type_: pa.DataType, path: str = "") -> dict[str, pa.DataType]:
    """
    The leaves of an Arrow type, in the same spelling.
    """
    if pa.types.is_struct(type_):
        leaves = {}
        for field in type_:
            below = f"{path}.{field.name}" if path else field.name
            leaves |= arrow_leaves(field.type, below)
        return leaves
    if pa.types.is_list(type_):
        return arrow_leaves(type_.value_type, path + "[]")
    if pa.types.is_map(type_):
        return arrow_leaves(type_.item_type, path + "{}")
    return {path: type_}


def batch_columns() -> dict[str, pa.DataType]:
    """
    The leaves of the columns that hold a batch.
    """
    own = {"event_type", "data", "_rescued_data", *(name for name, *_ in OWN_COLUMNS)}
    return arrow_leaves(
        pa.struct([each for each in schema_of(None) if each.name not in own])
    )


def event_columns(event_type: str | None) -> dict[str, pa.DataType]:
    """
    The leaves of the column that holds an event's data.
    """
    return arrow_leaves(schema_of(event_type).field("data").type)


def test_the_schema_is_there_in_ci() -> None:
    """
    Where the suite runs unattended, the official schema is beside the checkout.
    """
    is_needed = os.environ.get("CI") == "true"

    assert SCHEMA.is_file() or not is_needed


@needs_schema
def test_every_definition_of_the_schema_is_walked() -> None:
    """
    The walk of the schema meets every definition, but for those with a reason.
    """
    walk = Walk()
    walk.go(official(), "")
    expected = set(official()["definitions"])

    assert expected == walk.definitions | set(NOT_IN_A_BATCH)
    assert set() == walk.definitions & set(NOT_IN_A_BATCH)


@needs_schema
def test_every_event_type_of_the_schema_is_known() -> None:
    """
    The event types are the schema's, and those with a body are defined there.
    """
    listed = official()["definitions"]["EventType"]["enum"]

    assert set(listed) == set(EVENT_TYPES)
    assert set(listed) - set(NO_BODY) == set(event_definitions())


@needs_schema
def test_every_identity_type_of_the_schema_is_known() -> None:
    """
    The identity types are the schema's, in its order.
    """
    listed = official()["definitions"]["IdentityType"]["enum"]
    members = official()["properties"]["user_identities"]["properties"]

    assert listed == list(IDENTITY_TYPES)
    assert set(members) == set(IDENTITY_TYPES)


@needs_schema
def test_every_batch_property_of_the_schema_is_a_column() -> None:
    """
    Each property of a batch is a column, but for credentials and the events.
    """
    dropped = {"api_key", "api_keys", "events"}
    expected = set(official()["properties"]) - dropped

    assert expected == expected & set(schema_of(None).names)
    assert set() == dropped & set(schema_of(None).names)


@needs_schema
def test_every_batch_leaf_of_the_schema_has_its_type() -> None:
    """
    Each leaf of a batch in the schema is a leaf of the columns, of its type.
    """
    expected = batch_leaves()
    actual = {path: t for path, t in batch_columns().items() if path in expected}

    assert expected == actual


@needs_schema
@pytest.mark.parametrize("event_type", sorted(BODIES))
def test_every_event_leaf_of_the_schema_has_its_type(event_type: str) -> None:
    """
    Each leaf of an event in the schema is in the table of its kind, of its type.
    """
    expected = event_leaves(event_type)
    columns = event_columns(event_type)
    actual = {path: t for path, t in columns.items() if path in expected}

    assert expected == actual


@needs_schema
@pytest.mark.parametrize("event_type", sorted(BODIES))
def test_every_event_leaf_of_the_schema_is_in_the_common_table(
    event_type: str,
) -> None:
    """
    Each leaf of an event in the schema is in the common table, of its type.
    """
    expected = event_leaves(event_type)
    columns = event_columns(None)
    actual = {path: t for path, t in columns.items() if path in expected}

    assert expected == actual


@needs_schema
def test_every_batch_leaf_that_the_schema_lacks_has_a_source() -> None:
    """
    A leaf of a batch that the schema does not know has another source.
    """
    actual = set(batch_columns()) - set(batch_leaves())

    assert set(BATCH_SOURCES) == actual


@needs_schema
@pytest.mark.parametrize("event_type", sorted(BODIES))
def test_every_event_leaf_that_the_schema_lacks_has_a_source(event_type: str) -> None:
    """
    A leaf of an event that the schema does not know has another source.
    """
    known = set(event_leaves(event_type))
    sources = EVENT_SOURCES | KIND_SOURCES.get(event_type, {})
    actual = set(event_columns(event_type)) - known

    assert set(sources) - known == actual


def test_the_common_table_has_the_leaves_of_all_kinds() -> None:
    """
    The common table's data holds the leaves of all kinds, and no other.
    """
    every: dict[str, pa.DataType] = {}
    for event_type in BODIES:
        every |= event_columns(event_type)

    assert every == event_columns(None)


def test_a_leaf_has_one_type_in_all_kinds() -> None:
    """
    No two event types have a leaf of one name and different types.
    """
    types: dict[str, set[pa.DataType]] = {}
    for event_type in BODIES:
        for path, type_ in event_columns(event_type).items():
            types.setdefault(path, set()).add(type_)

    assert {} == {path: found for path, found in types.items() if len(found) > 1}


def test_every_column_may_be_null() -> None:
    """
    All columns are nullable, in every table.
    """
    schemas = [schema_of(each) for each in (None, *BODIES)]

    assert {True} == {field.nullable for schema in schemas for field in schema}


@needs_schema
def test_a_property_without_a_column_is_seen() -> None:
    """
    The comparison fails for a property of the schema that has no column.
    """
    walk = Walk()
    walk.go({"properties": {"never_heard_of": {"type": "string"}}}, "")

    assert {"never_heard_of"} == set(walk.leaves) - set(batch_columns())
