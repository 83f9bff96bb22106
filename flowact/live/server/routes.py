"""The routes beside the page itself: what it consists of, and how the server is."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from flowact import assets
from flowact.errors import UserError
from flowact.live.session.manager import SessionManager
from flowact.logs import raised_at

_log = logging.getLogger(__name__)

STATIC: Final = Path(__file__).parent / "static"


def add_routes(app: FastAPI, manager: SessionManager) -> None:
    """Put what the page consists of under `/live` of an application, and how the server is."""
    _add_health_route(app, manager)
    add_page_files(app)


def add_page_files(app: FastAPI) -> None:
    """Put what the page consists of under `/live`, and let errors be said in a sentence."""

    @app.get("/live/portrait/{name}")
    async def portrait(name: str) -> FileResponse:
        headers = {"Cache-Control": "max-age=3600"}
        return FileResponse(assets.character(name).portrait, headers=headers)

    app.mount("/live/static", StaticFiles(directory=STATIC), name="live-static")
    app.add_exception_handler(UserError, _say_error)


def _add_health_route(app: FastAPI, manager: SessionManager) -> None:
    @app.get("/live/health")
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


async def _say_error(request: Request, error: Exception) -> JSONResponse:
    route = getattr(request.scope.get("route"), "path", "a path")
    _log.info("%s %s was refused: %s", request.method, route, raised_at(error))
    return JSONResponse({"error": str(error)}, status_code=400)
