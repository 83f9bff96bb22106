"""The socket `flowact.v1`, from the offer of a protocol to the last event."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import Final

from fastapi import WebSocket
from pydantic import ValidationError
from starlette.websockets import WebSocketDisconnect

from flowact.errors import UserError
from flowact.live.access.rate_limit import (
    MESSAGES_AT_ONCE,
    MESSAGES_PER_SECOND,
    REQUESTS_AT_ONCE,
    REQUESTS_PER_SECOND,
    TokenBucket,
)
from flowact.live.api.models import PROTOCOL, SessionSpec
from flowact.live.api.registry import ApiSession, Reservation, SessionRegistry
from flowact.live.observation.events import NotJoined
from flowact.live.observation.session_watch import Arrival
from flowact.live.protocol import events
from flowact.live.protocol.connection import Connection, ConnectionLostError, SocketConnection
from flowact.live.protocol.problem import ApiError, problem_of
from flowact.live.server.connection_handler import SILENT_SECONDS, converse, wait_for_place
from flowact.live.session.manager import SessionManager
from flowact.logs import raised_at

_log = logging.getLogger(__name__)

TOKEN_PREFIX: Final = "token."  # noqa: S105  (not a secret)
"""Browsers cannot set headers of a socket: the token may be offered as a second subprotocol."""
BAD_REQUEST, UNAUTHORISED = 4400, 4401
"""Close codes, after HTTP's."""


async def serve_socket(
    websocket: WebSocket, manager: SessionManager, registry: SessionRegistry
) -> None:
    """Serve one socket until it ends; refusals are an event and a close code with a reason."""
    offered = [name.strip() for name in websocket.scope.get("subprotocols", [])]
    spoken = PROTOCOL if PROTOCOL in offered else None
    await websocket.accept(subprotocol=spoken)
    connection = SocketConnection(websocket)
    try:
        if spoken is None:
            raise ApiError(
                "unknown_protocol",
                f"Offer the subprotocol {PROTOCOL}; this server speaks it alone.",
                fatal=True,
            )
        reservation, resuming = registry.check(_token(websocket, offered))
        if not resuming:
            reservation.spec = _with_codec(
                reservation.spec, websocket.query_params.get("codec", "")
            )
        await _serve(connection, manager, registry, reservation, resuming=resuming)
    except UserError as error:
        manager.observers.tell(NotJoined("refused"))
        await _refuse(websocket, connection, error)
    except (ConnectionLostError, TimeoutError) as error:
        _log.debug("a connection ended: %s", raised_at(error))
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the client closed first
        await websocket.close()


async def _serve(
    connection: Connection,
    manager: SessionManager,
    registry: SessionRegistry,
    reservation: Reservation,
    *,
    resuming: bool,
) -> None:
    session = registry.session(reservation)
    if resuming and session is not None:
        session.send_queue.close()
        session.reconnect()
        session.watch.arrived(Arrival("resumed"))
    elif resuming:
        raise ApiError("unknown_session", "This session is over; make another.", fatal=True)
    else:
        session = await _enter(connection, manager, registry, reservation)
    created = events.SessionCreated(
        session=reservation.id,
        resume_token=registry.resume_token(reservation),
        codec=reservation.spec.codec,
        resumed=resuming,
    )
    session.send_queue.put_text(created.model_dump_json())
    await converse(connection, manager, session, _read(connection, session))
    if registry.session(reservation) is None:
        registry.forget(reservation)


async def _enter(
    connection: Connection,
    manager: SessionManager,
    registry: SessionRegistry,
    reservation: Reservation,
) -> ApiSession:
    """Wait for a place and begin; a client that gives up has used its session up."""
    reservation.token_used = True
    arrival = Arrival()
    try:
        await wait_for_place(
            connection,
            manager,
            lambda place: events.QueuePosition(position=place).model_dump_json(),
        )
    except BaseException:
        registry.forget(reservation)
        raise
    try:
        waited = time.monotonic() - arrival.at
        return registry.begin(reservation, replace(arrival, waited=waited))
    except BaseException:
        registry.forget(reservation)
        await manager.admission.leave()
        raise


async def _read(connection: Connection, session: ApiSession) -> None:
    """Pass on what the client sends until it closes the session; a flood ends it."""
    everything = TokenBucket(MESSAGES_PER_SECOND, MESSAGES_AT_ONCE)
    asked = TokenBucket(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
    while True:
        async with asyncio.timeout(SILENT_SECONDS):
            message = await connection.receive()
        if not everything.take():
            session.tell(_error(ApiError("flood", "Too many messages at once.", fatal=True)))
            session.send_queue.close()
            return
        try:
            if isinstance(message, bytes):
                session.hear_bytes(message)
                continue
            event = events.parse_event(message)
            if isinstance(event, events.SessionClose):
                return
            if not isinstance(event, events.PingEvent) and not asked.take():
                raise ApiError("rate_limited", "That was too fast; wait a moment.", retryable=True)
            session.handle_event(event)
        except UserError as error:
            _log.info("session %s: an event was refused: %s", session.name, raised_at(error))
            session.tell(_error(error))


def _with_codec(spec: SessionSpec, codec: str) -> SessionSpec:
    """Return what was asked for, with the codec that the client can decode if it names one.

    Raises:
        ApiError: it names one that there is not.
    """
    if not codec:
        return spec
    try:
        return SessionSpec.model_validate({**spec.model_dump(), "codec": codec})
    except ValidationError as error:
        raise ApiError("unknown_codec", "The codec is h264 or jpeg.", fatal=True) from error


def _token(websocket: WebSocket, offered: list[str]) -> str:
    header = websocket.headers.get("authorization", "")
    if header.lower().startswith("bearer "):
        return header[7:].strip()
    for name in offered:
        if name.startswith(TOKEN_PREFIX):
            token = name.removeprefix(TOKEN_PREFIX)
            return token + "=" * (-len(token) % 4)  # the padding is no character of a token
    raise ApiError(
        "no_token",
        f"Send the client token as a bearer, or offer it as the subprotocol {TOKEN_PREFIX}....",
        fatal=True,
        status=401,
    )


def _error(error: UserError) -> events.ErrorEvent:
    return events.ErrorEvent(**problem_of(error).model_dump())


async def _refuse(websocket: WebSocket, connection: Connection, error: UserError) -> None:
    _log.info("a socket was refused: %s", raised_at(error))
    problem = problem_of(error)
    event = events.ErrorEvent(**{**problem.model_dump(), "fatal": True})
    with contextlib.suppress(ConnectionLostError, RuntimeError, WebSocketDisconnect):
        await connection.send(event.model_dump_json())
        status = error.status if isinstance(error, ApiError) else 400
        code = UNAUTHORISED if status == 401 else BAD_REQUEST
        await websocket.close(code, f"{problem.code}: {problem.message}"[:120])
