"""The HTTP routes under `/v1`, as an application of its own with its own description."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from typing import Any
from urllib.parse import unquote

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from flowact import __version__, assets
from flowact.errors import UserError
from flowact.live.api import asyncapi
from flowact.live.api.bodies import described, read_body
from flowact.live.api.connections import add_connection_routes
from flowact.live.api.credentials import Bearer, check_key, page_visitor, session_of
from flowact.live.api.joining import SessionDoor
from flowact.live.api.models import (
    CharacterInfo,
    PictureTicket,
    ServerHealth,
    SessionSpec,
    SessionStanding,
    SessionTicket,
    SoundTicket,
    VoiceInfo,
)
from flowact.live.api.registry import SessionRegistry
from flowact.live.api.render_routes import add_render_routes
from flowact.live.api.renders import RenderQueue
from flowact.live.protocol.problem import ApiError, Problem, ProblemBody, problem_of
from flowact.live.server.provenance import provenance
from flowact.live.session.manager import SessionManager
from flowact.live.session.recorder import to_mp4
from flowact.logs import raised_at

_log = logging.getLogger(__name__)

_REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ProblemBody, "description": "A refusal with a code."}
}
_PICTURE_BODY = {
    "requestBody": {
        "required": True,
        "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_SOUND_BODY = {
    "requestBody": {
        "required": True,
        "content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def make_api(manager: SessionManager, renders: RenderQueue) -> FastAPI:
    """Return the application to mount at `/v1`.

    Args:
        manager: where sessions live.
        renders: makes whole videos.
    """
    api, registry = _bare_api(), SessionRegistry(manager)

    def owner(bearer: Bearer) -> None:
        check_key(manager, bearer)

    _add_session_routes(api, manager, registry, Depends(owner))
    _add_client_routes(api, manager, registry)
    _add_picture_route(api, manager)
    add_render_routes(api, renders, Depends(owner))
    _add_open_routes(api, manager)
    return api


def make_client_api(manager: SessionManager) -> FastAPI:
    """Return what a fleet's server mounts at `/v1`: the routes of those who have a session there."""
    api = _bare_api()
    _add_client_routes(api, manager, SessionRegistry(manager))
    return api


def _bare_api() -> FastAPI:
    api = FastAPI(
        title="FlowAct sessions",
        version="1",
        description="Sessions of a live avatar, and whole videos. The socket is described in `asyncapi.json`.",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": "/v1"}],
        root_path_in_servers=False,
        responses=_REFUSALS,
    )
    api.add_exception_handler(UserError, _say_problem)
    api.add_exception_handler(RequestValidationError, _say_invalid)
    api.add_exception_handler(HTTPException, _say_http)
    return api


def _add_client_routes(api: FastAPI, manager: SessionManager, registry: SessionRegistry) -> None:
    add_connection_routes(api, SessionDoor(manager, registry))
    _add_recording_route(api, manager, registry)
    _add_sound_route(api, manager)


def _add_session_routes(
    api: FastAPI, manager: SessionManager, registry: SessionRegistry, owner: Any
) -> None:
    @api.post(
        "/sessions",
        status_code=201,
        dependencies=[owner],
        openapi_extra=described(SessionSpec),
        tags=["owner"],
    )
    async def make_session(request: Request) -> SessionTicket:
        """Make a session. Keep the key on your server and give the client token to the browser."""
        made, token = registry.make(await read_body(request, SessionSpec))
        return SessionTicket(
            id=made.id,
            client_token=token,
            socket_url=_socket_url(request),
            expires_at=made.expires_at,
        )

    @api.get("/sessions/{session_id}", dependencies=[owner], tags=["owner"])
    async def look_at_session(session_id: str) -> SessionStanding:
        """Say where a session stands."""
        return registry.state(registry.find(session_id))

    @api.delete("/sessions/{session_id}", status_code=204, dependencies=[owner], tags=["owner"])
    async def end_session(session_id: str) -> None:
        """End a session at once."""
        await registry.end(registry.find(session_id))


def _add_recording_route(api: FastAPI, manager: SessionManager, registry: SessionRegistry) -> None:
    @api.get(
        "/sessions/{session_id}/recording",
        tags=["client"],
        response_class=Response,
        responses={200: {"content": {"video/mp4": {}}, "description": "An mp4 file."}},
    )
    async def download_recording(session_id: str, bearer: Bearer) -> Response:
        """Return the last three minutes of a live session. A resume token opens it as well as a key."""
        session = session_of(manager, bearer)
        if session is None or session.name != session_id:
            reservation = registry.find(session_id)
            check_key(manager, bearer)
            session = registry.session(reservation)
        if session is None:
            raise ApiError("not_live", "Nobody has joined this session yet.", status=409)
        segments = session.recorder.kept()
        data = await asyncio.to_thread(to_mp4, segments, provenance(session.name))
        return Response(data, media_type="video/mp4")


