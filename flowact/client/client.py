"""Makes sessions on a server and joins them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final, Self

import httpx
from pydantic import TypeAdapter, ValidationError

from flowact.client.remote_avatar import ClientError, RemoteAvatar
from flowact.live.api.models import (
    CharacterInfo,
    RenderSpec,
    RenderStanding,
    SessionSpec,
    SessionTicket,
    VoiceInfo,
)
from flowact.live.protocol.problem import Problem, ProblemBody

__all__ = ["ClientError", "FlowActClient"]

TIMEOUT_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 1.0
"""Between two looks at a video that is being made."""


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

    async def add_sound(self, sound: bytes) -> str:
        """Send a recording, a file of any usual format, for one video and return its id."""
        answer = await self._call("POST", "sounds", content=sound)
        return str(answer.json()["sound_id"])

    async def start_render(self, **spec: Any) -> RenderStanding:
        """Begin to make a whole video; see `RenderSpec` for the options."""
        body = RenderSpec(**spec).model_dump_json()
        answer = await self._call("POST", "renders", content=body)
        return RenderStanding.model_validate_json(answer.content)

    async def look_at_render(self, render_id: str) -> RenderStanding:
        """Return where a video stands."""
        answer = await self._call("GET", f"renders/{render_id}")
        return RenderStanding.model_validate_json(answer.content)

    async def rendered(self, render_id: str) -> bytes:
        """Return a video that is done, as mp4."""
        return (await self._call("GET", f"renders/{render_id}/video")).content

    async def end_render(self, render_id: str) -> None:
        """Delete a video, or give up making it."""
        await self._call("DELETE", f"renders/{render_id}")

    async def render(self, **spec: Any) -> bytes:
        """Make a whole video, wait for it and return it as mp4; nothing of it stays on the server.

        Raises:
            ClientError: the server refused, cannot be reached, or could not make it.
        """
        standing = await self.start_render(**spec)
        try:
            while standing.state in ("queued", "running"):
                await asyncio.sleep(LOOK_SECONDS)
                standing = await self.look_at_render(standing.id)
            if standing.problem is not None:
                raise ClientError(standing.problem)
            return await self.rendered(standing.id)
        finally:
            await self.end_render(standing.id)

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
