"""
Files of batches as the command line reads and receives them.
"""

from __future__ import annotations

import gzip
import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from databricks_forwarder import Forwarder
from databricks_forwarder._cli_intake import Intake
from databricks_forwarder._cli_sources import (
    Found,
    Source,
    SourceError,
    open_source,
    require_readable,
)
from databricks_forwarder._door import split_array
from databricks_forwarder.errors import ConfigurationError, PayloadError
from databricks_forwarder.testing.payloads import make_payload

ONE = b'{"mpid": 1}'
TWO = b'{"mpid": 2, "events": []}'
PRETTY = b'{\n  "mpid": 1,\n  "events": [\n{}\n]\n}\n'


def found_in(
    content: bytes, *, max_document_bytes: int = 1000
) -> list[tuple[str, bytes]]:
    """
    Read *content* as the file ``f``.
    """
    source = Source("f", io.BytesIO(content), lambda: 0, max_document_bytes)
    return [(found.place, found.document) for found in source.batches()]


@pytest.fixture(name="forwarder")
def _forwarder(tmp_path: Path) -> Iterator[Forwarder]:
    with Forwarder.for_lake(tmp_path / "lake", spool=tmp_path / "spool.db") as opened:
        yield opened


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b" \n\n", []),
        (b"\xef\xbb\xbf", []),
        (b"[]", []),
        (ONE, [("f, line 1", ONE)]),
        (ONE + b"\n" + TWO, [("f, line 1", ONE), ("f, line 2", TWO)]),
        (b"\n" + ONE + b"\r\n\r\n" + TWO, [("f, line 2", ONE), ("f, line 4", TWO)]),
        (b"\xef\xbb\xbf" + ONE + b"\n", [("f, line 1", ONE)]),
        (PRETTY, [("f", PRETTY)]),
        (
            b"[" + ONE + b",\n " + TWO + b"]",
            [("f, element 1", ONE), ("f, element 2", TWO)],
        ),
        (b"\n [\n" + ONE + b"\n]\n", [("f, element 1", ONE)]),
        (b"\xef\xbb\xbf[" + ONE + b"]", [("f, element 1", ONE)]),
        (
            ONE + b"\nno\n" + TWO,
            [("f, line 1", ONE), ("f, line 2", b"no"), ("f, line 3", TWO)],
        ),
        (b'{"mp\n' + TWO, [("f, line 1", b'{"mp'), ("f, line 2", TWO)]),
        (b"\xff\n" + TWO, [("f, line 1", b"\xff"), ("f, line 2", TWO)]),
        (
            b"no\nno again\n\n" + TWO,
            [("f, line 1", b"no"), ("f, line 2", b"no again"), ("f, line 4", TWO)],
        ),
        (b"[1]\n" + TWO, [("f, line 1", b"[1]"), ("f, line 2", TWO)]),
        (b'{"mpid":\n', [("f", b'{"mpid":\n')]),
        (b'{"mpid":\n{}\n', [("f", b'{"mpid":\n{}\n')]),
        (b'{"a":[\n  {"mpid":1}\n', [("f", b'{"a":[\n  {"mpid":1}\n')]),
        (b'{"mpid":\n1,\n', [("f", b'{"mpid":\n1,\n')]),
        (b"3", [("f", b"3")]),
        (b"\x0b\n\x0c\n" + ONE, [("f, line 3", ONE)]),
    ],
)
def test_content_tells_its_form(
    content: bytes, expected: list[tuple[str, bytes]]
) -> None:
    """
    Lines, a document and an array are told apart by what they begin with.
    """
    found = found_in(content)

    assert expected == found


def test_document_over_the_limit_is_refused_with_a_way_out() -> None:
    """
    A document that can't be held whole is to be written as lines.
    """
    with pytest.raises(SourceError) as caught:
        found_in(PRETTY, max_document_bytes=len(PRETTY) - 1)

    assert "one batch a line" in str(caught.value)


def test_array_over_the_limit_is_refused() -> None:
    """
    An array that can't be held whole is to be written as lines.
    """
    with pytest.raises(SourceError) as caught:
        found_in(b"[" + ONE + b"]", max_document_bytes=len(ONE))

    assert "one batch a line" in str(caught.value)


