"""The HTTP and WebSocket routes beside the page itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

from fastapi import APIRouter, FastAPI, Request, WebSocket
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

from flowact import assets
from flowact.errors import UserError
from flowact.live.access.origin import is_allowed
from flowact.live.protocol.binary import prefixed, split_prefixed
from flowact.live.protocol.connection import HttpConnection, SocketConnection
from flowact.live.protocol.requests import LONGEST_MESSAGE
from flowact.live.server.connection_handler import handle_connection
from flowact.live.server.provenance import provenance
from flowact.live.session.live_session import LiveSession
from flowact.live.session.manager import SessionManager
from flowact.live.session.recorder import to_mp4
from flowact.logs import raised_at

_log = logging.getLogger(__name__)

STATIC: Final = Path(__file__).parent / "static"
LONGEST_POST: Final = 16 * LONGEST_MESSAGE
FOREIGN: Final = "This page may not use this server; its owner can allow it with --origins."
POLICY_VIOLATION: Final = 1008


def add_routes(app: FastAPI, manager: SessionManager) -> None:
    """Put the live routes under `/live` of an application."""
    router = APIRouter(prefix="/live")
    _add_stream_routes(router, manager)
    _add_file_routes(router, manager)
    app.include_router(router)
    add_page_files(app)


def add_page_files(app: FastAPI) -> None:
    """Put what the page consists of under `/live`, and let errors be said in a sentence."""

    @app.get("/live/portrait/{name}")
    async def portrait(name: str) -> FileResponse:
        headers = {"Cache-Control": "max-age=3600"}
        return FileResponse(assets.character(name).portrait, headers=headers)

    app.mount("/live/static", StaticFiles(directory=STATIC), name="live-static")
    app.add_exception_handler(UserError, _say_error)


def _add_stream_routes(router: APIRouter, manager: SessionManager) -> None:
    connections: dict[str, HttpConnection] = {}

    @router.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        if not is_allowed(websocket.headers, manager.settings.origins):
            _log.warning("a page of another origin was refused")
            await websocket.close(POLICY_VIOLATION, FOREIGN)
            return
        await websocket.accept()
        await handle_connection(SocketConnection(websocket), manager)
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the viewer closed first
            await websocket.close()

    @router.post("/down")
    async def down(request: Request) -> Response:
        """Open a connection without a WebSocket: the answer never ends."""
        _check_origin(request, manager)
        name, connection = secrets.token_urlsafe(16), HttpConnection()
        connections[name] = connection

        async def messages() -> AsyncIterator[bytes]:
            serving = asyncio.create_task(handle_connection(connection, manager))
            serving.add_done_callback(lambda _task: connection.close())
            try:
                while (message := await connection.next_down()) is not None:
                    yield prefixed(message)
            finally:
                connections.pop(name, None)
                connection.close()

        headers = {"X-Connection": name, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(messages(), media_type="application/octet-stream", headers=headers)

    @router.post("/up/{name}")
    async def up(name: str, request: Request) -> Response:
        _check_origin(request, manager)
        connection = connections.get(name)
        if connection is None:
            raise UserError("This connection is over.")
        body = await _bounded(request, LONGEST_POST)
        try:
            messages = list(split_prefixed(body))
        except ValueError as error:
            raise UserError("The page sent a message that cannot be read.") from error
        for message in messages:
            connection.post(message)
        return Response(status_code=204)


def _add_file_routes(router: APIRouter, manager: SessionManager) -> None:
    @router.post("/upload/{sort}")
    async def upload(sort: Literal["audio", "picture"], request: Request) -> JSONResponse:
        _check_origin(request, manager)
        ticket = request.headers.get("x-ticket", "")
        # A recording belongs to a session, a picture to somebody who is about to begin one.
        visitor = (
            _session_of(manager, ticket).visitor
            if sort == "audio"
            else manager.tickets.check(ticket, "visit")
        )
        if sort == "picture" and request.headers.get("x-consent") != "yes":
            raise UserError("Tick the box first: the person in the picture must have agreed.")
        filename = unquote(request.headers.get("x-filename", "")[:600])
        received = await manager.uploads.receive(visitor, sort, filename, request.stream())
        return JSONResponse(received._asdict())

    @router.get("/recording")
    async def recording(ticket: str) -> Response:
        session = _session_of(manager, ticket)
        segments = session.recorder.kept()
        data = await asyncio.to_thread(to_mp4, segments, provenance(session.name))
        headers = {"Content-Disposition": 'attachment; filename="flowact-session.mp4"'}
        return Response(data, media_type="video/mp4", headers=headers)

    @router.get("/health")
    async def health() -> JSONResponse:
        ready = manager.ready
        return JSONResponse(
            {
                "ready": ready is not None and manager.down is None,
                "settled": manager.settled,
                "problem": manager.down,
                "dtype": ready.dtype if ready else None,
                "sessions": len(manager.sessions),
                "places": manager.admission.places,
                "speech": manager.speech.health(),
            },
            status_code=200 if manager.down is None else 503,
        )


def _session_of(manager: SessionManager, ticket: str) -> LiveSession:
    session = manager.sessions.get(manager.tickets.check(ticket, "resume"))
    if session is None:
        raise UserError("This session is over.")
    return session


def _check_origin(request: Request, manager: SessionManager) -> None:
    if not is_allowed(request.headers, manager.settings.origins):
        raise UserError(FOREIGN)


async def _bounded(request: Request, most: int) -> bytes:
    body = bytearray()
    async for segment in request.stream():
        body += segment
        if len(body) > most:
            raise UserError(f"The page sent more than {most} bytes at once.")
    return bytes(body)


async def _say_error(request: Request, error: Exception) -> JSONResponse:
    route = getattr(request.scope.get("route"), "path", "a path")
    _log.info("%s %s was refused: %s", request.method, route, raised_at(error))
    return JSONResponse({"error": str(error)}, status_code=400)
