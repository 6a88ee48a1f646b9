"""
A data subject request in the OpenGDPR (OpenDSR) format erases a person.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from databricks_forwarder import Forwarder
from databricks_forwarder.testing.payloads import make_payload

# OpenDSR's names of what a batch has of a person; mParticle's "Data Subject
# Request API", versions 1 to 3, read 2026-11-25. Ids of devices are not among it.
TYPES = {name: name for name in ("mpid", "email", "mobile_number", "other")}
TYPES |= {"controller_customer_id": "customer_id", "other1": "other"}
TYPES |= {f"phone_number_{n}": f"phone_number_{n}" for n in (2, 3)}
TYPES |= {f"other{n}": f"other_id_{n}" for n in range(2, 11)}


def ids_of(said: Any) -> list[tuple[str, Any]]:
    """Versions 1 and 2 have a list, version 3 an object; values are raw."""
    if isinstance(said, list):
        return [(each["identity_type"], each["identity_value"]) for each in said]
    return [(name, each["value"]) for name, each in (said or {}).items()]


def erase(forwarder: Forwarder, request: dict[str, Any]) -> dict[str, Any]:
    if request["subject_request_type"] != "erasure":
        raise ValueError("only erasures are done here")
    more = request.get("extensions", {}).get("opendsr.mparticle.com", {})
    ids: dict[str, list[Any]] = {"mpid": list(more.get("mpids", []))}
    for said in (request, more, {"subject_identities": more.get("identities")}):
        for name, value in ids_of(said.get("subject_identities")):
            ids.setdefault(TYPES[name], []).append(value)  # a KeyError says which
    mpids, request_id = ids.pop("mpid"), request["subject_request_id"]
    receipt = forwarder.erase(mpids=mpids, identities=ids, request_id=request_id)
    print(f"{receipt.spool.waiting} payloads, {receipt.row_count} rows")
    return {"subject_request_id": request_id, "request_status": "completed"}


def main(folder: Path) -> int:
    email = {"identity_type": "email", "identity_value": "person1@example.com"}
    request = {"subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798"}
    request |= {"subject_request_type": "erasure", "subject_identities": [email]}
    with Forwarder.for_lake(folder / "lake", spool=folder / "spool.db") as forwarder:
        forwarder.submit(make_payload())
        forwarder.flush()
        forwarder.submit_many([make_payload(), make_payload(user_identities={})])
        print(json.dumps(erase(forwarder, request)))
    return 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(main(Path(place)))