def test_document_at_the_limit_is_read() -> None:
    """
    The limit is inclusive.
    """
    found = found_in(PRETTY, max_document_bytes=len(PRETTY))

    assert [("f", PRETTY)] == found


def test_many_lines_are_read_whatever_their_sum() -> None:
    """
    The limit holds for a line, not for a file of lines.
    """
    found = found_in((ONE + b"\n") * 50, max_document_bytes=20)

    assert 50 == len(found)


def test_long_line_is_cut_and_the_next_is_whole() -> None:
    """
    Of a line over the limit its beginning is found, to be refused by the door.
    """
    long = b'{"mpid": ' + b"1" * 60
    found = found_in(ONE + b"\n" + long + b"}\n" + TWO, max_document_bytes=30)

    assert [("f, line 1", ONE), ("f, line 2", long[:30]), ("f, line 3", TWO)] == found


def test_damaged_first_line_of_a_large_file_costs_no_other() -> None:
    """
    Lines after a damaged first one are found beyond what is looked at whole.
    """
    content = b"{\n" + (TWO + b"\n") * 10
    found = found_in(content, max_document_bytes=60)

    assert [("f, line 1", b"{")] == found[:1]
    assert [TWO] * 10 == [document for _, document in found[1:]]


@pytest.mark.parametrize("between", [b"", b"\n"])
def test_broken_array_is_told_as_a_whole(between: bytes) -> None:
    """
    An array that ends early yields nothing, since its end may be missing.
    """
    with pytest.raises(SourceError) as caught:
        found_in(b"[" + between + ONE + b"," + between + TWO)

    assert str(caught.value).startswith("f can't be taken apart: not a JSON array")


@pytest.mark.parametrize("name", ["plain.json", "odd.gz", "no-suffix"])
def test_gzip_is_told_by_its_first_bytes(name: str, tmp_path: Path) -> None:
    """
    A file's name says nothing about its compression.
    """
    path = tmp_path / name
    path.write_bytes(gzip.compress(ONE) + gzip.compress(b"\n" + TWO))
    with open_source(str(path)) as source:
        found = [each.document for each in source.batches()]

    assert [ONE, TWO] == found


def test_gzip_that_ends_early_gives_its_whole_lines(tmp_path: Path) -> None:
    """
    What was compressed before the end is found, then it is said.
    """
    path = tmp_path / "cut.gz"
    lines = b"".join(b'{"mpid": %d}\n' % number for number in range(40_000))
    path.write_bytes(gzip.compress(lines)[:-1000])
    found: list[bytes] = []
    with open_source(str(path)) as source, pytest.raises(SourceError, match="cut"):
        found.extend(each.document for each in source.batches())

    assert 10_000 < len(found) < 40_000
    assert lines.split(b"\n")[: len(found)] == found


@pytest.mark.parametrize(
    "damage", [b"\x1f\x8bxxxx", gzip.compress(ONE, mtime=0)[:12] + b"\xff" * 9]
)
def test_damaged_gzip_is_told(damage: bytes, tmp_path: Path) -> None:
    """
    Damaged compression is a sentence with the file's name.
    """
    path = tmp_path / "damaged"
    path.write_bytes(damage)
    with open_source(str(path)) as source, pytest.raises(SourceError, match="damaged"):
        list(source.batches())


def test_bytes_read_grow_to_the_size_of_the_file(tmp_path: Path) -> None:
    """
    How far a file is read is told in bytes of the file.
    """
    path = tmp_path / "f"
    path.write_bytes(ONE)
    with open_source(str(path)) as source:
        list(source.batches())
        read = source.bytes_read()

    assert len(ONE) == read


def test_pipe_tells_no_bytes_read(tmp_path: Path) -> None:
    """
    A named pipe is read like a file; nobody knows how far it is.
    """
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # Opened for both, so that neither side waits for the other.
    descriptor = os.open(path, os.O_RDWR)
    os.write(descriptor, ONE)
    with open_source(str(path)) as source:
        os.close(descriptor)
        found = [each.document for each in source.batches()]
        read = source.bytes_read()

    assert ([ONE], 0) == (found, read)


def test_source_that_can_not_be_opened_is_told(tmp_path: Path) -> None:
    """
    A file that went away is a sentence with its name.
    """
    with pytest.raises(SourceError) as caught, open_source(str(tmp_path / "gone")):
        pass

    assert f"{tmp_path}/gone can't be read: No such file or directory" == str(
        caught.value
    )


