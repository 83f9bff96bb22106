"""The gateway's application: the page, and the counter at which places are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import ASGIApp
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from flowact.errors import UserError
from flowact.fleet.gate.fleet_places import FleetPlaces
from flowact.fleet.gate.line import network_of
from flowact.fleet.replica.replica_address import SERVER
from flowact.live.access.places import InLine, Place, Wish
from flowact.live.protocol.problem import Problem, ProblemBody
from flowact.live.server.plain_pages import add_pages, add_plain_page
from flowact.live.server.routes import add_page_files
from flowact.live.session.manager import SessionManager

PAGES: Final = (("Live", "./"), ("About", "about"))
NO_PICTURES: Final = "This page cannot take pictures of your own; choose one of its people."


class PlaceRequest(BaseModel):
    """What a page sends to ask for a place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str = Field(max_length=500)
    preset: str = Field("", max_length=60)
    waiting: str = Field("", max_length=500)
    lost: str = Field("", max_length=500)


def gateway_app(manager: SessionManager, places: FleetPlaces, trusted: str) -> ASGIApp:
    """Return the page of a fleet.

    Args:
        manager: signs tickets and knows the voices; it is never opened, and has no sessions.
        places: gives the places.
        trusted: networks of proxies, with commas between.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        places.close()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/live/place")
    async def place(asked: PlaceRequest, request: Request) -> JSONResponse:
        manager.tickets.check(asked.token, "visit")
        network = network_of(request.client.host if request.client else "")
        wish = Wish(network, asked.preset, asked.waiting, asked.lost)
        return JSONResponse(_answer(await places.take(wish)))

    @app.get("/fleet/where/{server}")
    async def where(server: str) -> Response:
        """Tell the edge where a server is; 403 makes it refuse the connection.

        The server has signed its address itself: no gateway need know it, and a page cannot make one up.
        """
        try:
            address = manager.tickets.check(server, SERVER)
        except UserError:
            return Response(status_code=403)
        return Response(status_code=204, headers={"X-Replica": address})

    @app.get("/live/ready")
    async def ready() -> JSONResponse:
        return JSONResponse(
            {"waiting": {name: len(one.line) for name, one in places.counters.items()}}
        )

    _add_pages(app, manager, list(places.counters))
    page: Any = app
    behind_proxies: Any = ProxyHeadersMiddleware(page, trusted_hosts=trusted)
    return cast(ASGIApp, behind_proxies)


def _add_pages(app: FastAPI, manager: SessionManager, presets: Sequence[str]) -> None:
    @app.post("/v1/pictures")
    async def picture() -> JSONResponse:
        refusal = ProblemBody(error=Problem(code="no_pictures", message=NO_PICTURES))
        return JSONResponse(refusal.model_dump(), status_code=403)

    add_page_files(app)
    add_pages(app, manager, PAGES, asked=True)
    add_plain_page(app, manager, PAGES, presets)


def _answer(found: Place | InLine) -> dict[str, str | int]:
    if isinstance(found, Place):
        return {"type": "place", "path": found.path, "ticket": found.ticket}
    return {"type": "line", "position": found.position, "ticket": found.ticket}
