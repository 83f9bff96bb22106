"""A viewer without a browser: asks for a place, connects, plays in its head, and comes back as the page does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from flowact.errors import UserError
from flowact.live.api.models import PROTOCOL
from flowact.live.protocol.binary import Flag, MessageKind, unpack
from flowact.serving.pacing import SEGMENT_SECONDS

SILENT_SECONDS: Final = 2.0
"""As `SILENT_OF_MANY_MS` of the page's `line.js`."""
OPEN_SECONDS: Final = 3.0
PING_SECONDS: Final = 0.5
REDIAL_SECONDS: Final = 0.3
LOSSES: Final = (WebSocketException, InvalidHandshake, OSError, TimeoutError)


@dataclass
class Watched:
    """What a viewer has seen.

    Attributes:
        joins: seconds from asking for a place to the first piece, one for every time that it was without one.
        frozen: how long the picture stood still, once for every time.
        lags: seconds from the server's sending a piece to its arrival.
        frames: how many came.
        first, last: when the first piece and the last one came, in seconds of a monotonic clock.
        anew: sessions that were begun again although there was one to go on with.
        errors: sentences that the server said.
        positions: in the line, as told.
        spoken: 16-bit sound by epoch, without what came twice.
        finished: replies that were said to their end.
        servers: the paths that it connected to.
    """

    joins: list[float] = field(default_factory=list)
    frozen: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    frames: int = 0
    first: float = 0.0
    last: float = 0.0
    anew: int = 0
    errors: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    finished: int = 0
    spoken: dict[int, dict[int, bytes]] = field(default_factory=dict)
    servers: list[str] = field(default_factory=list)


