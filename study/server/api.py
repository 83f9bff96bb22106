"""The page's HTTP routes: plain FastAPI, so that a busy generation queue never delays a vote.

The participant's token travels in the request body, never in a cookie (a Space's cookies are third-party
and fail in Safari) and never in a URL that servers log.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal, cast

import numpy as np
from fastapi import APIRouter, BackgroundTasks, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field

from study.design.sections import Locale
from study.errors import Refused, StudyError
from study.operations.metrics import figures
from study.server import headphones, sound_check
from study.server.media_route import serve_clip
from study.server.proxies import caller_address
from study.server.voting_page import page_file, page_options
from study.voting import participants, quality, tokens, trials, votes
from study.voting.context import StudyContext

_log = logging.getLogger(__name__)

Token = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
RecruiterId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
Choice = Annotated[str, Field(pattern=r"^(left|same|right|cannot|[1-5]/[1-5])$")]
Milliseconds = Annotated[float, Field(ge=0, le=86_400_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
EVENTS = Literal["play", "pause", "ended", "replay", "stall", "hidden", "visible", "sound", "error"]
NEUTRAL = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class RequestBody(BaseModel):
    """Base of every request: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Enter(RequestBody):
    """Start taking part."""

    locale: Locale = "en"
    external: dict[
        Literal["PROLIFIC_PID", "STUDY_ID", "SESSION_ID", "INVITATION"], RecruiterId
    ] = {}


class ParticipantRequest(RequestBody):
    """A request that only says who asks."""

    participant: Token


class Consented(ParticipantRequest):
    """Agreement to a version of the consent text."""

    version: str = Field(max_length=20)
    locale: Locale


class Device(RequestBody):
    """What the device check found. Sizes in CSS pixels."""

    width: Count
    height: Count
    pixel_ratio: float = Field(ge=0, le=20)
    touch: bool
    can_play: bool


class SoundCheckAnswer(ParticipantRequest):
    """The digits, or the noises with the tone, that were heard; and the device."""

    answer: str = Field(max_length=10)
    device: Device


class Playback(RequestBody):
    """How a pair was played; a field that the browser could not measure is null.

    Drift is the distance between the two sides' media times while both play.
    """

    drift_max_ms: Milliseconds | None = None
    drift_p95_ms: Milliseconds | None = None
    drift_samples: Count | None = None
    stalls: Count | None = None
    stalled_ms: Milliseconds | None = None
    hidden_ms: Milliseconds | None = None
    dropped: Count | None = None
    frames: Count | None = None
    plays: Count | None = None
    heard: Literal["left", "right", "both"] | None = None
    answer_ms: Milliseconds | None = None
    width: Count | None = None
    height: Count | None = None


class AboutMe(ParticipantRequest):
    """Answers to a page of questions about the participant."""

    when: Literal["before", "after"]
    answers: dict[str, Annotated[str, Field(max_length=4000)]] = Field(max_length=100)


class EventBody(ParticipantRequest):
    """Something that happened while a pair was shown."""

    trial: Token
    kind: EVENTS
    at_ms: Milliseconds
    value: float | None = None


class VoteBody(ParticipantRequest):
    """A vote in the frame of the display, for every dimension: a side, same, cannot, or a rating of both."""

    trial: Token
    request_id: RequestId
    choices: dict[str, Choice] = Field(max_length=50)
    playback: Playback = Playback()


def router(context: StudyContext) -> APIRouter:
    """All public routes of one study, relative to where the study is mounted."""
    routes = APIRouter(route_class=PlainRoute)
    _add_page_routes(routes, context)
    _add_entry_routes(routes, context)
    _add_voting_routes(routes, context)
    return routes


