"""Leases at replicas: one open streaming call each, which Serve counts, routes and waits for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from flowact.fleet.place_counter import Seat

_log = logging.getLogger(__name__)

DEADLINE_SECONDS: Final = 1.0
"""A replica that does not answer within it is full, or gone without a word."""
LOSSES: Final = (RayError, RayServeException, StopAsyncIteration, asyncio.CancelledError)


class ServeLeases:
    """`Leases` at the replicas of a Serve deployment.

    Args:
        handle: of the deployment, whose method `lease` yields where the place is and ends with it.
    """

    def __init__(self, handle: DeploymentHandle[Any]) -> None:
        self._take = handle.options(method_name="lease", stream=True)
        self._held: dict[str, asyncio.Task[None]] = {}

    async def take(self, lease: str, lost: str, over: Callable[[], None]) -> Seat | None:
        """See `Leases`."""
        stream: Any = self._take.remote(lease)
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                path = await anext(stream)
        except TimeoutError:
            stream.cancel()
            return None
        except LOSSES as error:
            _log.info("a replica was lost while a place was taken: %s", type(error).__name__)
            return None
        if path is None:
            return None
        task = self._held[lease] = asyncio.create_task(_until_over(stream))

        def ended(_task: asyncio.Task[None]) -> None:
            self._held.pop(lease, None)
            over()

        task.add_done_callback(ended)
        return Seat(lease, path)

    async def give_back(self, lease: str) -> None:
        """See `Leases`; a replica keeps a lease that a page has come for."""
        task = self._held.get(lease)
        if task is not None:
            task.cancel()


async def _until_over(stream: Any) -> None:
    over: AsyncIterator[Any] = stream
    try:
        with contextlib.suppress(RayError, RayServeException):
            async for _ in over:
                pass
    finally:
        stream.cancel()  # what is over anyway does not mind
