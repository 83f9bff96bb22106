"""Who may see the admin page: one password from the environment, sessions in the database.

There is no default password: without STUDY_ADMIN_PASSWORD (or its argon2 hash in
STUDY_ADMIN_PASSWORD_HASH) nobody can sign in.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Request
from sqlalchemy import delete
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from study.database.models import AdminSession
from study.errors import StudyError
from study.voting import rate_limit, tokens
from study.voting.context import StudyContext

PASSWORD = "STUDY_ADMIN_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_HASH = "STUDY_ADMIN_PASSWORD_HASH"  # noqa: S105 - the name of a variable
COOKIE = "study_admin"
HOURS = 12
SHORTEST = 10


@cache
def _hash_of(plain: str) -> str:
    return PasswordHasher().hash(plain)


def expected_hash() -> str | None:
    """The argon2 hash that a password has to match, None when no password is configured."""
    given = os.environ.get(PASSWORD_HASH)
    if given:
        return given
    plain = os.environ.get(PASSWORD)
    if plain is None:
        return None
    if len(plain) < SHORTEST:
        raise StudyError(f"{PASSWORD} has {len(plain)} characters, expected at least {SHORTEST}")
    return _hash_of(plain)


def sign_in(context: StudyContext, password: str, network: str) -> str | None:
    """A session token for the right password, None for a wrong one; raises Refused 429 when locked.

    A try counts before it is looked at, and the right password clears its network's count; there is no
    count over all networks, by which strangers could lock the operator out. Argon2 compares in constant
    time whether or not a password is configured.
    """
    now = context.clock()
    rule = context.config.limits
    with context.store.write() as session:
        own = f"login:{tokens.daily_hash(session, network, now)}"
        rate_limit.count(session, own, now, 60 * rule.lockout_minutes, rule.login_failures)
    if not _matches(password):
        return None
    token = tokens.fresh()
    with context.store.write() as session:
        rate_limit.forget(session, own)
        session.execute(delete(AdminSession).where(AdminSession.expires_at < now))
        expires = now + 3600 * HOURS
        session.add(AdminSession(token_hash=tokens.hashed(token), expires_at=expires))
    return token


def sign_out(context: StudyContext, token: str | None) -> None:
    """End a session."""
    if token:
        with context.store.write() as session:
            session.execute(
                delete(AdminSession).where(AdminSession.token_hash == tokens.hashed(token))
            )


def signed_in(context: StudyContext, token: str | None) -> bool:
    """Whether a cookie's token belongs to a session that has not expired."""
    if not token:
        return False
    with context.store.read() as session:
        row = session.get(AdminSession, tokens.hashed(token))
        return row is not None and row.expires_at > context.clock()


def dependency(context: StudyContext) -> Callable[[Request], str | None]:
    """For Gradio's `auth_dependency`: the operator's name, None for a stranger."""

    def operator(request: Request) -> str | None:
        return "operator" if signed_in(context, request.cookies.get(COOKIE)) else None

    return operator


class AdminGate:
    """ASGI middleware: below the admin path a stranger gets 401 before anything else sees the call.

    Gradio checks the same session again by `dependency`.
    """

    def __init__(self, app: ASGIApp, context: StudyContext, prefix: str) -> None:
        self.app = app
        self.context = context
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or answer 401 (with the sign-in form where a page was asked for)."""
        if scope["type"] not in ("http", "websocket") or not self._guards(scope["path"]):
            await self.app(scope, receive, send)
            return
        token = HTTPConnection(scope).cookies.get(COOKIE)
        if await run_in_threadpool(signed_in, self.context, token):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 4401})
        else:
            await self._refuse(scope, receive, send)

    def _guards(self, path: str) -> bool:
        if path == f"{self.prefix}/login":
            return False
        return path == self.prefix or path.startswith(f"{self.prefix}/")

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = scope["method"] == "GET" and scope["path"].rstrip("/") == self.prefix
        if page:
            await HTMLResponse(login_page(self.prefix), 401)(scope, receive, send)
        else:
            await PlainTextResponse("sign in first", 401)(scope, receive, send)


def login_page(prefix: str, message: str = "") -> str:
    """The sign-in form as a complete page."""
    return LOGIN_PAGE.format(action=f"{prefix}/login", message=message)


def _matches(password: str) -> bool:
    expected = expected_hash()
    try:
        PasswordHasher().verify(expected or _hash_of("no password is configured"), password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return expected is not None


LOGIN_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in</title><style>
body {{ margin: 0; min-height: 100vh; display: grid; place-content: center; background: #dededb;
  color: #1c1d1e; font: 16px/1.5 system-ui, sans-serif; }}
form {{ width: min(340px, 100vw - 48px); display: grid; gap: 14px; }}
h1 {{ font: 400 32px/1.2 'Iowan Old Style', Palatino, Georgia, serif; margin: 0 0 6px; }}
input {{ font: inherit; padding: .65em .8em; border: 1.5px solid #8a8c8d; border-radius: 10px; }}
button {{ font: inherit; font-weight: 600; padding: .7em; border: 0; border-radius: 10px;
  background: #1c1d1e; color: #fff; cursor: pointer; }}
p {{ margin: 0; color: #9a3324; min-height: 1.5em; }}
</style></head><body><form method="post" action="{action}"><h1>Study administration</h1>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" autofocus>
<button>Sign in</button><p role="alert">{message}</p></form></body></html>"""
