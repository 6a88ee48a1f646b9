"""
Batches → rows of their tables.
"""

from __future__ import annotations

import gc
import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest

from databricks_forwarder._gathered_batches import RoutedBatch
from databricks_forwarder._rows import TableRows, arrange
from databricks_forwarder._table_columns import OWN_COLUMNS, schema_of
from databricks_forwarder.model import LoadId, Offset, Table, TableName
from databricks_forwarder.mparticle.batch import BODIES
from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.testing.workload import workload

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
LOAD = LoadId("0123456789ab-7-9")
COMMON = Table(TableName("otherevents"))
OWN = ["_event_timestamp", "_received_at", "_load_id", "_offset", "_position"]


def routed(
    payload: dict[str, Any] | bytes,
    *tables: Table | None,
    offset: int = 7,
    received_at: datetime = AT,
) -> RoutedBatch:
    """
    A batch with a table for each message; one table given is for all of them.
    """
    text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    decoded = decode(text)
    count = len(decoded.events) or 1
    return RoutedBatch(
        Offset(offset),
        received_at,
        decoded,
        tables if len(tables) == count else (tables or (COMMON,)) * count,
    )


def parts_of(*batches: RoutedBatch) -> list[TableRows]:
    """
    The parts of a chunk, each checked to be what it says.
    """
    parts = list(arrange(batches, LOAD))
    for part in parts:
        part.rows.validate(full=True)
        texts = part.rows.column("_rescued_data")

        assert len(part.rows) > 0
        assert schema_of(part.table.event_type) == part.rows.schema
        assert len(texts) - texts.null_count == part.rescued_count
    return parts


def rows_of(*batches: RoutedBatch) -> list[dict[str, Any]]:
    """
    The rows of a chunk by offset and position; moments as microseconds.
    """
    rows: list[dict[str, Any]] = []
    for part in parts_of(*batches):
        table = pa.Table.from_batches([part.rows])
        for name in ("_event_timestamp", "_received_at"):
            place = table.schema.get_field_index(name)
            moments = table.column(name).cast(pa.int64())
            table = table.set_column(place, name, moments)
        rows += [
            {"table": part.table.name, **row}
            for row in table.to_pylist(maps_as_pydicts="strict")
        ]
    return sorted(rows, key=lambda row: (row["_offset"], row["_position"]))


def row_of(payload: dict[str, Any] | bytes) -> dict[str, Any]:
    """
    The only row of a payload.
    """
    (row,) = rows_of(routed(payload))
    return row


def rescued_of(payload: dict[str, Any] | bytes) -> Any:
    """
    What the only row of a payload says was rescued.
    """
    text = row_of(payload)["_rescued_data"]
    return text and json.loads(text)


def microseconds(moment: datetime) -> int:
    """
    A moment as microseconds since 1970.
    """
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (moment - epoch) // timedelta(microseconds=1)


def event(event_type: str, **data: Any) -> dict[str, Any]:
    """
    An event with its data.
    """
    return {"event_type": event_type, "data": data}


# -- schemas ----------------------------------------------------------------


@pytest.mark.parametrize("event_type", [None, *sorted(BODIES)])
def test_columns_come_in_one_order(event_type: str | None) -> None:
    """
    A table begins with the event's type and the library's own columns.
    """
    names = schema_of(event_type).names

    assert ["event_type", *OWN] == names[:6]
    assert ["data", "_rescued_data"] == names[-2:]
    assert len(set(names)) == len(names)


def test_the_librarys_own_columns_have_their_types() -> None:
    """
    Moments are microseconds in UTC, the offset has 64 bits and the place 32.
    """
    timestamp = pa.timestamp("us", tz="UTC")
    schema = schema_of(None)
    expected = [timestamp, timestamp, pa.string(), pa.int64(), pa.int32()]

    assert OWN == [name for name, _, _ in OWN_COLUMNS]
    assert expected == [schema.field(name).type for name in OWN]
    assert pa.string() == schema.field("_rescued_data").type


@pytest.mark.parametrize("event_type", ["never_heard_of", "", "Custom_Event"])
def test_an_unknown_event_type_has_the_columns_of_all(event_type: str) -> None:
    """
    The table of an unknown event type has the fields of all event types.
    """
    assert schema_of(None) == schema_of(event_type)


