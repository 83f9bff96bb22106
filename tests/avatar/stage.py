"""A session over the real engine: its clock is turned by hand, or it runs in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import time
from collections.abc import AsyncIterator

from flowact.avatar import AvatarSegment, AvatarSession
from flowact.media.watermark import Watermark
from flowact.serving.engine import Engine
from flowact.serving.messages import Command, Create, MediaSegment
from flowact.serving.reference_cache import ReferenceCache
from tests.tiny_assets import picture


class Stage:
    """A session and the engine behind it, in one thread: a chunk is made when the test says so."""

    def __init__(self, pipeline, codec) -> None:
        self.now, self.failures = 0.0, []
        self.engine = Engine(
            pipeline, self.emit, Watermark(), ReferenceCache(pipeline), now=lambda: self.now
        )
        self._waiting: queue.SimpleQueue[Command] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.session = AvatarSession("a", codec, self.send)
        self.engine.handle(Create("a", picture().tobytes(), 5, "idling", codec))

    def send(self, command: Command) -> None:
        if self._waiting is None:
            self.engine.handle(command)
        else:
            self._waiting.put(command)

    def emit(self, event) -> None:
        if not isinstance(event, MediaSegment):
            return
        if self._loop is None:
            self.session.receive(event)
        else:
            self._loop.call_soon_threadsafe(self.session.receive, event)

    async def chunk(self) -> None:
        await settled()
        self.now += max(self.engine.wait(), 1e-3)
        self.engine.advance()
        await settled()

    async def read(self, chunks: int) -> list[AvatarSegment]:
        found = []
        for _ in range(chunks):
            await self.chunk()
            found += [await anext(self.session) for _ in range(3)]
        return found

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[AvatarSession]:
        """Let the engine make chunks when they are due, as the worker does."""

        self._waiting, self._loop = queue.SimpleQueue(), asyncio.get_running_loop()

        def turn() -> None:
            while not self._waiting.empty():
                self.engine.handle(self._waiting.get())
            self.now = time.monotonic()
            time.sleep(min(self.engine.wait(), 0.02))
            self.now = time.monotonic()
            self.engine.advance()

        async def work() -> None:
            while True:
                await asyncio.to_thread(turn)

        task = asyncio.create_task(work())
        try:
            yield self.session
        finally:
            task.cancel()
            await self.session.close()


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)
