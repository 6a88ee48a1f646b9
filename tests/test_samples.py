"""
The sample batches that are shipped.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest

from databricks_forwarder import Forwarder
from databricks_forwarder._cli_sources import open_source
from databricks_forwarder._door import admit
from databricks_forwarder.errors import PayloadError
from databricks_forwarder.mparticle.batch import EVENT_TYPES
from databricks_forwarder.mparticle.decode import decode
from databricks_forwarder.mparticle.keys import KeyMaker
from databricks_forwarder.testing._sample_maker import make_samples, write_samples
from databricks_forwarder.testing.payloads import odd_paths, sample_paths

ROOT = Path(__file__).parents[1]
PLACE = ROOT / "databricks_forwarder" / "testing" / "samples"


def documents(path: Path) -> list[bytes]:
    """
    The payloads in a file, as the command line reads them.
    """
    with open_source(str(path)) as source:
        return [found.document for found in source.batches()]


def is_refused(document: bytes) -> bool:
    """
    Whether the door refuses it.
    """
    try:
        admit(document, 2**20)
    except PayloadError:
        return True
    return False


@pytest.fixture(name="payloads", scope="module")
def _payloads() -> list[bytes]:
    return [document for path in sample_paths() for document in documents(path)]


def content(path: Path) -> bytes:
    """
    A file's content, uncompressed.
    """
    written = path.read_bytes()
    return gzip.decompress(written) if path.suffix == ".gz" else written


def test_making_the_samples_again_makes_the_same() -> None:
    """
    What is shipped is what the maker makes, no file more or less.
    """
    shipped = {
        path.relative_to(PLACE).as_posix(): content(path)
        for path in (*sample_paths(), *odd_paths())
    }

    assert make_samples() == shipped


def test_written_samples_are_the_same_in_every_year(tmp_path: Path) -> None:
    """
    Compressed files carry no moment, so writing them anew changes nothing.
    """
    write_samples(tmp_path / "one")
    write_samples(tmp_path / "two")
    names = sorted(
        path.relative_to(tmp_path / "one") for path in tmp_path.glob("one/**/*.*")
    )

    assert len(make_samples()) == len(names)
    assert [(tmp_path / "one" / name).read_bytes() for name in names] == [
        (tmp_path / "two" / name).read_bytes() for name in names
    ]


def test_maker_is_a_program(tmp_path: Path) -> None:
    """
    Who changes the maker writes the samples anew with it.
    """
    module = "databricks_forwarder.testing._sample_maker"
    subprocess.run([sys.executable, "-m", module, tmp_path], cwd=ROOT, check=True)

    assert (PLACE / "single.json").read_bytes() == (
        tmp_path / "single.json"
    ).read_bytes()


def test_samples_are_many_and_small(payloads: list[bytes]) -> None:
    """
    There is enough to see routing at work, and little to carry around.
    """
    messages = sum(admit(payload, 2**20).message_count for payload in payloads)
    size = sum(path.stat().st_size for path in (*sample_paths(), *odd_paths()))

    assert 421 == len(payloads)
    assert 2560 == messages
    assert size < 400_000


def test_samples_have_all_event_types(payloads: list[bytes]) -> None:
    """
    Each of the 19 event types occurs, outside of the single batch too.
    """
    types = {
        event.event_type
        for payload in payloads[:-1]
        for event in decode(payload).events
    }

    assert EVENT_TYPES == types


def test_single_batch_has_all_event_types() -> None:
    """
    One batch over many lines shows each event type once.
    """
    (document,) = documents(PLACE / "single.json")

    assert Counter(EVENT_TYPES) == Counter(
        event.event_type for event in decode(document).events
    )


def test_samples_have_two_feeds_and_batches_without_events(
    payloads: list[bytes],
) -> None:
    """
    One feed says so in the batch, the other in the attributes of its events.
    """
    maker = KeyMaker()
    keys = Counter(key for payload in payloads for key in maker.glance(payload))

    assert {None, "Parcel Post", "Newsletter"} == {key.feed for key in keys}
    assert 20 == sum(count for key, count in keys.items() if key.event_type is None)


def test_samples_have_ids_and_identities_in_both_forms(payloads: list[bytes]) -> None:
    """
    64-bit ids come as numbers and as text, identities as object and as list.
    """
    batches = [json.loads(payload) for payload in payloads]

    assert {int, str} == {type(batch["mpid"]) for batch in batches}
    assert {int, str} == {type(batch["batch_id"]) for batch in batches}
    assert {dict, list} == {type(batch["user_identities"]) for batch in batches}


def test_samples_name_invented_people_only(payloads: list[bytes]) -> None:
    """
    Addresses are of the ranges that are kept for documentation.
    """
    batches = [json.loads(payload) for payload in payloads]
    addresses = {batch["ip"].rpartition(".")[0] for batch in batches}
    hosts = {
        word.rstrip(b'"}],').rpartition(b"@")[2]
        for payload in payloads
        for word in payload.replace(b'"', b" ").split()
        if b"@" in word
    }

    assert {"192.0.2"} == addresses
    assert {b"example.com"} == hosts


def test_samples_go_to_tables_of_their_own(
    tmp_path: Path, payloads: list[bytes]
) -> None:
    """
    With a threshold of 100 frequent kinds leave the common table.
    """
    with Forwarder.for_lake(
        tmp_path / "lake", spool=tmp_path / "spool.db", events_threshold=100
    ) as forwarder:
        plan = forwarder.plan(payloads)

    assert {
        "application_state_transition": 124,
        "ecomm_add_to_cart": 211,
        "ecomm_purchase": 149,
        "event_navigation_reciperead": 218,
        "event_search_search": 305,
        "mparticle_otherevents": 404,
        "newsletter": 146,
        "parcelpost": 90,
        "screen_view": 580,
        "session_end": 157,
        "session_start": 176,
    } == {table.table: table.message_count for table in plan.tables}
    assert (0, {}) == (plan.dropped, plan.dead)


def test_samples_have_values_to_be_rescued(payloads: list[bytes]) -> None:
    """
    An unknown member is rescued when it is read; a word for a number later.
    """
    unknown = sum(decode(payload).rescued is not None for payload in payloads)
    wide = sum(b'"screen_width":"wide"' in payload for payload in payloads)

    assert (7, 7) == (unknown, wide)


@pytest.mark.parametrize("path", odd_paths(), ids=lambda path: path.name)
def test_odd_file_is_refused_if_its_name_says_so(path: Path) -> None:
    """
    The door refuses all that an odd file holds, or nothing of it.
    """
    refused = {is_refused(document) for document in documents(path)}

    assert refused <= {path.name.startswith("refused-")}


def test_samples_are_in_the_wheel(tmp_path: Path) -> None:
    """
    Who installs the package has the samples.
    """
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
    shipped = {
        path.relative_to(ROOT).as_posix() for path in (*sample_paths(), *odd_paths())
    }

    assert set() == shipped - names
