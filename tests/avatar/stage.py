"""A session over the real engine, in one thread: its clock is turned by hand, or runs."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from flowact.avatar import AvatarSegment, AvatarSession
from flowact.media.watermark import Watermark
from flowact.serving.engine import Engine
from flowact.serving.messages import Create, MediaSegment
from flowact.serving.reference_cache import ReferenceCache
from tests.tiny_assets import picture


class Stage:
    """A session and the engine behind it, in one thread: a chunk is made when the test says so."""

    def __init__(self, pipeline, codec) -> None:
        self.now, self.failures = 0.0, []
        self.engine = Engine(
            pipeline, self.emit, Watermark(), ReferenceCache(pipeline), now=lambda: self.now
        )
        self.session = AvatarSession("a", codec, self.engine.handle)
        self.engine.handle(Create("a", picture().tobytes(), 5, "idling", codec))

    def emit(self, event) -> None:
        if isinstance(event, MediaSegment):
            self.session.receive(event)

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

        async def work() -> None:
            while True:
                self.now = time.monotonic()
                await asyncio.sleep(min(self.engine.wait(), 0.02))
                self.now = time.monotonic()
                self.engine.advance()

        task = asyncio.create_task(work())
        try:
            yield self.session
        finally:
            task.cancel()
            await self.session.close()


async def settled() -> None:
    for _ in range(30):
        await asyncio.sleep(0)
