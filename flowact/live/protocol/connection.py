"""A viewer's connection, whatever carries it: messages in, messages out, an end."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from flowact.errors import UserError

SEND_SECONDS: Final = 20.0
"""A connection that takes nothing for so long is lost."""
MOST_WAITING: Final = 500
MOST_WAITING_BYTES: Final = 1_000_000
"""Of posts that were not read yet: far more than a page sends, far less than a server has room for."""


class ConnectionLostError(Exception):
    """The other side is gone."""


class Connection(Protocol):
    """One viewer's line."""

    async def send(self, message: str | bytes) -> None:
        """Send a message.

        Raises:
            ConnectionLostError: it cannot be sent.
        """

    async def receive(self) -> str | bytes:
        """Wait for a message.

        Raises:
            ConnectionLostError: there will be none.
        """


class SocketConnection:
    """Over a WebSocket that was accepted."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, message: str | bytes) -> None:
        """Send a text or binary message."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                if isinstance(message, str):
                    await self._socket.send_text(message)
                else:
                    await self._socket.send_bytes(message)
        except (WebSocketDisconnect, RuntimeError, TimeoutError, OSError) as error:
            raise ConnectionLostError from error

    async def receive(self) -> str | bytes:
        """Wait for a text or binary message."""
        try:
            message = await self._socket.receive()
        except RuntimeError as error:  # received after the end
            raise ConnectionLostError from error
        if message["type"] != "websocket.receive":
            raise ConnectionLostError
        text, data = message.get("text"), message.get("bytes")
        return text if text is not None else bytes(data or b"")


class HttpConnection:
    """Over two kinds of HTTP requests: one endless answer down, short posts up."""

    def __init__(self) -> None:
        self._up: asyncio.Queue[str | bytes | None] = asyncio.Queue(MOST_WAITING)
        self._down: asyncio.Queue[str | bytes | None] = asyncio.Queue(4)
        self._closed, self._waiting = False, 0

    async def send(self, message: str | bytes) -> None:
        """Pass a message to the answer that is being sent."""
        if self._closed:
            raise ConnectionLostError
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._down.put(message)
        except TimeoutError as error:
            raise ConnectionLostError from error

    async def receive(self) -> str | bytes:
        """Wait for a message that was posted."""
        message = await self._up.get()
        if message is None:
            raise ConnectionLostError
        self._waiting -= _size(message)
        return message

    def post(self, message: str | bytes) -> None:
        """Take a message from a post.

        Raises:
            ConnectionLostError: nobody reads any more.
            UserError: too many wait already.
        """
        if self._closed:
            raise ConnectionLostError
        if self._up.full() or self._waiting + _size(message) > MOST_WAITING_BYTES:
            raise UserError("The page sends faster than the server can read.")
        self._waiting += _size(message)
        self._up.put_nowait(message)

    async def next_down(self) -> str | bytes | None:
        """Return what to send next in the answer; `None` at its end."""
        return await self._down.get()

    def close(self) -> None:
        """End both directions; either side may do so."""
        self._closed = True
        for line in (self._up, self._down):
            while line.full():
                line.get_nowait()
            line.put_nowait(None)


def _size(message: str | bytes) -> int:
    return len(message if isinstance(message, bytes) else message.encode())
