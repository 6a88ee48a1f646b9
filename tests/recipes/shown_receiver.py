"""
Tests of a receiver, beside fastapi_receiver.py; its page shows them.
"""

import pytest
from fastapi.testclient import TestClient
from fastapi_receiver import create_app

from databricks_forwarder.errors import TransientError
from databricks_forwarder.testing import MemoryForwarder
from databricks_forwarder.testing.faults import Fail
from databricks_forwarder.testing.payloads import make_event, make_payload

HOME = make_payload(make_event("screen_view", screen_name="Home"))
SIGN_IN = ("a-key", "a-secret")


@pytest.fixture
def made():
    """
    Make the forwarder that the application opens, to be asked and moved here.
    """
    return MemoryForwarder(max_spool_bytes=1000)


@pytest.fixture
def client(made):
    """
    Begin the application and end it, as a server does; the end closes `made`.
    """
    with TestClient(create_app(lambda: made, *SIGN_IN)) as client:
        yield client


def test_what_is_accepted_is_loaded_when_it_is_due(client, made):
    """
    With 202 the batch is in the spool, and 90 minutes later in its table.
    """
    assert client.post("/v2/events", content=HOME, auth=SIGN_IN).status_code == 202

    made.clock.advance(minutes=90)
    made.tick()
    assert made.row_counts() == {"mparticle_otherevents": 1}


def test_a_full_spool_is_told_to_who_sends(client):
    """
    Who sends too much is told when to come again.
    """
    large = make_payload(make_event("screen_view", screen_name="x" * 1000))
    answer = client.post("/v2/events", content=large, auth=SIGN_IN)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")


def test_it_takes_batches_while_the_destination_is_away(client, made):
    """
    A load that fails is nothing that a sender learns of.
    """
    made.fail("loader", Fail(method="load", error=TransientError("away")))
    client.post("/v2/events", content=HOME, auth=SIGN_IN)
    with pytest.raises(TransientError):
        made.flush()

    assert client.post("/v2/events", content=HOME, auth=SIGN_IN).status_code == 202