class PlainRoute(APIRoute):
    """A route that answers a malformed request with one sentence, without repeating what was sent."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with its validation errors turned into Refused."""
        handle = super().get_route_handler()

        async def plain(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                problem = error.errors()[0]
                field = problem["loc"][1] if len(problem["loc"]) > 1 else None
                known = isinstance(field, str) and problem["type"] != "extra_forbidden"
                sentence = f"{field if known else 'the request'}: {problem['msg']}"
                raise Refused(422, "other", sentence) from None

        return plain


def install_refusals(handle: Callable[..., Any]) -> None:
    """Register the sentences for refused requests and for a database that is not there.

    `handle` is `app.add_exception_handler`.
    """
    handle(Refused, _refused)
    handle(StudyError, _unavailable)


def _refused(request: Request, error: Exception) -> Response:
    refused = cast(Refused, error)
    _log.info("%s was refused: %d %s", _route(request), refused.status, refused.code)
    figures().refused(refused.code)
    body = {"code": refused.code, "detail": refused.detail}
    return JSONResponse(body, refused.status, headers=NEUTRAL)


def _route(request: Request) -> str:
    """The method and the path's pattern: the path itself may hold a participant's token."""
    path = getattr(request.scope.get("route"), "path", "a path")
    return f"{request.method} {path}"


def _unavailable(request: Request, error: Exception) -> Response:
    """The operator's sentence stays in the log: it may name files."""
    _log.error("%s could not be answered: %s", _route(request), error)
    body = {"code": "other", "detail": "the server cannot store anything right now; try again"}
    return JSONResponse(body, 503, headers=NEUTRAL | {"Retry-After": "5"})


def _add_page_routes(routes: APIRouter, context: StudyContext) -> None:
    @routes.get("/page/options")
    def options() -> Response:
        """Texts and settings of the page."""
        return JSONResponse(page_options(context), headers=NEUTRAL)

    @routes.get("/page/{name}")
    def script(name: str) -> Response:
        """A script or style sheet of the page."""
        path = page_file(name)
        if path is None:
            raise Refused(404, "other", "there is no such file")
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    @routes.get("/media/{token}")
    def media(token: str, request: Request) -> Response:
        """A clip by its one-time address."""
        return serve_clip(context, token, request.headers.get("range"))


def _add_entry_routes(routes: APIRouter, context: StudyContext) -> None:
    @routes.post("/api/enter")
    def enter(body: Enter, request: Request, later: BackgroundTasks) -> dict[str, str]:
        """Enrol; the external check runs afterwards and never holds anybody up."""
        external = {str(key): value for key, value in body.external.items()}
        token = participants.enter(context, caller_address(request, context), body.locale, external)
        if context.config.quality.service_url:
            later.add_task(_check_service, context, token, external)
        return {"participant": token}

    @routes.post("/api/state")
    def state(body: ParticipantRequest) -> dict[str, Any]:
        """Where this participant is, for a page that was loaded again."""
        with context.store.write(durable=False) as session:
            row = participants.counted(session, context, body.participant)
            return participants.standing(context, row)

    @routes.post("/api/consent")
    def consent(body: Consented) -> dict[str, str]:
        """Agree to the consent text."""
        participants.consent(context, body.participant, body.version, body.locale)
        return {"state": "consented"}

    @routes.post("/api/about")
    def about(body: AboutMe) -> dict[str, Any]:
        """Answer a page of questions; says where the participant stands then."""
        return participants.answer(context, body.participant, body.when, body.answers)

    @routes.post("/api/sound")
    def sound(body: ParticipantRequest) -> Response:
        """What has to be heard, as WAV: spoken digits, or the noises of the headphone check."""
        wanted = participants.challenge(context, body.participant)
        if wanted.state == "listening":
            sound = headphones.rounds(wanted.answer, np.random.default_rng())
        else:
            sound = sound_check.spoken(wanted.answer, wanted.locale)
        return Response(sound, media_type="audio/wav", headers=NEUTRAL)

    @routes.post("/api/check")
    def check(body: SoundCheckAnswer) -> dict[str, Any]:
        """Answer the sound check."""
        device = body.device.model_dump()
        reached = participants.check(context, body.participant, body.answer, device)
        return {"state": reached, "code": participants.outcome_code(context, reached)}


def _add_voting_routes(routes: APIRouter, context: StudyContext) -> None:
    @routes.post("/api/next")
    def next_trial(body: ParticipantRequest) -> Response:
        """The next pair, or the completion code."""
        served = trials.next_trial(context, body.participant)
        if served is None:
            return JSONResponse({"done": True, **_standing(context, body)}, headers=NEUTRAL)
        return JSONResponse({"done": False, **vars(served)}, headers=NEUTRAL)

    @routes.post("/api/event")
    def event(body: EventBody) -> dict[str, bool]:
        """Report a stall, a replay, hidden time."""
        if body.value is not None and not math.isfinite(body.value):
            raise Refused(422, "other", "value has to be finite")
        data = {"at_ms": body.at_ms, "value": body.value}
        votes.note_event(context, body.participant, body.trial, body.kind, data)
        return {"stored": True}

    @routes.post("/api/vote")
    def vote(body: VoteBody) -> dict[str, Any]:
        """Cast the vote of a pair; answers only after the vote is on disk."""
        receipt = votes.submit_vote(
            context,
            body.participant,
            body.trial,
            body.request_id,
            {str(key): str(value) for key, value in body.choices.items()},
            body.playback.model_dump(exclude_none=True),
        )
        figures().voted()
        return {**vars(receipt), "device": list(receipt.device)}

    @routes.post("/api/withdraw")
    def withdraw(body: ParticipantRequest) -> dict[str, Any]:
        """Erase this participant."""
        erased = participants.withdraw(context, body.participant)
        return {"erased": erased, "code": participants.outcome_code(context, "withdrawn")}


def _standing(context: StudyContext, body: ParticipantRequest) -> dict[str, Any]:
    with context.store.read() as session:
        return participants.standing(context, participants.find(session, body.participant))


def _check_service(context: StudyContext, token: str, external: dict[str, str]) -> None:
    """Ask the configured external check about a newly enrolled participant."""
    body = {"study": context.config.name, "external": external, "request": tokens.short_code("q")}
    participants.record_service(
        context, token, quality.ask_service(context.config.quality, body).verdict
    )
