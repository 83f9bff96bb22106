"""Makes sessions on a server and joins them."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final, Self

import httpx
from pydantic import TypeAdapter, ValidationError

from flowact.client.remote_avatar import ClientError, RemoteAvatar
from flowact.live.api.models import CharacterInfo, SessionSpec, SessionTicket, VoiceInfo
from flowact.live.api.problem import Problem, ProblemBody

__all__ = ["ClientError", "FlowActClient"]

TIMEOUT_SECONDS: Final = 60.0


class FlowActClient:
    """One server and one of its owner's keys; use it with `async with`.

    Args:
        address: of the server, like `http://127.0.0.1:7860`.
        key: one of `FLOWACT_API_KEYS` there.
        transport: carries the HTTP requests, another one than the network's in tests.
    """

    def __init__(
        self, address: str, key: str = "", transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.AsyncClient(
            base_url=f"{address.rstrip('/')}/v1/",
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._http.aclose()

    async def characters(self) -> list[CharacterInfo]:
        """Return who can be shown."""
        answer = await self._call("GET", "characters")
        return TypeAdapter(list[CharacterInfo]).validate_json(answer.content)

    async def voices(self) -> list[VoiceInfo]:
        """Return the voices of the server, the best first."""
        answer = await self._call("GET", "voices")
        return TypeAdapter(list[VoiceInfo]).validate_json(answer.content)

    async def add_picture(self, picture: bytes, *, consent: bool) -> str:
        """Send a picture for one session and return its id; `consent`: its person has agreed."""
        params = {"consent": str(consent).lower()}
        answer = await self._call("POST", "pictures", content=picture, params=params)
        return str(answer.json()["picture_id"])

    async def make_session(self, **spec: Any) -> SessionTicket:
        """Make a session, for a browser to join for one; see `SessionSpec` for the options."""
        body = SessionSpec(**spec).model_dump_json()
        answer = await self._call("POST", "sessions", content=body)
        return SessionTicket.model_validate_json(answer.content)

    async def end_session(self, session_id: str) -> None:
        """End a session."""
        await self._call("DELETE", f"sessions/{session_id}")

    async def recording(self, session_id: str) -> bytes:
        """Return the last three minutes of a live session as mp4."""
        return (await self._call("GET", f"sessions/{session_id}/recording")).content

    @contextlib.asynccontextmanager
    async def session(self, **spec: Any) -> AsyncIterator[RemoteAvatar]:
        """Make a session and join it; it ends with the block.

        Raises:
            ClientError: the server refused, or cannot be reached.
        """
        ticket = await self.make_session(**spec)
        async with RemoteAvatar.join(ticket, lambda: self.recording(ticket.id)) as avatar:
            yield avatar

    async def _call(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **content)
        except httpx.HTTPError as error:
            problem = Problem(
                code="unreachable",
                message=f"The server cannot be reached: {error!r}.",
                retryable=True,
            )
            raise ClientError(problem) from error
        if answer.is_success:
            return answer
        try:
            raise ClientError(ProblemBody.model_validate_json(answer.content).error)
        except ValidationError as error:
            message = f"The server answered {answer.status_code}; it is no FlowAct of version 1."
            raise ClientError(Problem(code="unexpected", message=message)) from error
