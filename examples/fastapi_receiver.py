"""
Receive mParticle's Events API with FastAPI: 202 when a batch is durable.

Set RECEIVER_KEY and RECEIVER_SECRET, and run it; or ``uvicorn --factory
fastapi_receiver:from_environment``. The lake and the spool are made beside.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from secrets import compare_digest
from typing import Annotated

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from databricks_forwarder import AsyncForwarder, Forwarder, ForwarderError
from databricks_forwarder.bulk import split_array
from databricks_forwarder.errors import BatcherFullError, PayloadError

MAX_BYTES = 256 * 1024  # of a request, as mParticle has it
MAX_SPOOL_BYTES = 2**30
RETRY = {"Retry-After": "60"}


def create_app(
    make: Callable[[], Forwarder],
    key: str,
    secret: str,
    max_spool_bytes: int = MAX_SPOOL_BYTES,
) -> FastAPI:
    wanted = f"{key}:{secret}".encode()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, AsyncForwarder]]:
        forwarder = await AsyncForwarder.open(make)
        forwarder.start()
        try:
            yield {"forwarder": forwarder}
        finally:
            # What is left is a line in the log.
            await forwarder.close(timeout_seconds=20)

    async def sign_in(
        given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())],
    ) -> None:
        # Without credentials, or with odd ones, it has answered 401 by itself.
        if not compare_digest(f"{given.username}:{given.password}".encode(), wanted):
            raise HTTPException(403)

    api = APIRouter(prefix="/v2", dependencies=[Depends(sign_in)])

    @api.post("/events")
    async def events(request: Request) -> Response:
        await request.state.forwarder.submit(await body_of(request))
        return Response(status_code=202)

    @api.post("/bulkevents")
    async def bulk_events(request: Request) -> Response:
        batches = split_array(await body_of(request))
        await request.state.forwarder.submit_many(batches)
        return Response(status_code=202)

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response()

    @app.get("/readyz")
    async def readyz(request: Request) -> Response:
        status = await request.state.forwarder.status()
        has_room = status.stored_bytes + MAX_BYTES <= max_spool_bytes
        return Response(status_code=200 if has_room else 503)

    app.include_router(api)
    app.exception_handler(ForwarderError)(refused)
    return app


async def body_of(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise HTTPException(413)
    return bytes(body)


async def refused(_: Request, error: Exception) -> Response:
    if isinstance(error, PayloadError):
        told = {"code": "BAD_REQUEST", "message": str(error)}
        return JSONResponse({"errors": [told]}, 400)
    status = 429 if isinstance(error, BatcherFullError) else 503
    return Response(status_code=status, headers=RETRY)


def from_environment() -> FastAPI:
    def make() -> Forwarder:
        return Forwarder.for_lake(
            "lake", spool="spool.db", max_spool_bytes=MAX_SPOOL_BYTES
        )

    return create_app(make, os.environ["RECEIVER_KEY"], os.environ["RECEIVER_SECRET"])


if __name__ == "__main__":
    port = int(os.environ.get("RECEIVER_PORT", "8080"))
    uvicorn.run(from_environment(), host="127.0.0.1", port=port, log_level="warning")