class FleetViewer:
    """One page's end of the protocol.

    Args:
        page: address of the fleet's page.
        token: the visitor's ticket.
        http: asks for places.
        asks: a text to be said, once there is a picture.
        reads: whether it reads what comes; one that does not is a viewer whose machine sleeps.

    Attributes:
        seen: what it has seen so far.
        playing: set as long as pieces come.
    """

    def __init__(
        self,
        page: str,
        token: str,
        http: httpx.AsyncClient,
        asks: str = "",
        *,
        reads: bool = True,
    ) -> None:
        self._page, self._token, self._http = page.rstrip("/"), token, http
        self._asks, self._reads = asks, reads
        self.seen, self.playing = Watched(), asyncio.Event()
        self._place: dict[str, str] = {}
        self._lost = True
        self._resume = ""
        self._asked: float | None = None
        self._played_until = 0.0
        self._socket: ClientConnection | None = None
        self._over = False

    async def watch(self) -> None:
        """Watch until `leave`; whatever breaks is dialled again.

        Raises:
            UserError: the fleet refuses this viewer.
        """
        while not self._over:
            if self._asked is None:
                self._asked = time.monotonic()
            if self._lost:
                await self._take_place()
            self._lost = True  # unless the server says where it goes on
            with contextlib.suppress(*LOSSES):
                await self._converse()
            self.playing.clear()

    async def leave(self) -> None:
        """Say goodbye."""
        self._over = True
        if self._socket is not None:
            with contextlib.suppress(*LOSSES):
                await self._socket.send(json.dumps({"type": "session.close"}))
                await self._socket.close()

    def abandon(self) -> None:
        """Be gone without a word."""
        self._over = True
        if self._socket is not None:
            self._socket.transport.abort()

    async def _take_place(self) -> None:
        asked = {"token": self._token, "waiting": "", "lost": self._place.get("ticket", "")}
        while not self._over:
            try:
                answer = await self._http.post(f"{self._page}/live/place", json=asked)
                found: dict[str, Any] = answer.json()
            except (httpx.HTTPError, json.JSONDecodeError):
                await asyncio.sleep(REDIAL_SECONDS)
                continue
            if "error" in found:
                self.seen.errors.append(found["error"])
                raise UserError(found["error"])
            if found.get("type") == "place":
                self._take(found)
                return
            asked["waiting"] = found["ticket"]
            self.seen.positions.append(found["position"])

    def _take(self, place: dict[str, str]) -> None:
        self._place, self._lost = place, False
        self.seen.servers.append(server_of(place["path"]))

    async def _converse(self) -> None:
        """Be connected until the session goes elsewhere, or this viewer leaves."""
        path = self._place["path"]
        base = path if path.startswith("http") else f"{self._page}/{path}"
        query = urlencode({"place": self._place["ticket"]})
        socket = self._socket = await connect(
            f"{base.replace('http', 'ws', 1)}/socket?{query}",
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers={"Authorization": f"Bearer {self._resume or self._token}"},
            open_timeout=OPEN_SECONDS,
            close_timeout=0.1,
            ping_interval=None,
            compression=None,  # as the server has it
            max_queue=1024 if self._reads else 1,
        )
        pinging = asyncio.create_task(_ping(socket))
        moved = False
        try:
            moved = await self._listen(socket)
        finally:
            pinging.cancel()
            if moved:
                self._rest = asyncio.create_task(self._hear_out(socket))
            else:
                await socket.close()

    async def _listen(self, socket: ClientConnection) -> bool:
        """Take what comes; returns whether the session goes elsewhere."""
        while not self._reads:
            await asyncio.sleep(SILENT_SECONDS)
        while not self._over:
            async with asyncio.timeout(SILENT_SECONDS):
                message = await socket.recv()
            if isinstance(message, bytes):
                self._media(message)
            elif self._told(json.loads(message)):
                return True
        return False

    async def _hear_out(self, socket: ClientConnection) -> None:
        """Take what a server still has that has given the session away."""
        with contextlib.suppress(*LOSSES):
            async for message in socket:
                if isinstance(message, bytes):
                    self._media(message)
        await socket.close()

    def _told(self, message: dict[str, Any]) -> bool:
        """Take an event; return whether the session goes on elsewhere, or the place is another's."""
        match message:
            case {"type": "session.created"}:
                self._resume = message["resume_token"]
            case {"type": "playback.finished", "interrupted": False}:
                self.seen.finished += 1
            case {"type": "error", "code": "unknown_session"} if self._resume:
                self.seen.anew += 1
                self._resume = ""
                return True
            case {"type": "session.moved"}:
                if message["path"]:  # where it has a place already
                    self._take(message)
                return True
            case {"type": "session.moved"} | {"type": "error", "code": "place_lost"}:
                return True
            case {"type": "error"}:
                self.seen.errors.append(message["message"])
        return False

    def _media(self, message: bytes) -> None:
        header, body = unpack(message)
        now, seen = time.monotonic(), self.seen
        if header.kind is MessageKind.STILL:
            return
        seen.lags.append(time.time() - header.sent_ms / 1e3)
        if header.kind is not MessageKind.SOUND:
            seen.frames += 1
            return
        if Flag.SPEAKING in header.flags:
            seen.spoken.setdefault(header.epoch, {})[round(header.media_ms)] = body
        if self._asked is not None:
            seen.joins.append(now - self._asked)
            self._asked = None
            if not self._played_until:
                self._played_until = now
                self._ask()
        if now > self._played_until:
            seen.frozen.append(now - self._played_until)
        self._played_until = max(now, self._played_until) + SEGMENT_SECONDS
        seen.first, seen.last = seen.first or now, now
        self.playing.set()

    def _ask(self) -> None:
        if self._asks and self._socket is not None:
            request = json.dumps({"type": "text.say", "text": self._asks})
            self._asking = asyncio.create_task(self._socket.send(request))


def server_of(path: str) -> str:
    """Return the part of a place's path that is the same for all of a server."""
    return path if path.startswith("http") else "/".join(path.split("/")[:2])


async def _ping(socket: ClientConnection) -> None:
    with contextlib.suppress(*LOSSES):
        while True:
            await asyncio.sleep(PING_SECONDS)
            await socket.send(json.dumps({"type": "ping", "at": time.time() * 1e3}))
