"""What a request may be allowed by: an owner's key, or a token of a session or of the page."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from flowact.errors import UserError
from flowact.live.access.origin import is_allowed
from flowact.live.access.tickets import Tickets
from flowact.live.protocol.problem import ApiError
from flowact.live.session.live_session import LiveSession
from flowact.live.session.manager import SessionManager

CLIENT: Final = "client"
"""Purpose of a client token: one session that an owner's key has made."""
RESUME: Final = "client-resume"
"""Purpose of a resume token: a session whose connection was lost, its recording, and sound for it."""
PAGE: Final = "visit"
"""Purpose of a page token, which this server's own page has got: sessions of mode `agent`, for ten minutes."""
RESUME_SECONDS: Final = 86_400.0
_bearer = HTTPBearer(
    auto_error=False,
    description="One of the owner's keys, FLOWACT_API_KEYS, or a token where the route says so.",
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]


def read_token(tickets: Tickets, token: str) -> tuple[str, str]:
    """Return a token's purpose and its subject.

    Raises:
        ApiError: forged, too old, or for something else.
    """
    for purpose in (CLIENT, RESUME, PAGE):
        try:
            return purpose, tickets.check(token, purpose)
        except UserError:
            continue
    raise ApiError(
        "invalid_token",
        "That token is not valid, or it is too old.",
        status=401,
        fatal=True,
    )


def check_key(manager: SessionManager, bearer: HTTPAuthorizationCredentials | None) -> None:
    """Refuse whoever has none of the owner's keys.

    Raises:
        ApiError: no key, a wrong one, or there are none.
    """
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


def session_of(
    manager: SessionManager, bearer: HTTPAuthorizationCredentials | None
) -> LiveSession | None:
    """Return the session whose resume token was sent; `None` if that was something else."""
    return manager.sessions.get(_subject(manager, bearer, RESUME))


def page_visitor(
    manager: SessionManager,
    bearer: HTTPAuthorizationCredentials | None,
    headers: Mapping[str, str],
) -> str:
    """Return whose page token was sent; empty if that was something else.

    Raises:
        ApiError: it came from somebody else's page.
    """
    visitor = _subject(manager, bearer, PAGE)
    if visitor:
        check_origin(manager, headers)
    return visitor


def check_origin(manager: SessionManager, headers: Mapping[str, str]) -> None:
    """Refuse pages that are neither this server's nor its owner's.

    Raises:
        ApiError: the request came from such a page.
    """
    if not is_allowed(headers, manager.settings.origins):
        raise ApiError(
            "foreign_page",
            "This page may not use this server; its owner can allow it with --origins.",
            status=403,
            fatal=True,
        )


def _subject(
    manager: SessionManager, bearer: HTTPAuthorizationCredentials | None, purpose: str
) -> str:
    if bearer is None:
        return ""
    try:
        return manager.tickets.check(bearer.credentials, purpose)
    except UserError:
        return ""
