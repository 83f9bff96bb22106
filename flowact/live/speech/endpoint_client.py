"""Asks one OpenAI-compatible server over connections that are kept; what goes wrong is told in one sentence."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx

from flowact.errors import UserError
from flowact.live.endpoints import Endpoint

_log = logging.getLogger(__name__)

TIMEOUT: Final = httpx.Timeout(30.0, connect=5.0)
KEPT: Final = httpx.Limits(max_keepalive_connections=8, keepalive_expiry=120.0)
"""A new connection costs a handshake, over TLS 100 to 300 ms, in every turn."""
MOST_REASON: Final = 200
"""Characters of a server's complaint that are logged."""


class EndpointRefusedError(UserError):
    """The server answered with an error.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class EndpointClient:
    """A server in one role, for all visitors.

    Attributes:
        endpoint: where it is and which model to use.

    Args:
        endpoint: see above.
        does: what it does for the avatar, to complete "cannot": hear, answer, speak.
    """

    def __init__(self, endpoint: Endpoint, does: str) -> None:
        self.endpoint, self._does = endpoint, does
        self._http: httpx.AsyncClient | None = None
        self._told: set[tuple[str, object]] = set()

    @asynccontextmanager
    async def post(self, path: str, **content: Any) -> AsyncIterator[httpx.Response]:
        """Post and give the answer as it begins; it may be read piece by piece.

        Raises:
            EndpointRefusedError: the server answered with an error.
            UserError: it does not answer, or stopped in the middle.
        """
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=TIMEOUT, limits=KEPT)
        endpoint = self.endpoint
        headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
        address = f"{endpoint.base_url}/{path}"
        try:
            async with self._http.stream("POST", address, headers=headers, **content) as answer:
                if answer.is_error:
                    reason = _reason(await answer.aread(), content.get("json"), endpoint.api_key)
                    self._log_once(path, answer.status_code, reason)
                    raise EndpointRefusedError(self._sentence(), answer.status_code)
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._log_once(path, type(error).__name__, "no answer, or only a part of one")
            raise UserError(self._sentence()) from error

    async def close(self) -> None:
        """Give the connections back."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    def understood(self, path: str) -> UserError:
        """Return the error of an answer that says nothing; it is logged."""
        self._log_once(path, "nonsense", "the answer is not what the protocol says")
        return UserError(self._sentence())

    def _sentence(self) -> str:
        return f"The avatar cannot {self._does} just now; the log of this server says why."

    def _log_once(self, path: str, kind: object, reason: str) -> None:
        if (path, kind) not in self._told:
            self._told.add((path, kind))
            _log.warning("%s/%s: %s, %s", self.endpoint.base_url, path, kind, reason)


def _reason(body: bytes, sent: object, key: str) -> str:
    """Return what a server complains of, without the key and without anything that a visitor said."""
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text)["error"]
        text = str(found.get("message", found)) if isinstance(found, dict) else str(found)
    except (ValueError, KeyError, TypeError):
        pass
    if any(words in text for words in _texts(sent) if len(words) > 3):
        return "its words repeat what was said and are not logged"
    text = " ".join(text.split())
    return (text.replace(key, "...") if key else text)[:MOST_REASON] or "no reason given"


def _texts(sent: object) -> Iterator[str]:
    """Yield what people said, as far as it was sent: contents of messages and texts to speak."""
    if not isinstance(sent, dict):
        return
    if isinstance(spoken := sent.get("input"), str):
        yield spoken
    for message in sent.get("messages", ()):
        if message["role"] != "system" and isinstance(message.get("content"), str):
            yield message["content"]