@pytest.mark.parametrize("event_type", sorted(BODIES))
def test_a_table_of_one_type_differs_in_its_data_only(event_type: str) -> None:
    """
    The columns of all tables are the same but for the fields of ``data``.
    """
    own, common = schema_of(event_type), schema_of(None)
    place = own.get_field_index("data")

    assert common.remove(place) == own.remove(place)
    assert {field.name for field in own.field("data").type} < {
        field.name for field in common.field("data").type
    }


# -- tables -----------------------------------------------------------------


def test_no_batches_are_no_rows() -> None:
    """
    A chunk without batches has no rows.
    """
    assert [] == parts_of()


def test_a_message_without_table_is_no_row() -> None:
    """
    A message whose table is None has no row; its neighbours keep their places.
    """
    payload = {"events": [event("opt_out"), event("opt_out"), event("first_run")]}
    rows = rows_of(routed(payload, None, COMMON, None))

    assert [1] == [row["_position"] for row in rows]
    assert [] == parts_of(routed({}, None))


def test_a_table_of_its_own_has_the_fields_of_its_type() -> None:
    """
    A table of one event type holds the fields of that type and no other.
    """
    own = Table(TableName("event_social_x"), "custom_event")
    (part,) = parts_of(routed({"events": [event("custom_event", event_name="x")]}, own))
    data = part.rows.schema.field("data").type

    assert schema_of("custom_event").field("data").type == data
    assert own == part.table


def test_the_common_table_has_the_fields_of_all_types() -> None:
    """
    A row in the common table has the fields of other types, all null.
    """
    (part,) = parts_of(routed({"events": [event("opt_out", is_opted_out=True)]}))
    (data,) = part.rows.column("data").to_pylist()

    assert {"is_opted_out": True} == {k: v for k, v in data.items() if v is not None}
    assert "session_duration_ms" in data


def test_own_and_common_tables_share_a_chunk() -> None:
    """
    Of one event type some rows go to a narrow table and some to the common one.
    """
    own = Table(TableName("a_own"), "opt_out")
    payload = {"events": [event("opt_out", event_id=number) for number in range(4)]}
    rows = rows_of(routed(payload, own, COMMON, own, COMMON))

    assert ["a_own", "otherevents"] * 2 == [row["table"] for row in rows]
    assert [0, 1, 2, 3] == [row["data"]["event_id"] for row in rows]


def test_a_table_takes_rows_of_several_types() -> None:
    """
    Events of different types in one table have one schema, type by type.
    """
    types = ["opt_out", "first_run", "commerce_event", "never_heard_of", "opt_out"]
    parts = parts_of(routed({"events": [event(each) for each in types]}))

    assert {COMMON} == {part.table for part in parts}
    assert {schema_of(None)} == {part.rows.schema for part in parts}
    assert sorted(types) == sorted(
        each for part in parts for each in part.rows.column("event_type").to_pylist()
    )


def test_types_without_fields_of_their_own_share_a_part() -> None:
    """
    Event types that have the same fields are built together.
    """
    table = Table(TableName("t"), "first_run")
    payload = {"events": [event("uninstall"), event("first_run")]}
    (part,) = parts_of(routed(payload, table))

    assert ["uninstall", "first_run"] == part.rows.column("event_type").to_pylist()


def test_rows_of_a_part_are_in_the_order_of_offset_and_position() -> None:
    """
    The rows of a table come in the order of their records and events.
    """
    one, two = Table(TableName("b")), Table(TableName("a"))
    payload = {"events": [event("opt_out"), event("opt_out"), event("opt_out")]}
    batches = [
        routed(payload, one, two, one, offset=7),
        routed(payload, two, one, two, offset=8),
    ]
    actual = {
        part.table.name: list(
            zip(
                part.rows.column("_offset").to_pylist(),
                part.rows.column("_position").to_pylist(),
                strict=True,
            )
        )
        for part in parts_of(*batches)
    }

    assert {
        "b": [(7, 0), (7, 2), (8, 1)],
        "a": [(7, 1), (8, 0), (8, 2)],
    } == actual


