"""
Python values → Arrow columns.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from databricks_forwarder._columns import arrow_type, build
from databricks_forwarder.mparticle.batch import (
    Batch,
    ConsentPurpose,
    ConsentState,
    Context,
    DataPlan,
    EventSystemNotificationInfo,
    Location,
    Product,
    SourceInfo,
    UserIdentity,
)
from databricks_forwarder.mparticle.shapes import (
    Entries,
    Identities,
    Items,
    Leaf,
    Shape,
    object_shape,
)

IDENTITIES = next(
    each.shape
    for each in object_shape(Batch).fields
    if isinstance(each.shape, Identities)
)


def built(shape: Shape, values: list[Any]) -> tuple[pa.Array, list[Any]]:
    """
    The column of *values*, and what was rescued in order of telling.
    """
    rescued: list[Any] = []
    array = build(
        shape,
        values,
        lambda row, pointer, value: rescued.append((row, pointer, value)),
    )
    array.validate(full=True)

    assert (arrow_type(shape), len(values)) == (array.type, len(array))
    return array, rescued


def column(shape: Shape, values: list[Any]) -> tuple[list[Any], list[Any]]:
    """
    The column of *values* in Python, and what was rescued in order of telling.
    """
    array, rescued = built(shape, values)
    return array.to_pylist(maps_as_pydicts="strict"), rescued


# -- types ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "type_"),
    [
        (Leaf("string"), pa.string()),
        (Leaf("int64"), pa.int64()),
        (Leaf("double"), pa.float64()),
        (Leaf("bool"), pa.bool_()),
        (Leaf("json"), pa.string()),
        (Items(Leaf("string")), pa.list_(pa.string())),
        (Entries(Leaf("json")), pa.map_(pa.string(), pa.string())),
        (
            Entries(Entries(Leaf("json"))),
            pa.map_(pa.string(), pa.map_(pa.string(), pa.string())),
        ),
        (
            object_shape(DataPlan),
            pa.struct([("plan_id", pa.string()), ("plan_version", pa.int64())]),
        ),
        (
            IDENTITIES,
            pa.map_(
                pa.string(),
                pa.struct(
                    [
                        ("identity", pa.string()),
                        ("timestamp_unixtime_ms", pa.int64()),
                        ("created_this_batch", pa.bool_()),
                    ]
                ),
            ),
        ),
    ],
)
def test_a_shape_has_its_arrow_type(shape: Shape, type_: pa.DataType) -> None:
    """
    Leaves, lists, maps and objects have the Arrow types of the same kind.
    """
    assert type_ == arrow_type(shape)


@pytest.mark.parametrize(
    "shape",
    [
        Leaf("string"),
        Leaf("int64"),
        Items(Leaf("json")),
        Entries(Leaf("json")),
        IDENTITIES,
        object_shape(Context),
    ],
)
@pytest.mark.parametrize("values", [[], [None], [None, None, None]])
def test_a_column_of_nulls_is_null(shape: Shape, values: list[Any]) -> None:
    """
    A column without any value is all null, of its type, and nothing is rescued.
    """
    assert (values, []) == column(shape, values)


# -- leaves -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("leaf", "values", "expected"),
    [
        ("string", ["a", None, ""], ["a", None, ""]),
        ("string", ["a", 1, True, 1.5], ["a", "1", "true", "1.5"]),
        ("int64", [1, None, -(2**63)], [1, None, -(2**63)]),
        ("int64", ["7", 2.0, "", None], [7, 2, None, None]),
        ("double", [1.5, 2, None], [1.5, 2.0, None]),
        ("double", ["1.5", ""], [1.5, None]),
        ("bool", [True, None, False], [True, None, False]),
        ("bool", ["True", "false", ""], [True, False, None]),
        ("json", ["a", None, ""], ["a", None, ""]),
        ("json", [1, [1], {"a": None}, True], ["1", "[1]", '{"a":null}', "true"]),
    ],
)
def test_values_that_convert_are_in_the_column(
    leaf: Any, values: list[Any], expected: list[Any]
) -> None:
    """
    A value that converts exactly is in its column, and is not rescued.
    """
    assert (expected, []) == column(Leaf(leaf), values)


@pytest.mark.parametrize(
    ("leaf", "odd"),
    [
        ("int64", True),
        ("int64", 2**63),
        ("int64", -(2**63) - 1),
        ("int64", 1.5),
        ("int64", 1e300),
        ("int64", "x"),
        ("double", True),
        ("double", 2**53 + 1),
        ("double", 10**400),
        ("double", "x"),
        ("bool", 1),
        ("bool", "yes"),
        ("string", "\ud800"),
        ("string", ["a"]),
        ("json", "\ud800"),
    ],
)
def test_a_value_that_does_not_convert_is_null_and_rescued(leaf: Any, odd: Any) -> None:
    """
    The one value that does not convert is null and rescued; its neighbours stay.
    """
    fitting = {"string": "a", "int64": 5, "double": 0.5, "bool": True, "json": "a"}[
        leaf
    ]
    expected = [fitting, None, fitting]

    assert (expected, [(1, "", odd)]) == column(Leaf(leaf), [fitting, odd, fitting])


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(st.characters(codec=None), max_size=4),
        ),
        max_size=6,
    ),
    st.sampled_from(["string", "int64", "double", "bool", "json"]),
)
def test_a_value_has_one_fate_in_any_company(values: list[Any], leaf: Any) -> None:
    """
    What a value becomes does not depend on the other values of its column.
    """
    together, rescued = column(Leaf(leaf), values)
    alone = [column(Leaf(leaf), [value]) for value in values]

    assert [each for (each,), _ in alone] == together
    assert [row for row, (_, lost) in enumerate(alone) if lost] == [
        row for row, *_ in rescued
    ]


# -- objects ----------------------------------------------------------------


def test_an_object_is_a_struct_of_its_members() -> None:
    """
    Objects become structs; an absent member is null, an absent object as well.
    """
    values = [None, Location(latitude=1.5, city_name="Quito"), Location()]
    actual, rescued = column(object_shape(Location), values)
    names = [each.name for each in object_shape(Location).fields]
    nothing = dict.fromkeys(names)

    assert [
        None,
        {**nothing, "latitude": 1.5, "city_name": "Quito"},
        nothing,
    ] == actual
    assert [] == rescued


def test_an_object_of_one_member_is_a_struct() -> None:
    """
    An object with a single member is a struct of one field.
    """
    shape = object_shape(EventSystemNotificationInfo)
    values = [EventSystemNotificationInfo(type="gdpr_change"), None]

    assert ([{"type": "gdpr_change"}, None], []) == column(shape, values)


def test_a_rescued_member_is_named_by_its_row_and_its_way() -> None:
    """
    A value rescued deep in an object is named by the row and its JSON Pointer.
    """
    values = [
        None,
        Context(data_plan=DataPlan(plan_version=1)),
        None,
        Context(
            data_plan=DataPlan(plan_version="one"), location=Location(accuracy="?")
        ),
    ]
    actual, rescued = column(object_shape(Context), values)

    assert 1 == actual[1]["data_plan"]["plan_version"]
    assert actual[3]["data_plan"]["plan_version"] is None
    assert [
        (3, "/data_plan/plan_version", "one"),
        (3, "/location/accuracy", "?"),
    ] == rescued


# -- lists ------------------------------------------------------------------


def test_a_list_keeps_its_items_and_their_nulls() -> None:
    """
    A list keeps its order, its nulls and its emptiness; a null list is null.
    """
    values = [["a", None, "b"], [], None, ["c"]]

    assert (values, []) == column(Items(Leaf("string")), values)


def test_a_rescued_item_is_named_by_its_row_and_index() -> None:
    """
    An item that does not convert is null in its place and named by its index.
    """
    values = [None, ["a"], [], ["b", "\ud800", "c"]]
    expected = [None, ["a"], [], ["b", None, "c"]]

    assert (expected, [(3, "/1", "\ud800")]) == column(Items(Leaf("string")), values)


def test_a_rescued_member_of_an_item_is_named_by_its_way() -> None:
    """
    A value rescued in an object of a list is named by index and member.
    """
    values = [None, [None, Product(price="free", name="x")]]
    actual, rescued = column(Items(object_shape(Product)), values)

    assert actual[1][0] is None
    assert ("x", None) == (actual[1][1]["name"], actual[1][1]["price"])
    assert [(1, "/1/price", "free")] == rescued


# -- maps -------------------------------------------------------------------


def test_a_map_keeps_its_entries_in_order() -> None:
    """
    A map keeps its entries, null values and emptiness; a null map is null.
    """
    values = [{"b": "1", "a": None}, {}, None, {"": "x", "B": "y"}]
    actual, rescued = column(Entries(Leaf("json")), values)

    assert (values, []) == (actual, rescued)
    assert ["b", "a"] == list(actual[0])


def test_a_map_of_maps_keeps_both() -> None:
    """
    A map of maps keeps null and empty groups apart.
    """
    values = [{"7": {"a": "x"}, "8": None, "9": {}}, None, {}]
    array, rescued = built(Entries(Entries(Leaf("json"))), values)

    # As pairs: pyarrow before 22 spells no maps in maps as dictionaries.
    pairs = [[("7", [("a", "x")]), ("8", None), ("9", [])], None, []]
    assert (pairs, []) == (array.to_pylist(), rescued)


def test_a_rescued_entry_is_named_by_its_row_and_its_escaped_key() -> None:
    """
    A value of a map that does not convert is null under its key and named by it.
    """
    values = [None, {"a": "x"}, {"b": "y", "a/b~": "\ud800"}]
    expected = [None, {"a": "x"}, {"b": "y", "a/b~": None}]

    assert (expected, [(2, "/a~1b~0", "\ud800")]) == column(
        Entries(Leaf("json")), values
    )


def test_a_rescued_member_of_an_entry_is_named_by_its_way() -> None:
    """
    A value rescued in an object of a map is named by key and member.
    """
    values = [ConsentState(gdpr={"a b": ConsentPurpose(consented="maybe"), "c": None})]
    ((actual,), rescued) = column(object_shape(ConsentState), values)

    assert ["a b", "c"] == list(actual["gdpr"])
    assert actual["gdpr"]["a b"]["consented"] is None
    assert actual["gdpr"]["c"] is None
    assert [(0, "/gdpr/a b/consented", "maybe")] == rescued


# -- identities -------------------------------------------------------------


def names_of(value: Any) -> tuple[dict[str, Any] | None, list[Any]]:
    """
    The identities of one batch by name, and what was rescued.
    """
    ((actual,), rescued) = column(IDENTITIES, [value])
    return actual and {name: each["identity"] for name, each in actual.items()}, rescued


def test_both_forms_of_identities_give_one_column() -> None:
    """
    Identities as an object and as a list become the same map.
    """
    as_object = {"email": "a", "customerId": "b"}
    as_list = [
        UserIdentity(identity_type="email", identity="a"),
        UserIdentity(identity_type="customerId", identity="b"),
    ]
    (first, second, third), rescued = column(IDENTITIES, [as_object, None, as_list])

    assert (first, None) == (third, second)
    assert ["email", "customer_id"] == list(first)
    assert [] == rescued


def test_an_identity_keeps_its_time_and_whether_it_is_new() -> None:
    """
    The list form's time and mark are in the map, converted like any leaf.
    """
    identity = UserIdentity(
        identity_type="email",
        identity=7,
        timestamp_unixtime_ms="1540483995196",
        created_this_batch="True",
    )
    expected = {
        "email": {
            "identity": "7",
            "timestamp_unixtime_ms": 1540483995196,
            "created_this_batch": True,
        }
    }

    assert ([expected], []) == column(IDENTITIES, [[identity]])


@pytest.mark.parametrize("value", [{}, [], [None]])
def test_identities_without_any_are_an_empty_map(value: Any) -> None:
    """
    An object or a list without identities is an empty map, not a null.
    """
    assert ({}, []) == names_of(value)


def test_a_null_identity_is_an_entry() -> None:
    """
    An identity type whose value is null has an entry without identity.
    """
    assert ({"email": None}, []) == names_of({"email": None})


def test_an_unknown_identity_type_keeps_its_name() -> None:
    """
    An identity type that the schema does not know is a key as it came.
    """
    assert ({"Loyalty Id": "x"}, []) == names_of({"Loyalty Id": "x"})


def test_of_two_identities_with_one_name_the_second_is_rescued() -> None:
    """
    Of two spellings of one identity type the first is taken, the other rescued.
    """
    value = {"customerid": "a", "customer_id": "b", "email": "c"}

    assert (
        {"customer_id": "a", "email": "c"},
        [(0, "/customer_id", "b")],
    ) == names_of(value)


def test_a_second_identity_of_a_list_is_rescued_whole() -> None:
    """
    A second item of one identity type is rescued with all that it says.
    """
    value = [
        UserIdentity(identity_type="email", identity="a"),
        UserIdentity(identity_type="Email", identity="b", created_this_batch=False),
    ]
    expected = {"identity_type": "Email", "identity": "b", "created_this_batch": False}

    assert ({"email": "a"}, [(0, "/1", expected)]) == names_of(value)


@pytest.mark.parametrize("identity_type", [None, ""])
def test_an_identity_without_a_type_is_rescued(identity_type: str | None) -> None:
    """
    An item that does not say its type has no key, and is rescued.
    """
    item = UserIdentity(identity_type=identity_type, identity="a")
    ((row, pointer, value),) = names_of([None, item])[1]

    assert (0, "/1", "a") == (row, pointer, value["identity"])
    assert {} == names_of([None, item])[0]


def test_an_identity_type_that_is_a_number_is_a_key() -> None:
    """
    An identity type that is another scalar is its text.
    """
    item = UserIdentity(identity_type=7, identity="a")

    assert ({"7": "a"}, []) == names_of([item])


def test_a_rescued_identity_is_named_as_it_came() -> None:
    """
    An identity that does not convert is named by its key, or by index and member.
    """
    as_object = {"customerId": "\ud800"}
    as_list = [UserIdentity(identity_type="email", timestamp_unixtime_ms="soon")]
    actual, rescued = column(IDENTITIES, [None, as_object, {}, as_list])

    assert actual[1]["customer_id"]["identity"] is None
    assert actual[3]["email"]["timestamp_unixtime_ms"] is None
    assert [
        (1, "/customerId", "\ud800"),
        (3, "/0/timestamp_unixtime_ms", "soon"),
    ] == rescued


def test_a_rescued_identity_among_objects_is_named_by_its_key() -> None:
    """
    Where all identities are objects, one that does not convert is named by its key.
    """
    values = [{"email": "a"}, None, {}, {"other": "b", "a/Id": "\ud800"}]
    actual, rescued = column(IDENTITIES, values)

    assert ("a", "b") == (
        actual[0]["email"]["identity"],
        actual[3]["other"]["identity"],
    )
    assert [None, {}] == actual[1:3]
    assert actual[3]["a/Id"]["identity"] is None
    assert [(3, "/a~1Id", "\ud800")] == rescued


def test_objects_of_identities_keep_what_each_batch_says() -> None:
    """
    Batches with and without a second spelling of a type do not disturb each other.
    """
    values = [
        {"email": "a"},
        {"customerid": "b", "CustomerId": "c"},
        {"email": None, "customer_id": 7},
    ]
    actual, rescued = column(IDENTITIES, values)
    names = [{name: each["identity"] for name, each in row.items()} for row in actual]

    assert [
        {"email": "a"},
        {"customer_id": "b"},
        {"email": None, "customer_id": "7"},
    ] == names
    assert [(1, "/CustomerId", "c")] == rescued


# -- order of members -------------------------------------------------------


def test_members_keep_the_order_of_their_class() -> None:
    """
    A struct's fields come in the order of the class, not of the payload.
    """
    values = [SourceInfo(partner="x", channel="partner")]
    ((actual,), _) = column(object_shape(SourceInfo), values)

    assert ["channel", "partner"] == list(actual)[:2]
