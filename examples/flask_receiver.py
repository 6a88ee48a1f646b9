"""
Receive mParticle's Events API with Flask: 202 when a batch is durable.

Set RECEIVER_KEY and RECEIVER_SECRET, and run it. The lake and the spool are made
beside.
"""

from __future__ import annotations

import os
import signal
import sys
from secrets import compare_digest

from flask import Blueprint, Flask, Response, abort, jsonify, request
from werkzeug.serving import make_server

from databricks_forwarder import Forwarder, ForwarderError
from databricks_forwarder.bulk import split_array
from databricks_forwarder.errors import BatcherFullError, PayloadError

MAX_BYTES = 256 * 1024  # of a request, as mParticle has it
MAX_SPOOL_BYTES = 2**30
RETRY = {"Retry-After": "60"}


def create_app(
    forwarder: Forwarder,
    key: str,
    secret: str,
    max_spool_bytes: int = MAX_SPOOL_BYTES,
) -> Flask:
    wanted = f"{key}:{secret}".encode()
    app = Flask(__name__)
    # Of a body without a length Flask reads as much, and doesn't say that it's not all.
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES + 1
    api = Blueprint("api", __name__, url_prefix="/v2")

    @api.before_request
    def sign_in() -> Response | None:
        given = request.authorization
        if given is None or given.type != "basic":
            basic = {"WWW-Authenticate": 'Basic realm="events"'}
            return Response(status=401, headers=basic)
        is_known = compare_digest(f"{given.username}:{given.password}".encode(), wanted)
        return None if is_known else Response(status=403)

    @api.post("/events")
    def events() -> Response:
        forwarder.submit(body())
        return Response(status=202)

    @api.post("/bulkevents")
    def bulk_events() -> Response:
        forwarder.submit_many(split_array(body()))
        return Response(status=202)

    @app.get("/healthz")
    def healthz() -> Response:
        return Response()

    @app.get("/readyz")
    def readyz() -> Response:
        has_room = forwarder.status().stored_bytes + MAX_BYTES <= max_spool_bytes
        return Response(status=200 if has_room else 503)

    @app.errorhandler(ForwarderError)
    def refused(error: ForwarderError) -> Response:
        if isinstance(error, PayloadError):
            told = jsonify(errors=[{"code": "BAD_REQUEST", "message": str(error)}])
            told.status_code = 400
            return told
        status = 429 if isinstance(error, BatcherFullError) else 503
        return Response(status=status, headers=RETRY)

    app.register_blueprint(api)
    return app


def body() -> bytes:
    data = request.get_data()
    if len(data) > MAX_BYTES:
        abort(413)
    return data


def main(key: str, secret: str, port: int) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Forwarder.for_lake(
        "lake", spool="spool.db", max_spool_bytes=MAX_SPOOL_BYTES
    ) as forwarder:
        forwarder.start()
        app = create_app(forwarder, key, secret)
        make_server("127.0.0.1", port, app, threaded=True).serve_forever()


if __name__ == "__main__":
    credentials = os.environ["RECEIVER_KEY"], os.environ["RECEIVER_SECRET"]
    main(*credentials, int(os.environ.get("RECEIVER_PORT", "8080")))
