"""One session on a server, joined by a program."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from flowact.errors import UserError
from flowact.live.api.models import PROTOCOL, SessionTicket
from flowact.live.protocol import events
from flowact.live.protocol.binary import Header, unpack
from flowact.live.protocol.problem import Problem

PING_SECONDS: Final = 4.0
APPEND_BYTES: Final = 32_000
MOST_AHEAD_MS: Final = 60_000
"""Sound sent beyond what the server has spoken; it holds twice as much."""
MOST_MEDIA: Final = 1_500
"""Messages kept for a program that does not read: about 45 s."""
_SERVER_EVENT: Final[TypeAdapter[events.ServerEvent]] = TypeAdapter(events.ServerEvent)


class ClientError(UserError):
    """The server refused something, or is gone.

    Attributes:
        problem: what and why; see there.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True)
class Media:
    """A binary message: one encoded frame or the sound of four, and its header."""

    header: Header
    body: bytes


class RemoteAvatar:
    """A joined session; iterate over it for its events and media.

    Attributes:
        created: what the server said at the beginning.
        dropped: media messages that the program did not read in time.

    Args:
        socket: the open connection.
        created: see above.
        recording: fetches the recording.
    """

    def __init__(
        self,
        socket: ClientConnection,
        created: events.SessionCreated,
        recording: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._socket, self.created, self._recording = socket, created, recording
        self._buffered_ms, self._told = 0.0, asyncio.Event()
        self._rate, self.dropped = 16_000, 0
        self._inbox: asyncio.Queue[events.ServerEvent | Media | None] = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._ping()), asyncio.create_task(self._read())]

    @classmethod
    @contextlib.asynccontextmanager
    async def join(
        cls, ticket: SessionTicket, recording: Callable[[], Awaitable[bytes]]
    ) -> AsyncIterator[RemoteAvatar]:
        """Open the socket of a session; leaving the block ends the session.

        Raises:
            ClientError: the server refused it.
        """
        headers = {"Authorization": f"Bearer {ticket.client_token}"}
        protocol = [Subprotocol(PROTOCOL)]
        try:
            async with connect(
                ticket.socket_url,
                subprotocols=protocol,
                additional_headers=headers,
                max_size=None,
                ping_interval=None,  # the protocol has pings of its own
            ) as socket:
                avatar = cls(socket, await _created(socket), recording)
                try:
                    yield avatar
                finally:
                    await avatar.close()
        except (OSError, WebSocketException) as error:
            raise ClientError(_lost(error)) from error

    async def push(
        self, pcm: bytes, *, rate: int = 16_000, item_id: str = "", text: str = ""
    ) -> None:
        """Send 16-bit mono sound of any length; waits while the server is a minute behind."""
        if item_id or text or rate != self._rate:
            self._rate = rate
            start = events.AudioStart(type="audio.start", item_id=item_id, rate=rate, text=text)
            await self._send(start)
        for begin in range(0, len(pcm), APPEND_BYTES):
            await self._wait_for_room()
            block = pcm[begin : begin + APPEND_BYTES]
            self._buffered_ms += len(block) * 500 / rate
            await self._send_raw(block)

    async def commit(self) -> None:
        """Say that the item's sound is complete."""
        await self._send(events.AudioCommit(type="audio.commit"))

    async def clear(self) -> None:
        """Interrupt."""
        self._buffered_ms = 0.0
        self._told.set()
        await self._send(events.AudioClear(type="audio.clear"))

    async def say(self, text: str, *, item_id: str = "", voice: str = "") -> None:
        """Let a voice of the server speak a text."""
        await self._send(events.TextSay(type="text.say", text=text, item_id=item_id, voice=voice))

    async def ask(self, text: str) -> None:
        """Ask a question as if the viewer had typed it, in mode `agent`."""
        await self._send(events.TextAsk(type="text.ask", text=text))

    async def update(
        self, *, voice: str | None = None, language: str | None = None, persona: str | None = None
    ) -> None:
        """Change how the session talks; what is left out stays. See `events.SessionUpdate`."""
        await self._send(
            events.SessionUpdate(
                type="session.update", voice=voice, language=language, persona=persona
            )
        )

    async def act(self, text: str) -> None:
        """Let the person do something, in words."""
        await self._send(events.ActionSet(type="action.set", text=text))

    async def microphone(self, mode: str) -> None:
        """Say what pushed sound is, in mode `agent`: `off`, `puppet` or `conversation`."""
        event = {"type": "microphone.set", "mode": mode}
        await self._send(events.MicrophoneSet.model_validate(event))

    async def recording(self) -> bytes:
        """Return the last three minutes as mp4."""
        return await self._recording()

    async def close(self) -> None:
        """End the session."""
        with contextlib.suppress(ClientError):
            await self._send(events.SessionClose(type="session.close"))
        for task in self._tasks:
            task.cancel()

    def __aiter__(self) -> AsyncIterator[events.ServerEvent | Media]:
        return self

    async def __anext__(self) -> events.ServerEvent | Media:
        message = await self._inbox.get()
        if message is None:
            raise StopAsyncIteration
        return message

    async def _wait_for_room(self) -> None:
        while self._buffered_ms > MOST_AHEAD_MS:
            self._told.clear()
            await self._told.wait()

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in self._socket:
                if isinstance(message, bytes):
                    self._keep(Media(*unpack(message)))
                    continue
                event = parse_server_event(message)
                if isinstance(event, events.PlaybackMetrics):
                    self._buffered_ms = event.buffered_ms
                    self._told.set()
                if event is not None:
                    self._inbox.put_nowait(event)
        self._inbox.put_nowait(None)
        self._buffered_ms = 0.0
        self._told.set()

    def _keep(self, media: Media) -> None:
        """Keep media for whoever iterates; a program that does not gets only the events."""
        if self._inbox.qsize() < MOST_MEDIA:
            self._inbox.put_nowait(media)
        else:
            self.dropped += 1

    async def _ping(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self._send(events.PingEvent(type="ping", at=time.time() * 1e3))

    async def _send(self, event: events.ClientEvent) -> None:
        await self._send_raw(event.model_dump_json())

    async def _send_raw(self, message: str | bytes) -> None:
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise ClientError(_lost(error)) from error


def parse_server_event(message: str | bytes) -> events.ServerEvent | None:
    """Read an event; `None` for one that this client does not know."""
    try:
        return _SERVER_EVENT.validate_json(message)
    except ValidationError:
        return None


async def _created(socket: ClientConnection) -> events.SessionCreated:
    """Wait in line for the first event of the session.

    Raises:
        ClientError: the server refused.
    """
    while True:
        message = await socket.recv()
        if isinstance(message, bytes):
            continue
        event = parse_server_event(message)
        if isinstance(event, events.SessionCreated):
            return event
        if isinstance(event, events.ErrorEvent):
            raise ClientError(Problem(**json.loads(event.model_dump_json(exclude={"type"}))))


def _lost(error: Exception) -> Problem:
    return Problem(
        code="connection_lost", message=f"The server closed the connection: {error}.", fatal=True
    )
