"""Sign-in, sign-out and downloads of the operators. Everything here but the sign-in needs a session."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Cookie, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from study.analysis import roster, tables
from study.errors import Refused
from study.server import admin_auth, api, exports
from study.server.proxies import caller_address, over_https
from study.voting.context import StudyContext

_log = logging.getLogger(__name__)

NO_STORE = {"Cache-Control": "no-store"}
Session = Annotated[str | None, Cookie(alias=admin_auth.COOKIE)]


def router(context: StudyContext, prefix: str) -> APIRouter:
    """The routes below `<prefix>/admin` that are not Gradio's."""
    routes = APIRouter(prefix="/admin", route_class=api.PlainRoute)
    signing_in = asyncio.Lock()

    @routes.get("/login")
    def form() -> Response:
        """The sign-in form."""
        return HTMLResponse(admin_auth.login_page(f"{prefix}/admin"), headers=NO_STORE)

    @routes.post("/login")
    async def login(
        request: Request, password: Annotated[str, Form(max_length=1000)] = ""
    ) -> Response:
        """Check the password and set the session's cookie.

        One at a time, waiting without a thread: Argon2 takes 64 MB and much time on purpose, and votes
        need the threads.
        """
        address = caller_address(request, context)
        try:
            async with signing_in:
                token = await run_in_threadpool(admin_auth.sign_in, context, password, address)
        except Refused:
            _log.warning("sign-in of the administrator refused: too many tries")
            page = admin_auth.login_page(f"{prefix}/admin", "Too many tries. Wait a while.")
            return HTMLResponse(page, 429, headers=NO_STORE)
        if token is None:
            _log.warning("sign-in of the administrator refused: wrong password")
            page = admin_auth.login_page(f"{prefix}/admin", "That is not the password.")
            return HTMLResponse(page, 401, headers=NO_STORE)
        return _signed_in(f"{prefix}/admin", token, over_https(request, context))

    @routes.post("/logout")
    def logout(session: Session = None) -> Response:
        """End the session."""
        admin_auth.sign_out(context, session)
        reply = RedirectResponse(f"{prefix}/admin/login", 303, headers=NO_STORE)
        reply.delete_cookie(admin_auth.COOKIE, path=f"{prefix}/admin")
        return reply

    @routes.get("/export/{name}")
    def export(name: str, session: Session = None) -> Response:
        """A download; checks the session once more."""
        if not admin_auth.signed_in(context, session):
            raise Refused(401, "other", "sign in first")
        return _download(name, context)

    _add_people(routes, context)
    return routes


def _add_people(routes: APIRouter, context: StudyContext) -> None:
    @routes.get("/people.csv")
    def people(session: Session = None) -> Response:
        """Who has finished, with verdicts; names no system, so it can be had while votes come in."""
        if not admin_auth.signed_in(context, session):
            raise Refused(401, "other", "sign in first")
        text = tables.csv_text(roster.roster(context)).encode("utf-8-sig")
        headers = NO_STORE | {"Content-Disposition": 'attachment; filename="people.csv"'}
        return Response(text, headers=headers, media_type="text/csv; charset=utf-8")


def _signed_in(home: str, token: str, secure: bool) -> Response:
    """Go to the operators' page `home` with the session's cookie, which scripts cannot read."""
    reply = RedirectResponse(f"{home}/", 303, headers=NO_STORE)
    reply.set_cookie(
        admin_auth.COOKIE,
        token,
        max_age=3600 * admin_auth.HOURS,
        path=home,
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return reply


def _download(name: str, context: StudyContext) -> Response:
    """The export of that name, or a refusal."""
    if name not in exports.NAMES:
        raise Refused(404, "other", f"there is no export {name!r}")
    headers = NO_STORE | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(
        exports.content(context, name), headers=headers, media_type=exports.media_type(name)
    )
