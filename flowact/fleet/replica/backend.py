"""A replica's own server: the session interface without a page, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from flowact.errors import UserError
from flowact.fleet.replica.move_routes import add_move_routes
from flowact.live.access.reservations import Reservations
from flowact.live.api.routes import make_client_api
from flowact.live.operations.operations import Operations
from flowact.live.protocol.events import LONGEST_APPEND
from flowact.live.server.draining import DrainGate
from flowact.live.server.listening import listen_at
from flowact.live.session.manager import SessionManager
from flowact.live.settings import LiveSettings

LOOK_SECONDS: Final = 0.1
ORDERS_SECONDS: Final = 2.0
"""For so long a replica that ends waits for a gateway to ask for its sessions."""


def live_backend(
    settings: LiveSettings,
    manager: SessionManager,
    reservations: Reservations,
    leave: Callable[[], None],
) -> FastAPI:
    """Return the application of a replica; for `leave` see `add_move_routes`."""
    operations = Operations(settings, manager)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        manager.open()
        operations.open()
        try:
            yield
        finally:
            await manager.close()
            await operations.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(DrainGate, manager=manager)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],
            expose_headers=["X-Connection"],
        )
    add_move_routes(app, manager, reservations, leave)
    app.mount("/v1", make_client_api(manager))
    return app


class BackendServer:
    """Serves a replica's application in the event loop that it is opened in.

    Args:
        settings: of the replica; it has as many places as its worker has measured, or as `sessions` says.
        host: where to listen, on a free port.
        patience: seconds in which a gateway moves the sessions of a replica that is to end, one by one.

    Attributes:
        manager: of its sessions.
        reservations: its places.
        port: that was taken.
    """

    def __init__(self, settings: LiveSettings, host: str, patience: float) -> None:
        self.reservations = Reservations(settings.sessions)
        self.manager = SessionManager(settings, self.reservations)
        self._listener = listen_at(host, 0, backlog=512)
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(
            live_backend(settings, self.manager, self.reservations, self.leave),
            log_config=None,
            log_level="warning",
            ws_max_size=LONGEST_APPEND,
            ws_ping_interval=None,  # the page's own pings are faster
            ws_per_message_deflate=False,  # pictures are compressed already
            timeout_graceful_shutdown=3,
        )
        self._server = _ServerOfAReplica(config)
        self._serving: asyncio.Task[None] | None = None
        self._patience = patience
        self._leaving: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to serve; returns when the worker is loaded and warm.

        Raises:
            UserError: it cannot be loaded.
        """
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        while self.manager.ready is None:
            if self.manager.down is not None or self._serving.done():
                raise UserError(self.manager.down or "The replica's server does not start.")
            await asyncio.sleep(LOOK_SECONDS)
        if self.manager.ready.places:
            self.reservations.places = self.manager.admission.places = self.manager.ready.places

    def leave(self) -> None:
        """Take nobody new: sessions are moved from here, and what is left at the end is given away."""
        self.manager.moves.draining = True
        if self._leaving is None:
            self._leaving = asyncio.create_task(self._give_away_later())

    async def _give_away_later(self) -> None:
        await asyncio.sleep(self._patience)
        await self.manager.drain()

    async def close(self, *, moved: bool = True) -> None:
        """Give every session away and end.

        Args:
            moved: wait for a gateway to move them, if one has asked or asks within a moment.
        """
        self.manager.moves.draining = True
        limit = time.monotonic() + ORDERS_SECONDS
        while moved and self.reservations.bound and (self._leaving or time.monotonic() < limit):
            if self._leaving is not None and self._leaving.done():
                break
            await asyncio.sleep(LOOK_SECONDS)
        if self._leaving is not None:
            self._leaving.cancel()
        await self.manager.drain()
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _ServerOfAReplica(uvicorn.Server):
    """Leaves signals to Ray."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
