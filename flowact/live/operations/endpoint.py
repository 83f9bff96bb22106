"""The operators' port: `/metrics`, `/healthz`, `/readyz`, apart from the visitors' port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from typing import Final

import uvicorn
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from flowact.errors import UserError
from flowact.live.session.manager import SessionManager

_CLOSING_SECONDS: Final = 2.0


def operations_app(manager: SessionManager, figures: Collector) -> Starlette:
    """Return the three routes.

    Args:
        manager: whose readiness is told.
        figures: the page's; those of the process, and of a study beside the page, come after them.
    """
    everything = _Together(figures, REGISTRY)

    async def metrics(request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(everything), media_type=kind)

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def ready(_request: Request) -> Response:
        obstacle = manager.obstacle
        answer = {"ready": obstacle is None, "obstacle": obstacle}
        return JSONResponse(answer, 200 if obstacle is None else 503)

    routes = [Route("/metrics", metrics), Route("/healthz", alive), Route("/readyz", ready)]
    return Starlette(routes=routes)


class OperationsServer:
    """Serves the operators' port in the event loop of the page: a loop that hangs does not answer.

    Args:
        host, port: where to listen; taken at once.

    Attributes:
        port: the one that was taken.

    Raises:
        UserError: the port cannot be used.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise UserError(
                f"{host} port {port} cannot be used for operators ({reason}); "
                "choose another with --operations-port."
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self._server: _QuietServer | None = None
        self._serving: asyncio.Task[None] | None = None

    def open(self, app: Starlette) -> None:
        """Begin to answer; called in the page's event loop."""
        config = uvicorn.Config(app, log_config=None, log_level="warning", lifespan="off")
        self._server = _QuietServer(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))

    async def close(self) -> None:
        """Stop answering and give the port back."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._serving, _CLOSING_SECONDS)
        self._listener.close()


class _QuietServer(uvicorn.Server):
    """Leaves Ctrl-C to the page's own server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Together(Collector):
    def __init__(self, *collectors: Collector) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        """Yield what all of them have."""
        for collector in self._collectors:
            yield from collector.collect()