def test_each_row_is_told_apart_by_offset_and_position() -> None:
    """
    Offset and position are a primary key of a chunk's rows.
    """
    batches = [
        routed(payload, offset=offset)
        for offset, payload in enumerate(workload(20, event_name_count=3))
    ]
    rows = rows_of(*batches)
    keys = [(row["_offset"], row["_position"]) for row in rows]

    assert len(set(keys)) == len(keys)
    assert sum(len(each.decoded.events) for each in batches) == len(keys)


# -- batch columns ----------------------------------------------------------


def test_batch_columns_repeat_on_each_row() -> None:
    """
    What the batch says, and where it was, is on each row of its events.
    """
    payload = {
        "mpid": "12",
        "device_info": {"brand": "Aster"},
        "user_attributes": {"plan": "free", "tag": None},
        "events": [event("opt_out"), event("first_run")],
    }
    rows = rows_of(routed(payload))

    assert [(12, "Aster", {"plan": "free", "tag": None}, LOAD, 7)] * 2 == [
        (
            row["mpid"],
            row["device_info"]["brand"],
            row["user_attributes"],
            row["_load_id"],
            row["_offset"],
        )
        for row in rows
    ]


def test_batches_of_a_chunk_keep_their_own_columns() -> None:
    """
    Each row has the columns of its own batch, absent objects included.
    """
    batches = [
        routed({"mpid": 1, "context": {"data_plan": {"plan_id": "x"}}}, offset=1),
        routed({"events": [event("opt_out"), event("custom_event")]}, offset=2),
        routed({"mpid": 3, "context": {}, "events": [event("opt_out")]}, offset=3),
    ]
    rows = rows_of(*batches)

    assert [1, None, None, 3] == [row["mpid"] for row in rows]
    assert [
        {"data_plan": {"plan_id": "x", "plan_version": None}, "location": None},
        None,
        None,
        {"data_plan": None, "location": None},
    ] == [row["context"] for row in rows]


@pytest.mark.parametrize("payload", [{}, {"events": None}, {"events": [], "mpid": 5}])
def test_a_batch_without_events_is_a_row_without_event(payload: dict[str, Any]) -> None:
    """
    A batch without events is one row without type and data, at position 0.
    """
    row = row_of(payload)

    assert (None, None, 0, payload.get("mpid")) == (
        row["event_type"],
        row["data"],
        row["_position"],
        row["mpid"],
    )


def test_absent_data_is_not_empty_data() -> None:
    """
    An event without data has a null, an event with empty data a struct of nulls.
    """
    payload = {"events": [{"event_type": "opt_out"}, event("opt_out")]}
    absent, empty = rows_of(routed(payload))

    assert absent["data"] is None
    assert {None} == set(empty["data"].values())


@pytest.mark.parametrize("event_type", ["user_attribute_change", "never_heard_of"])
def test_new_and_old_of_an_attribute_change_are_text(event_type: str) -> None:
    """
    The values of an attribute change are text, a list as JSON.
    """
    data = row_of({"events": [event(event_type, new=["a", 1], old="b")]})["data"]

    assert ('["a",1]', "b", None) == (data["new"], data["old"], data["new_identity"])


def test_new_and_old_of_an_identity_change_are_structs() -> None:
    """
    The identities of an identity change are in two columns of their own.
    """
    new = {"identity_type": "email", "identity": "b"}
    data = row_of({"events": [event("user_identity_change", new=new, old=None)]})[
        "data"
    ]

    assert ("email", "b") == (
        data["new_identity"]["identity_type"],
        data["new_identity"]["identity"],
    )
    assert (None, None, None) == (data["old_identity"], data["new"], data["old"])


def test_a_products_price_is_a_number_in_place() -> None:
    """
    Commerce structures stay nested, their leaves typed.
    """
    action = {"action": "purchase", "products": [{"price": "1.50"}, None]}
    data = row_of({"events": [event("commerce_event", product_action=action)]})["data"]
    first, second = data["product_action"]["products"]

    assert (1.5, None) == (first["price"], second)


# -- time -------------------------------------------------------------------

FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999


