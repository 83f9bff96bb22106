"""Many viewers at once, and what all of them have seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx
import numpy as np

from flowact.bench.fleet.viewer import FleetViewer
from flowact.errors import UserError
from flowact.live.access.tickets import Tickets

JOINING_SECONDS: Final = 120.0


class Crowd:
    """Viewers of one page.

    Args:
        page: its address.
        tickets: signed with the fleet's secret.
    """

    def __init__(self, page: str, tickets: Tickets) -> None:
        self._page, self._tickets = page, tickets
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        self._http = httpx.AsyncClient(timeout=10.0, limits=limits)
        self.viewers: list[FleetViewer] = []
        self._watching: dict[FleetViewer, asyncio.Task[None]] = {}

    def add(self, asks: str = "", *, reads: bool = True) -> FleetViewer:
        """Let one more come."""
        token = self._tickets.issue("visit", f"viewer{len(self.viewers)}")
        viewer = FleetViewer(self._page, token, self._http, asks, reads=reads)
        self.viewers.append(viewer)
        self._watching[viewer] = asyncio.create_task(viewer.watch())
        return viewer

    async def come(self, count: int, seconds: float, asks: str = "") -> list[FleetViewer]:
        """Let many come, one after the other in so many seconds; returns when all have a picture.

        Raises:
            UserError: one was refused, or has none for two minutes.
        """
        come = []
        for number in range(count):
            come.append(self.add(asks))
            if number < count - 1:
                await asyncio.sleep(seconds / count)
        await self.all_play(come)
        return come

    async def all_play(self, viewers: list[FleetViewer] | None = None) -> None:
        """Wait until everybody has a picture.

        Raises:
            UserError: somebody was refused, or has none for two minutes.
        """
        chosen = self.viewers if viewers is None else viewers
        limit = time.monotonic() + JOINING_SECONDS
        while waiting := [each for each in chosen if not each.playing.is_set()]:
            for viewer in waiting:
                task = self._watching[viewer]
                if task.done():
                    await task
            if time.monotonic() > limit:
                raise UserError(
                    f"{len(waiting)} viewers have no picture after {JOINING_SECONDS:.0f} s."
                )
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Let everybody leave."""
        await asyncio.gather(*(each.leave() for each in self.viewers), return_exceptions=True)
        for task in self._watching.values():
            task.cancel()
        await asyncio.gather(*self._watching.values(), return_exceptions=True)
        await self._http.aclose()


@asynccontextmanager
async def crowd(page: str, secret: str) -> AsyncIterator[Crowd]:
    """Viewers of a page within the block."""
    made = Crowd(page, Tickets(secret.encode()))
    try:
        yield made
    finally:
        await made.close()


def share(values: list[float], part: float) -> float:
    """Return the value below which so large a part of all lies; 0 of none."""
    return float(np.quantile(values, part)) if values else 0.0