def _add_sound_route(api: FastAPI, manager: SessionManager) -> None:
    @api.post("/sounds", status_code=201, openapi_extra=_SOUND_BODY, tags=["client"])
    async def add_sound(request: Request, bearer: Bearer) -> SoundTicket:
        """Take a recording of any usual format, at most ten minutes long.

        It is for one video, or with a resume token for that session.
        """
        session = session_of(manager, bearer)
        if session is None:
            check_key(manager, bearer)
        visitor = secrets.token_hex(8) if session is None else session.visitor
        filename = unquote(request.headers.get("x-filename", "sound")[:600])
        try:
            taken = await manager.uploads.receive(visitor, "audio", filename, request.stream())
        except UserError as error:
            raise ApiError("bad_sound", str(error)) from error
        return SoundTicket(sound_id=f"{visitor}.{taken.name}", remark=taken.remark)


def _add_picture_route(api: FastAPI, manager: SessionManager) -> None:
    @api.post("/pictures", status_code=201, openapi_extra=_PICTURE_BODY, tags=["client"])
    async def add_picture(request: Request, bearer: Bearer, consent: bool = False) -> PictureTicket:
        """Take a picture for one session, with a key or a page token. `consent=true`: its person has agreed."""
        visitor = page_visitor(manager, bearer, request.headers)
        if not visitor:
            check_key(manager, bearer)
            visitor = secrets.token_hex(8)
        if not consent:
            raise ApiError("no_consent", "Say consent=true: the person in the picture must agree.")
        filename = unquote(request.headers.get("x-filename", "picture")[:600])
        try:
            taken = await manager.uploads.receive(visitor, "picture", filename, request.stream())
        except UserError as error:
            raise ApiError("bad_picture", str(error)) from error
        return PictureTicket(picture_id=f"{visitor}.{taken.name}", remark=taken.remark)


def _add_open_routes(api: FastAPI, manager: SessionManager) -> None:
    @api.get("/characters", tags=["open"])
    async def list_characters() -> list[CharacterInfo]:
        """Return who can be shown."""
        default = assets.default_character().name
        return [
            CharacterInfo(name=name, title=_title(name), default=name == default)
            for name in assets.character_names()
        ]

    @api.get("/voices", tags=["open"])
    async def list_voices() -> list[VoiceInfo]:
        """Return the voices of this server, the best first."""
        return [
            VoiceInfo(
                name=one.name, title=one.title, licence=one.licence, scripts=sorted(one.scripts)
            )
            for one in manager.engines.values()
        ]

    @api.get("/health", tags=["open"])
    async def health() -> ServerHealth:
        """Say whether pictures can be made."""
        return ServerHealth(
            ready=manager.ready is not None and manager.down is None,
            problem=manager.down,
            sessions=len(manager.sessions),
            places=manager.admission.places,
            version=__version__,
        )

    @api.get("/asyncapi.json", include_in_schema=False)
    async def describe_socket() -> JSONResponse:
        return JSONResponse(asyncapi.document())


def _socket_url(request: Request) -> str:
    """Return the socket's address as the client sees it, behind a proxy too."""
    headers = request.headers
    host = headers.get("x-forwarded-host", "").split(",")[0].strip() or headers.get("host", "")
    scheme = headers.get("x-forwarded-proto", "").split(",")[0].strip() or request.url.scheme
    return f"{'wss' if scheme == 'https' else 'ws'}://{host}{request.scope['root_path']}/socket"


def _title(name: str) -> str:
    try:
        return str(json.loads(assets.character(name).card.read_text(encoding="utf-8"))["title"])
    except (OSError, ValueError, KeyError):
        return name.capitalize()


async def _say_problem(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)  # noqa: S101  (registered for nothing else)
    _log.info("%s %s was refused: %s", request.method, request.url.path, raised_at(error))
    status = error.status if isinstance(error, ApiError) else 400
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    body = ProblemBody(error=problem_of(error))
    return JSONResponse(body.model_dump(), status, headers)


async def _say_invalid(_request: Request, _error: Exception) -> JSONResponse:
    problem = Problem(code="invalid_request", message="A parameter of the request is wrong.")
    return JSONResponse(ProblemBody(error=problem).model_dump(), 422)


async def _say_http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  (registered for nothing else)
    code = "not_found" if error.status_code == 404 else "refused"
    problem = Problem(code=code, message=f"{error.detail}.")
    return JSONResponse(ProblemBody(error=problem).model_dump(), error.status_code)
