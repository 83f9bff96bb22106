"""Ending a server whose sessions go on elsewhere."""

from __future__ import annotations

import asyncio
import signal
import socket
from types import FrameType
from typing import Final

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from flowact.live.session.manager import SessionManager

NEW_CONNECTIONS: Final = ("/v1/socket", "/v1/streams")


class DrainGate:
    """Answers 503 to new connections while the sessions are given away; a proxy then asks another server."""

    def __init__(self, app: ASGIApp, manager: SessionManager) -> None:
        self._app, self._manager = app, manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything else on."""
        shut = self._manager.moves.draining and scope["type"] in ("http", "websocket")
        if not shut or scope["path"] not in NEW_CONNECTIONS:
            await self._app(scope, receive, send)
            return
        answer = PlainTextResponse(self._manager.obstacle or "", 503)
        if scope["type"] == "websocket":
            websocket = WebSocket(scope, receive, send)
            await websocket.receive()  # the handshake, which is then denied
            await websocket.send_denial_response(answer)
        else:
            await answer(scope, receive, send)


class DrainingServer(uvicorn.Server):
    """SIGTERM lets sessions go on elsewhere first, where servers share a store; a second one ends it at once.

    Args:
        config: see uvicorn.
        manager: whose sessions they are.
    """

    def __init__(self, config: uvicorn.Config, manager: SessionManager) -> None:
        super().__init__(config)
        self._manager = manager
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Remember the loop that signals are to be handled in."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain, then end."""
        shared = bool(self._manager.settings.store)
        first = self._draining is None and not self.should_exit
        if sig != signal.SIGTERM or not shared or not first or self._loop is None:
            super().handle_exit(sig, frame)
            return
        loop = self._loop

        def begin() -> None:
            self._draining = loop.create_task(self._drain(sig, frame))

        loop.call_soon_threadsafe(begin)

    async def _drain(self, sig: int, frame: FrameType | None) -> None:
        try:
            await self._manager.drain()
        finally:
            super().handle_exit(sig, frame)
