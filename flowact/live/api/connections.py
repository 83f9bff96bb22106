"""The two ways into a session: the socket `flowact.v1`, and HTTP requests where no socket opens."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from flowact.errors import UserError
from flowact.live.api.bodies import bounded
from flowact.live.api.credentials import Bearer
from flowact.live.api.joining import JoinRequest, SessionDoor
from flowact.live.api.models import PROTOCOL, SocketQuery
from flowact.live.protocol.binary import prefixed, split_prefixed
from flowact.live.protocol.connection import (
    ConnectionLostError,
    HttpConnection,
    SocketConnection,
)
from flowact.live.protocol.events import LONGEST_APPEND
from flowact.live.protocol.problem import ApiError

TOKEN_PREFIX: Final = "token."  # noqa: S105  (not a secret)
"""Browsers cannot set headers of a socket: the token may be offered as a second subprotocol."""
BAD_REQUEST, UNAUTHORISED = 4400, 4401
"""Close codes, after HTTP's."""
LONGEST_REASON: Final = 123
"""Bytes: a close frame has room for no more."""
LONGEST_POST: Final = 4 * LONGEST_APPEND
_MESSAGES: Final = "application/octet-stream"
_FRAMED: Final = {"schema": {"type": "string", "format": "binary"}}
_DOWN: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {_MESSAGES: _FRAMED},
        "description": "The socket's messages down, each after `T` for text or `B` for binary and its length "
        "as u32, little-endian. The header `X-Connection` names the connection for what goes up.",
    }
}
_UP: Final = {
    "requestBody": {
        "required": True,
        "description": "The socket's messages up, framed as those down.",
        "content": {_MESSAGES: _FRAMED},
    }
}


def add_connection_routes(api: FastAPI, door: SessionDoor) -> None:
    """Declare the socket and its stand-in.

    Args:
        api: the application that serves `/v1`.
        door: lets clients in.
    """
    connections: dict[str, HttpConnection] = {}

    @api.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await _serve_socket(websocket, door)

    @api.post("/streams", tags=["client"], response_class=StreamingResponse, responses=_DOWN)
    async def open_stream(
        request: Request, bearer: Bearer, query: Annotated[SocketQuery, Query()]
    ) -> StreamingResponse:
        """Join a session where no socket opens; the bearer is a token as for the socket. The answer never ends."""
        if bearer is None:
            raise _no_token()
        name, connection = secrets.token_urlsafe(16), HttpConnection()
        connections[name] = connection
        joining = JoinRequest(bearer.credentials, query, request.headers)

        def over() -> None:
            connections.pop(name, None)
            connection.close()

        async def messages() -> AsyncIterator[bytes]:
            serving = asyncio.create_task(door.serve(connection, joining))
            serving.add_done_callback(lambda _task: over())
            try:
                while (message := await connection.next_down()) is not None:
                    yield prefixed(message)
            finally:
                over()

        headers = {"X-Connection": name, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(messages(), media_type=_MESSAGES, headers=headers)

    @api.post("/streams/{connection}", status_code=204, tags=["client"], openapi_extra=_UP)
    async def send_up(connection: str, request: Request) -> None:
        """Send messages up."""
        found = connections.get(connection)
        if found is None:
            raise _no_connection()
        _take(found, await bounded(request, LONGEST_POST))


def _take(connection: HttpConnection, body: bytes) -> None:
    try:
        messages = list(split_prefixed(body))
    except ValueError as error:
        raise ApiError("invalid_request", "Those messages cannot be read.", status=422) from error
    try:
        for message in messages:
            connection.post(message)
    except ConnectionLostError as error:  # it ended while the body came
        raise _no_connection() from error


def _no_connection() -> ApiError:
    return ApiError("unknown_connection", "This connection is over.", status=404)


async def _serve_socket(websocket: WebSocket, door: SessionDoor) -> None:
    """Serve one socket until it ends; refusals are an event and a close code with a reason."""
    offered = [name.strip() for name in websocket.scope.get("subprotocols", [])]
    spoken = PROTOCOL if PROTOCOL in offered else None
    await websocket.accept(subprotocol=spoken)
    connection = SocketConnection(websocket)
    refused: UserError | None
    try:
        if spoken is None:
            raise ApiError(
                "unknown_protocol",
                f"Offer the subprotocol {PROTOCOL}; this server speaks it alone.",
                fatal=True,
            )
        token, query = _token(websocket, offered), read_query(websocket.query_params)
    except UserError as error:
        refused = error
        await door.refuse(connection, error)
    else:
        refused = await door.serve(connection, JoinRequest(token, query, websocket.headers))
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the client closed first
        if refused is None:
            await websocket.close()
        else:
            await websocket.close(*_reason(refused))


def read_query(query: Mapping[str, str]) -> SocketQuery:
    """Read the query of a socket.

    Raises:
        ApiError: it asks for what there is not.
    """
    try:
        return SocketQuery.model_validate(dict(query))
    except ValidationError as error:
        field = str(error.errors(include_input=False)[0]["loc"][0])
        if field == "codec":
            raise ApiError("unknown_codec", "The codec is h264 or jpeg.", fatal=True) from error
        raise ApiError(
            "invalid_request", f"The query's {field} is too long.", fatal=True
        ) from error


def _token(websocket: WebSocket, offered: list[str]) -> str:
    header = websocket.headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        return header[7:].strip()
    for name in offered:
        if name.startswith(TOKEN_PREFIX):
            token = name.removeprefix(TOKEN_PREFIX)
            return token + "=" * (-len(token) % 4)  # the padding is no character of a token
    raise _no_token()


def _no_token() -> ApiError:
    return ApiError(
        "no_token",
        f"Send the token as a bearer, or offer it as the subprotocol {TOKEN_PREFIX}....",
        fatal=True,
        status=401,
    )


def _reason(error: UserError) -> tuple[int, str]:
    status, code = (error.status, error.code) if isinstance(error, ApiError) else (400, "refused")
    reason = f"{code}: {error}".encode()[:LONGEST_REASON].decode(errors="ignore")
    return UNAUTHORISED if status == 401 else BAD_REQUEST, reason