@pytest.mark.parametrize(
    ("of_event", "of_batch", "expected"),
    [
        (1_000, 2_000, 1_000_000),
        ("1000", 2_000, 1_000_000),
        (0, 2_000, 0),
        (-1, 2_000, -1_000),
        (None, 2_000, 2_000_000),
        (None, "2000", 2_000_000),
        ("", 2_000, 2_000_000),
        ("soon", 2_000, 2_000_000),
        (1.5, 2_000, 2_000_000),
        (FIRST_MS, 2_000, FIRST_MS * 1_000),
        (FIRST_MS - 1, 2_000, 2_000_000),
        (LAST_MS, 2_000, LAST_MS * 1_000),
        (LAST_MS + 1, 2_000, 2_000_000),
        (2**63 - 1, 2_000, 2_000_000),
        (-(2**63), 2_000, 2_000_000),
        (2**63, 2_000, 2_000_000),
        (None, None, microseconds(AT)),
        (None, LAST_MS + 1, microseconds(AT)),
        (2**62, -(2**62), microseconds(AT)),
    ],
)
def test_the_event_timestamp_is_the_best_there_is(
    of_event: Any, of_batch: Any, expected: int
) -> None:
    """
    An event's moment is its own, else the batch's, else when it was received.
    """
    row = row_of(
        {
            "timestamp_unixtime_ms": of_batch,
            "events": [event("opt_out", timestamp_unixtime_ms=of_event)],
        }
    )

    assert expected == row["_event_timestamp"]


def test_the_moment_of_a_batch_without_events_is_its_own() -> None:
    """
    A row without event has the batch's time, or the time of receipt.
    """
    assert 5_000 == row_of({"timestamp_unixtime_ms": 5})["_event_timestamp"]
    assert microseconds(AT) == row_of({})["_event_timestamp"]


def test_an_impossible_time_stays_in_its_column() -> None:
    """
    A time that no calendar has is no moment, and is still in its own column.
    """
    row = row_of({"events": [event("opt_out", timestamp_unixtime_ms=2**63 - 1)]})

    assert (2**63 - 1, None) == (
        row["data"]["timestamp_unixtime_ms"],
        row["_rescued_data"],
    )


def test_the_time_of_receipt_is_exact_to_the_microsecond() -> None:
    """
    Each row has the moment its batch was received, in UTC.
    """
    east = timezone(timedelta(hours=9))
    batches = [
        routed({}, offset=1),
        routed({}, offset=2, received_at=AT.astimezone(east)),
        routed({}, offset=3, received_at=AT + timedelta(microseconds=1)),
    ]
    base = microseconds(AT)

    assert [base, base, base + 1] == [row["_received_at"] for row in rows_of(*batches)]


# -- rescued ----------------------------------------------------------------


def test_nothing_rescued_is_null() -> None:
    """
    A row of which nothing had to be rescued says null.
    """
    assert row_of({"events": [event("opt_out")]})["_rescued_data"] is None


def test_what_a_batch_rescues_repeats_on_each_row() -> None:
    """
    What is rescued of the batch is on each of its rows, and on no other batch's.
    """
    odd = {"foo": 1, "mpid": "x", "events": [event("opt_out"), event("first_run")]}
    batches = [
        routed({"events": [event("opt_out")]}, offset=1),
        routed(odd, offset=2),
        routed({}, offset=3),
    ]
    expected = '{"/foo":1,"/mpid":"x"}'

    assert [None, expected, expected, None] == [
        row["_rescued_data"] for row in rows_of(*batches)
    ]


def test_what_an_event_rescues_is_on_its_row() -> None:
    """
    What is rescued of an event, by decoding or by its column, is on its row only.
    """
    payload = {
        "events": [
            event("opt_out", foo=[1], is_opted_out="maybe"),
            event("opt_out", is_opted_out=True),
            event("opt_out", event_id="x"),
            7,
        ]
    }
    texts = [row["_rescued_data"] for row in rows_of(routed(payload))]

    assert [
        {"/events/data/foo": [1], "/events/data/is_opted_out": "maybe"},
        None,
        {"/events/data/event_id": "x"},
        {"/events": 7},
    ] == [text and json.loads(text) for text in texts]


def test_rescued_rows_are_counted() -> None:
    """
    A part says how many of its rows have something rescued.
    """
    payload = {"events": [event("opt_out", foo=1), event("opt_out"), event("opt_out")]}
    (part,) = parts_of(routed(payload))

    assert (1, 3) == (part.rescued_count, len(part.rows))