def test_missing_source_is_refused_before_any_is_read(tmp_path: Path) -> None:
    """
    A name without a file is a wrong usage.
    """
    with pytest.raises(ConfigurationError, match="No such file"):
        require_readable([str(tmp_path / "missing")])


def test_folder_is_refused(tmp_path: Path) -> None:
    """
    Folders are not walked; the sentence says what to do.
    """
    with pytest.raises(ConfigurationError, match="name the files in it"):
        require_readable([str(tmp_path)])


@pytest.mark.parametrize("again", ["f", "./f", "-"])
def test_source_named_twice_is_refused(
    again: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A source is received once, under whatever names.
    """
    monkeypatch.chdir(tmp_path)
    Path("f").write_bytes(ONE)
    with pytest.raises(ConfigurationError, match="twice"):
        require_readable(["f", "-", again])


def test_what_is_no_plain_file_is_not_opened_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Only a plain file can be opened without taking something of it.
    """
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        require_readable(["s"])
        with pytest.raises(SourceError), open_source("s"):
            pass


@pytest.mark.parametrize(
    ("document", "elements"),
    [
        (b"[]", []),
        (b' [ {"a" : 1} , 2]', [b'{"a" : 1}', b"2"]),
        (b'[{"a": NaN}, {"b":"\\ud800"} ]\n', [b'{"a": NaN}', b'{"b":"\\ud800"}']),
        pytest.param(
            b"[NaN, " + b"7" * 5000 + b"]", [b"NaN", b"7" * 5000], id="long number"
        ),
        (b'["\xff"]', [b'"\xff"']),
    ],
)
def test_elements_keep_their_bytes(document: bytes, elements: list[bytes]) -> None:
    """
    Taking an array apart changes no byte of its elements, odd ones included.
    """
    split = split_array(document)

    assert elements == split


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[1",
        b"[1 2]",
        b"[1,]",
        b"[1] 2",
        b"[NaN, '\xff']",
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"[NaN, " + b"[" * 100_000, id="deep and odd"),
    ],
)
def test_what_is_no_array_is_refused(document: bytes) -> None:
    """
    A document that is no array to its end is refused as a whole.
    """
    with pytest.raises(PayloadError, match="not a JSON array"):
        split_array(document)


def test_intake_counts_what_is_received(forwarder: Forwarder) -> None:
    """
    Payloads and messages are counted, and the last place is known.
    """
    intake = Intake(forwarder)
    intake.take(Found(f"f, line {number}", make_payload()) for number in range(1203))

    assert (1203, 1203) == (intake.record_count, intake.message_count)
    assert "f, line 1202" == intake.place
    assert 1203 == forwarder.status().waiting


def test_intake_hands_large_payloads_in_before_the_group_is_full(
    forwarder: Forwarder,
) -> None:
    """
    Memory is bounded by bytes as well: the first are received meanwhile.
    """
    intake = Intake(forwarder)
    large = make_payload(user_attributes={"note": "x" * 3 * 2**20})
    seen = []

    def found() -> Iterator[Found]:
        for number in range(3):
            seen.append(intake.record_count)
            yield Found(f"f, line {number}", large)

    intake.take(found())

    assert [0, 0, 2] == seen


def test_intake_refuses_one_and_receives_the_others(forwarder: Forwarder) -> None:
    """
    Payloads that are no batch cost no other payload of their group.
    """
    documents = [make_payload()] * 9
    documents[2] = b'{"events": 3}'
    documents[8] = b"no"
    intake = Intake(forwarder)
    intake.take(Found(f"{number}", each) for number, each in enumerate(documents))

    assert 7 == intake.record_count
    assert 2 == intake.refused_count
    assert {
        "2": "payload is no mParticle batch: events must be a list or null",
        "8": "payload is no mParticle batch: not JSON: Expecting value at character 0",
    } == intake.refused


def test_intake_tells_a_bounded_number_of_refusals(forwarder: Forwarder) -> None:
    """
    Of very many refused payloads all are counted and a thousand are told.
    """
    intake = Intake(forwarder)
    intake.take(Found(f"{number}", b"no") for number in range(1001))

    assert (1001, 1000) == (intake.refused_count, len(intake.refused))
