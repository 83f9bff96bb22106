"""The HTTP routes under `/v1`, as an application of its own with its own description."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import secrets
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, FastAPI, Request, Security, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from flowact import __version__, assets
from flowact.errors import UserError
from flowact.live.api import asyncapi
from flowact.live.api.bodies import described, read_body
from flowact.live.api.models import (
    CharacterInfo,
    PictureTicket,
    ServerHealth,
    SessionSpec,
    SessionStanding,
    SessionTicket,
    VoiceInfo,
)
from flowact.live.api.registry import SessionRegistry
from flowact.live.api.render_routes import add_render_routes
from flowact.live.api.renders import RenderQueue
from flowact.live.api.socket import serve_socket
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
_bearer = HTTPBearer(auto_error=False, description="One of the owner's keys, FLOWACT_API_KEYS.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def make_api(manager: SessionManager, renders: RenderQueue) -> FastAPI:
    """Return the application to mount at `/v1`.

    Args:
        manager: where sessions live.
        renders: makes whole videos.
    """
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
    registry = SessionRegistry(manager)

    def owner(bearer: Bearer) -> None:
        _check_key(manager, bearer)

    _add_session_routes(api, manager, registry, Depends(owner))
    _add_recording_route(api, manager, registry)
    _add_picture_route(api, manager, Depends(owner))
    add_render_routes(api, manager, renders, Depends(owner))
    _add_open_routes(api, manager)

    @api.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await serve_socket(websocket, manager, registry)

    api.add_exception_handler(UserError, _say_problem)
    api.add_exception_handler(RequestValidationError, _say_invalid)
    api.add_exception_handler(HTTPException, _say_http)
    return api


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
        tags=["owner"],
        response_class=Response,
        responses={200: {"content": {"video/mp4": {}}, "description": "An mp4 file."}},
    )
    async def download_recording(session_id: str, bearer: Bearer) -> Response:
        """Return the last three minutes of a live session. A resume token opens it as well as a key."""
        reservation = registry.find(session_id)
        if bearer is None or not _is_resume_token(registry, bearer.credentials, session_id):
            _check_key(manager, bearer)
        session = registry.session(reservation)
        if session is None:
            raise ApiError("not_live", "Nobody has joined this session yet.", status=409)
        segments = session.recorder.kept()
        data = await asyncio.to_thread(to_mp4, segments, provenance(session.name))
        return Response(data, media_type="video/mp4")


def _add_picture_route(api: FastAPI, manager: SessionManager, owner: Any) -> None:
    @api.post(
        "/pictures",
        status_code=201,
        dependencies=[owner],
        openapi_extra=_PICTURE_BODY,
        tags=["owner"],
    )
    async def add_picture(request: Request, consent: bool = False) -> PictureTicket:
        """Take a picture for one session. `consent=true` says that the person in it has agreed."""
        if not consent:
            raise ApiError("no_consent", "Say consent=true: the person in the picture must agree.")
        visitor = secrets.token_hex(8)
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


def _check_key(manager: SessionManager, bearer: HTTPAuthorizationCredentials | None) -> None:
    keys = manager.settings.api_keys
    if not keys:
        raise ApiError(
            "api_disabled",
            "The owner of this server has set no FLOWACT_API_KEYS, so no program may make sessions.",
            status=403,
        )
    if bearer is None:
        raise ApiError(
            "no_key", "Send one of the owner's keys: Authorization: Bearer KEY.", status=401
        )
    given = bearer.credentials.encode()
    if not any(hmac.compare_digest(given, key.encode()) for key in keys):
        raise ApiError("wrong_key", "That key is none of this server's.", status=401)


def _is_resume_token(registry: SessionRegistry, token: str, session_id: str) -> bool:
    try:
        found, resuming = registry.check(token)
    except UserError:
        return False
    return resuming and found.id == session_id


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