def test_rescued_text_is_readable() -> None:
    """
    What is rescued is compact JSON in its own letters.
    """
    row = row_of({"größe": "é", "a": None})

    assert '{"/größe":"é","/a":null}' == row["_rescued_data"]


@pytest.mark.parametrize(
    "payload",
    [b'{"\\ud800":"\xc3\xa9"}', b'{"\xc3\xa9":"\\udfff"}', b'{"ip":"\\ud800\xc3\xa9"}'],
)
def test_rescued_text_with_half_a_pair_is_ascii(payload: bytes) -> None:
    """
    What is rescued with half a surrogate pair is JSON in ASCII, and reads back.
    """
    text = row_of(payload)["_rescued_data"]
    ((pointer, value),) = json.loads(text).items()

    assert text.isascii()
    assert json.loads(payload) == {pointer.removeprefix("/"): value}


@pytest.mark.parametrize("digits", [19, 20, 4000, 4001, 4300, 4301, 5000])
def test_a_number_with_many_digits_is_rescued(digits: int) -> None:
    """
    An integer of more than 64 bits is rescued with all of its digits.
    """
    number = "9" * digits
    payload = f'{{"mpid":{number}}}'.encode()
    text = row_of(payload)["_rescued_data"]

    assert row_of(payload)["mpid"] is None
    assert text in (f'{{"/mpid":{number}}}', f'{{"/mpid":"{number}"}}')


def test_an_infinite_number_is_rescued_as_it_was_written() -> None:
    """
    A number that no double holds is rescued as text, so that JSON can say it.
    """
    payload = b'{"events":[{"event_type":"custom_event","data":{"location":'
    payload += b'{"latitude":1e400,"longitude":-1E+999}}}]}'

    assert {
        "/events/data/location/latitude": "1e400",
        "/events/data/location/longitude": "-1E+999",
    } == rescued_of(payload)


def test_a_rescued_value_is_not_replaced_by_the_null_in_its_place() -> None:
    """
    A value that decoding rescued is kept when its column rescues the null left there.
    """
    payload = {"user_identities": {"email": "a", "Email": {"b": 1}}}

    assert {"/user_identities/Email": {"b": 1}} == rescued_of(payload)


def test_a_repeated_key_is_told_beside_its_last_value() -> None:
    """
    Both values of a repeated key are in the row: one in its column, one rescued.
    """
    row = row_of(b'{"mpid":1,"mpid":2}')

    assert (2, '{"/mpid~repeated/0":1}') == (row["mpid"], row["_rescued_data"])


@pytest.mark.parametrize(
    "payload",
    [
        b'{"api_key":"s3cret","api_keys":["s3cret"]}',
        b'{"api_key":"s3cret","api_key":"s3cret","foo":1}',
        b'{"api_keys":[{"a":"s3cret","a":"s3cret"}],"events":[7]}',
    ],
)
def test_a_credential_is_in_no_row(payload: bytes) -> None:
    """
    A key of the API is neither a column nor rescued.
    """
    row = row_of(payload)

    assert "s3cret" not in str(row)
    assert set() == {"api_key", "api_keys"} & set(row)


# -- values of ours ---------------------------------------------------------


def test_a_batch_says_nothing_in_its_repr() -> None:
    """
    Neither a routed batch nor a table's rows show what they hold.
    """
    batch = routed({"ip": "192.0.2.77"})
    (part,) = parts_of(batch)

    assert "192.0.2.77" not in repr(batch) + repr(part)


def test_memory_is_given_back() -> None:
    """
    Rows hold Arrow's memory only as long as someone holds them.
    """
    payloads = list(workload(30))

    def rows_made() -> int:
        chunk = [routed(each, offset=at) for at, each in enumerate(payloads)]
        return sum(len(part.rows) for part in arrange(chunk, LOAD))

    expected = rows_made()  # what is made once stays: schemas and nulls
    gc.collect()
    before = pa.total_allocated_bytes()
    actual = rows_made()
    gc.collect()

    assert expected == actual
    assert before == pa.total_allocated_bytes()
